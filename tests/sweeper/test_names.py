from __future__ import annotations

import pytest
from hydra import compose, initialize_config_dir
from hydra.experimental.callback import Callback
from hydra_plugins.hpsearch_sweeper import resolve_study_name, search_keys
from omegaconf import DictConfig

SEEN: list[tuple[str, list[str]]] = []


class Watcher(Callback):
    def on_multirun_start(self, config: DictConfig, **kwargs: object) -> None:
        SEEN.append((resolve_study_name(config), search_keys(config)))


def name_and_keys(bench, *overrides: str) -> tuple[str, list[str]]:
    """What a callback finds out; checked against the name in the log of the sweep itself."""
    SEEN.clear()
    bench.sweep(f"+hydra.callbacks.watch._target_={__name__}.Watcher", *overrides)
    ((name, keys),) = SEEN
    assert any(message.startswith(f"study {name}: ") for message in bench.messages)
    return name, keys


@pytest.mark.parametrize(
    "search",
    [
        ["x=1,2"],
        ["model=small,large", "y=3"],
        ["model=glob(*)"],
        ["x=1,2", "hydra/sweeper/sampler=ofat"],
        ["x=interval(0,1)", "hydra.sweeper.n_trials=1"],
        ["x=1,2", "hydra.sweeper.study_name='my study-{hash}'"],
        ["x=1,2", "hydra.sweeper.study_name=plain"],
        ["+hydra.sweeper.params.y='choice(1,2)'"],
    ],
)
def test_a_callback_finds_the_name_that_the_sweeper_uses(bench, search: list[str]) -> None:
    name, _ = name_and_keys(bench, *search)
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def test_the_default_name_is_the_jobs_name_and_eight_digits(bench) -> None:
    name = bench.ask(resolve_study_name, "x=1,2")
    job, _, digits = name.rpartition("-")
    assert job == "sphere"
    assert len(digits) == 8
    assert int(digits, 16) >= 0


def test_the_name_depends_on_what_is_searched_and_on_what_is_fixed(bench) -> None:
    searches = [
        ["x=1,2"],
        ["x=1,3"],
        ["x=range(1,3)"],
        ["x=interval(1,2)", "hydra.sweeper.n_trials=2"],
        ["x=1,2", "y=1"],
        ["x=1,2", "hydra.sweeper.direction=maximize"],
        ["x=1,2", "hydra/sweeper/sampler=random"],
    ]
    assert len({bench.ask(resolve_study_name, *search) for search in searches}) == len(searches)


def test_the_name_does_not_depend_on_what_names_no_experiment(bench) -> None:
    searches = [
        ["x=1,2", "y=3,4"],
        ["y=3,4", "x=1,2"],
        ["x=1,2", "y=3,4", "hydra.sweeper.n_trials=3", "hydra/sweeper/sampler=tpe"],
        ["x=1,2", "y=3,4", "out=elsewhere"],
    ]
    excluded = "hydra.sweeper.hash_exclude=[out]"
    assert len({bench.ask(resolve_study_name, excluded, *search) for search in searches}) == 1


def test_search_keys_are_those_of_params_then_those_of_the_command_line(bench) -> None:
    params = ["+hydra.sweeper.params.y='choice(1,2)'", "+hydra.sweeper.params.x='choice(1,2)'"]
    given = (*params, "model=small,large", "label=a", "x=5,6", "+new=1,2")
    keys = bench.ask(search_keys, *given)
    assert keys == ["y", "x", "model", "new"]


def test_loading_the_plugin_does_not_load_optuna(command) -> None:
    done = command("x=2", "label=modules")
    assert done.returncode == 0, done.stderr
    assert "optuna loaded: False" in done.stdout


def test_the_plugin_answers_to_the_official_name_too(tmp_path) -> None:
    (tmp_path / "config.yaml").write_text("defaults:\n  - override hydra/sweeper: optuna\n")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        config = compose("config", return_hydra_config=True)
    assert config.hydra.sweeper._target_.endswith("hpsearch_sweeper.HpsearchSweeper")
    assert config.hydra.sweeper.sampler._target_ == "optuna.samplers.TPESampler"
