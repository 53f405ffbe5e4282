"""Short runs to long ones: the search that is written composes and lists the right points."""

from __future__ import annotations

import functools
import hashlib
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra_plugins.hpsearch_sweeper.plan import Plan, make_plan
from omegaconf import DictConfig

from hpsearch.config import CONF_DIR, flatten
from hpsearch.context import choices
from hpsearch.errors import ReportError
from hpsearch.promotion import promote
from hpsearch.promotion.choosing import choose
from hpsearch.promotion.searched import read, searched_part
from hpsearch.tracking import Tracker
from hpsearch.tracking.study import Study
from tests.conftest import fresh
from tests.reporting.conftest import Log, logger

Grid = Callable[..., Study]

GRID = {"head.activation": ("tanh", "relu"), "head.dim": (50, 250)}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in the checkout, whose own ``conf/`` would be written to."""
    GlobalHydra.instance().clear()
    monkeypatch.chdir(tmp_path)


@functools.cache
def composed(*words: str) -> DictConfig:
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return compose("config", overrides=list(words), return_hydra_config=True)


def begin(tracker: Tracker, name: str, *words: str, keys: Sequence[str]) -> None:
    """As a sweep with these words begins its study."""
    config = composed(*words)
    tags = {"hpsearch.command": shlex.join(words)}
    tracker.start_study(
        name, base={**choices(config.hydra), **flatten(config)}, keys=keys, tags=tags
    )


@pytest.fixture(scope="module")
def grid(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Grid:
    """Makes each study once, in a store of its own."""

    @functools.cache
    def made(*words: str, gain: float = 0.02, name: str = "heads") -> Study:
        tracker = fresh(empty_store, tmp_path_factory.mktemp("grid"))
        begin(tracker, name, *words, keys=[*GRID, "seed"])
        log_grid(logger(tracker), name, gain)
        return tracker.read_study(name)

    return made


def log_grid(log: Log, name: str, gain: float) -> None:
    """Four heads with three seeds each; relu gains beyond noise, the dimension does not."""
    noise = iter([0.001, -0.001, 0.0005, 0.0, -0.0005, 0.001] * 2)
    for activation in GRID["head.activation"]:
        for dim in GRID["head.dim"]:
            for seed in range(3):
                point = {"head.activation": activation, "head.dim": dim, "seed": seed}
                better = gain if activation == "relu" else 0.0
                log(name, point, 0.8 + better + next(noise), fingerprint=fingerprint(point))


def fingerprint(point: Mapping[str, object]) -> str:
    return hashlib.sha256(repr(sorted(point.items())).encode()).hexdigest()


def planned(path: Path, *words: str) -> tuple[DictConfig, Plan]:
    """What Hydra and the sweeper make of the file."""
    place = f"hydra.searchpath=[file://{path.parents[1].absolute()}]"
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        words = (f"search={path.stem}", place, *words)
        config = compose("config", overrides=list(words), return_hydra_config=True)
        plan = make_plan(config, [], loader=GlobalHydra.instance().config_loader())
    return config, plan


def test_the_best_points_are_listed_and_run_once_a_seed(grid: Grid, tmp_path: Path) -> None:
    study = grid("trainer.epochs=4")
    written = promote(study, 2, root=tmp_path)
    config, plan = planned(written.path)
    assert plan.listed == [
        {"head.activation": "relu", "head.dim": dim} for dim in _order(study, "relu")
    ]
    assert plan.total == 2 * 5
    assert config.trainer.epochs == 12
    assert written.path == tmp_path / "conf" / "search" / "heads_promoted.yaml"
    assert "--config-dir" in written.command
    assert yaml.safe_load(written.path.read_text())["hydra"]["sweeper"]["seeds"] == 5


def _order(study: Study, activation: str) -> list[int]:
    """The dimensions of one activation, best first."""
    means = study.runs.groupby(["params.head.activation", "params.head.dim"])
    ranked = means["metrics.best/val/accuracy"].mean()[activation].sort_values(ascending=False)
    return [int(dim) for dim in ranked.index]


@pytest.mark.slow
def test_only_epochs_and_seeds_differ_from_the_study(grid: Grid, tmp_path: Path) -> None:
    words = (
        "experiment=longformer_imdb",
        "search=head_ofat",
        "schedule=cosine",
        "data.path='/some, where: \"else\"'",
        "data.classes=[no, 'yes']",
        "loss.class_weights=[1, 2.5]",
        "trainer.early_stopping.patience=2",
        "trainer.clip_norm=null",
        "trainer.deterministic=true",
        "optimizer.lr=3e-5",
        "name=a-b",
    )
    study = grid(*words)
    config, _ = planned(promote(study, 1, root=tmp_path, epochs=9, seeds=2).path)
    expected = {**flatten(composed(*words)), "trainer.epochs": 9}
    assert flatten(config) == expected
    assert choices(config.hydra)["experiment"] == "longformer_imdb"


def test_levels_beyond_noise_are_combined_and_others_stay_at_the_base(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    """One factor at a time: activation and dropout gain on every seed, the dimension does not."""
    begin(tracker, "ofat", keys=["head.activation", "head.dropout", "head.dim", "seed"])
    base = {"head.activation": "tanh", "head.dropout": 0.1, "head.dim": 64}
    others = [{}, {"head.activation": "relu"}, {"head.dropout": 0.3}, {"head.dim": 250}]
    noises = [(0.0, 0.002, -0.002, 0.001), (0.0, 0.0021, -0.002, 0.0011)]
    for other in others:
        gain = 0.02 if "head.activation" in other or "head.dropout" in other else 0.0
        for seed, noise in enumerate(noises[bool(gain)]):
            wobble = 0.004 * (-1) ** seed if "head.dim" in other else 0.0
            point = {**base, **other, "seed": seed}
            log("ofat", point, 0.8 + gain + noise + wobble, fingerprint=fingerprint(point))
    chosen = choose(tracker.read_study("ofat"), 1, tmp_path)
    assert chosen.points[-1] == {
        "head.activation": "relu",
        "head.dropout": "0.3",
        "head.dim": "64",
    }
    assert len(chosen.points) == 2
    text = " ".join(chosen.notes)
    assert "Combined: head.activation=relu (+0.02" in text
    assert "head.dim=250" not in text.split("Combined")[1].split("Within noise")[0]


def test_a_combination_that_is_among_the_best_is_not_listed_twice(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    begin(tracker, "two", keys=["head.activation", "seed"])
    for activation, gain in (("tanh", 0.0), ("relu", 0.02)):
        for seed, noise in enumerate((0.001, 0.002, 0.003)):
            point = {"head.activation": activation, "seed": seed}
            accuracy = 0.8 + noise + gain * (1 + noise)
            log("two", point, accuracy, fingerprint=fingerprint(point))
    chosen = choose(tracker.read_study("two"), 1, tmp_path)
    assert chosen.points == [{"head.activation": "relu"}]
    assert chosen.notes[-1] == "That combination is one of these points."


def test_nothing_is_combined_where_all_is_noise(grid: Grid, tmp_path: Path) -> None:
    chosen = choose(grid(gain=0.0), 9, tmp_path)
    assert len(chosen.points) == 4
    assert "all of them (promote=9 is more)" in chosen.notes[0]
    assert "no levels are combined" in chosen.notes[1]


def test_points_that_are_the_same_trials_are_promoted_once(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    begin(tracker, "same", keys=["head.activation"])
    for activation, accuracy, name in (("tanh", 0.9, "a"), ("relu", 0.9, "a"), ("gelu", 0.8, "b")):
        log("same", {"head.activation": activation}, accuracy, fingerprint=name * 16)
    chosen = choose(tracker.read_study("same"), 2, tmp_path)
    assert [point["head.activation"] for point in chosen.points] == ["relu", "gelu"]


VALUES: dict[str, list[Any]] = {
    "data.text_column": ["a b", 'it\'s, "quoted": {x}', "null", "50", "plain", "x=y#z", "ü | <b>"],
    "loss.class_weights": [None, "balanced", [1, 2.5]],
    "trainer.deterministic": [True, False],
    "optimizer.lr": [1e-05, 0.1],
    "head.dim": [0, 768],
}


@pytest.mark.parametrize("key", VALUES)
def test_every_kind_of_value_comes_back_as_it_was(
    key: str, tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    from hydra_plugins.hpsearch_sweeper.space.values import override_text

    begin(tracker, "kinds", keys=[key])
    for n, value in enumerate(VALUES[key]):
        tags = {"hpsearch.command": shlex.join([f"{key}={override_text(value)}"])}
        log("kinds", {key: value}, 0.9 - n / 100, fingerprint=f"{n}" * 16, tags=tags)
    study = tracker.read_study("kinds")
    path = promote(study, 20, root=tmp_path, seeds=1).path
    _, plan = planned(path)
    assert plan.listed is not None
    [parameter] = plan.space.parameters
    texts = [parameter.text(point[key]) for point in plan.listed]
    found = [read(text) for text in texts]
    assert found == VALUES[key]
    assert [type(one) for one in found] == [type(one) for one in VALUES[key]]


def test_a_config_group_that_was_searched_is_promoted_with_the_keys_of_its_options(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    begin(tracker, "groups", keys=["backbone", "backbone.num_filters"])
    log("groups", {"backbone": "rnn"}, 0.9, fingerprint="a" * 16)
    log("groups", {"backbone": "cnn", "backbone.num_filters": 20}, 0.8, fingerprint="b" * 16)
    _, plan = planned(promote(tracker.read_study("groups"), 2, root=tmp_path, seeds=3).path)
    assert plan.listed == [{"backbone": "rnn"}, {"backbone": "cnn", "backbone.num_filters": 20}]
    assert plan.total == 6


@pytest.mark.parametrize(("k", "match"), [(0, "promote=0: allowed"), (-1, "promote=-1: allowed")])
def test_no_point_at_all_is_refused(k: int, match: str, grid: Grid, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=match):
        promote(grid(), k, root=tmp_path)
    assert not (tmp_path / "conf").exists()


def test_a_study_without_a_finished_trial_is_refused(tracker: Tracker, tmp_path: Path) -> None:
    begin(tracker, "none", keys=["head.dim"])
    with pytest.raises(ReportError, match="no trial of study=none has finished"):
        promote(tracker.read_study("none"), 1, root=tmp_path)


def test_epochs_that_were_searched_must_be_given(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    begin(tracker, "epochs", keys=["trainer.epochs", "head.dim"])
    for n, (epochs, dim) in enumerate([(1, 50), (2, 50), (2, 0)]):
        point = {"trainer.epochs": epochs, "head.dim": dim}
        log("epochs", point, 0.8 + n / 100, fingerprint=f"{n}" * 16)
    study = tracker.read_study("epochs")
    with pytest.raises(ReportError, match="give epochs=N"):
        promote(study, 3, root=tmp_path)
    config, plan = planned(promote(study, 3, root=tmp_path, epochs=7, seeds=1).path)
    assert plan.listed == [{"head.dim": 0}, {"head.dim": 50}]
    assert config.trainer.epochs == 7


def test_in_a_checkout_its_own_folder_of_searches_is_written_to(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(CONF_DIR, tmp_path / "conf")
    monkeypatch.setattr("hpsearch.promotion.writing.CONF_DIR", tmp_path / "conf")
    written = promote(grid(), 1, root=Path())
    assert written.path == Path("conf/search/heads_promoted.yaml")
    assert written.command == "python -m hpsearch.train -m search=heads_promoted"


def test_a_file_of_someone_elses_is_not_overwritten_and_its_own_is(
    grid: Grid, tmp_path: Path
) -> None:
    study = grid()
    path = promote(study, 1, root=tmp_path).path
    first = path.read_text()
    assert promote(study, 2, root=tmp_path).path.read_text() != first
    path.write_text("# mine\n")
    with pytest.raises(ReportError, match="was not promoted from study=heads"):
        promote(study, 1, root=tmp_path)
    assert path.read_text() == "# mine\n"


def test_a_name_that_is_no_config_option_becomes_one(grid: Grid, tmp_path: Path) -> None:
    study = grid(name="../ü <b>'|{x}=,1")
    written = promote(study, 1, root=tmp_path)
    assert written.path.parent == tmp_path / "conf" / "search"
    assert written.path.stem.isascii()
    assert planned(written.path)[1].total == 5


def test_a_thousand_points_are_promoted(tracker: Tracker) -> None:
    import pandas as pd

    runs = pd.DataFrame(
        {"command": [None] * 1000, "params.head.dim": [str(n) for n in range(1000)]}
    )
    study = Study("many", {"head.dim": "64"}, ["head.dim"], runs)
    points = [{"head.dim": str(n)} for n in range(1000)]
    assert len(searched_part(study, points, without="x").enqueue) == 1000
