"""Which keys matter in a search that is no grid, where the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from hpsearch.reporting import markdown, study_document
from hpsearch.reporting.analysis.importances import (
    FEWEST_POINTS,
    best_ranges,
    importances,
    weighed_keys,
)
from hpsearch.reporting.analysis.ped_anova import PedAnova, grids_of
from hpsearch.reporting.analysis.points import Point
from hpsearch.reporting.sections.gains import gains_notes, gains_table
from hpsearch.tracking import Tracker
from hpsearch.tracking.study import Study

Log = Callable[..., None]
Values = dict[str, object]

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")


def search(points: list[Values], accuracies: list[float], keys: list[str]) -> Study:
    """A study as it is read, one finished trial a point."""
    rows = [
        {
            "run_id": str(number),
            "name": str(number),
            "status": "FINISHED",
            "end": pd.Timestamp(number, unit="s", tz="UTC"),
            "fingerprint": None,
            **{f"params.{key}": None if v is None else str(v) for key, v in point.items()},
            "metrics.val/accuracy": accuracy,
        }
        for number, (point, accuracy) in enumerate(zip(points, accuracies, strict=True))
    ]
    return Study(name="s", base={}, keys=keys, runs=pd.DataFrame(rows))


def drawn(points: int, seed: int = 0) -> list[Values]:
    random = np.random.default_rng(seed)
    return [
        {
            "lr": f"{10 ** random.uniform(-5, -2):.5g}",
            "dropout": f"{random.random():.4f}",
            "act": str(random.choice(["tanh", "relu", "gelu"])),
        }
        for _ in range(points)
    ]


KEYS = ["lr", "dropout", "act"]


def by_lr(point: Values) -> float:
    """Best at a learning rate of 3e-4; nothing else counts."""
    return 0.9 - 0.05 * abs(float(np.log10(float(str(point["lr"])))) + 3.5)


def test_the_only_key_that_counts_has_nearly_all_the_importance() -> None:
    points = drawn(100)
    found = weighed_keys(search(points, [by_lr(point) for point in points], KEYS))
    assert found[0].key == "lr"
    assert found[0].share > 0.85
    assert found[0].p == pytest.approx(3 / 75)  # none of 74 shuffles, three keys
    assert found[0].best == (10, 100)
    assert sum(each.share for each in found) == pytest.approx(1.0)
    assert all(each.p > 0.05 for each in found[1:])


def interval(points: list[Values], key: str) -> optuna.distributions.BaseDistribution:
    values = [float(str(point[key])) for point in points if point[key] is not None]
    log = min(values) <= max(values) / 100
    return optuna.distributions.FloatDistribution(min(values), max(values), log=log)


@pytest.mark.parametrize("seed", range(5))
def test_the_divergences_are_those_of_optuna(seed: int) -> None:
    points = [{**point, "dim": 2 ** (n % 4)} for n, point in enumerate(drawn(60, seed))]
    for point in points:
        if point["act"] == "tanh":
            point["dropout"] = None
    accuracies = np.round([by_lr(point) for point in points], 2)  # some are equal
    keys = [*KEYS, "dim"]
    spaces = {key: interval(points, key) for key in keys if key != "act"}
    spaces["act"] = optuna.distributions.CategoricalDistribution(["gelu", "relu", "tanh"])
    theirs = optuna.create_study(direction="maximize")
    for point, accuracy in zip(points, accuracies, strict=True):
        own = {key: point[key] for key in keys if point[key] is not None}
        texts = {key: v if key == "act" else float(str(v)) for key, v in own.items()}
        distributions = {key: spaces[key] for key in own}
        theirs.add_trial(
            optuna.trial.create_trial(params=texts, distributions=distributions, value=accuracy)
        )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.2)
    expected = evaluator.evaluate(theirs)
    found = [Point({k: "—" if v is None else str(v) for k, v in p.items()}) for p in points]
    ours = PedAnova(grids_of(found, keys), top=0.2)(accuracies)
    assert dict(zip(keys, ours, strict=True)) == pytest.approx(expected, rel=1e-9)


def test_a_key_of_texts_is_found_too() -> None:
    points = drawn(60)
    study = search(points, [0.8 + 0.1 * (p["act"] == "relu") for p in points], KEYS)
    found = weighed_keys(study)
    assert found[0].key == "act"
    assert found[0].share > 0.5  # Optuna smooths texts a lot
    assert [each.key for each in found if each.p < 0.05] == ["act"]
    assert "beyond chance): act" in " ".join(gains_notes(study))


def test_in_a_search_that_adapts_the_key_that_counts_is_found() -> None:
    """TPE draws more and more where it is good; that alone must not count."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    real = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("dropout", 0.0, 1.0)
        trial.suggest_categorical("act", ["tanh", "relu", "gelu"])
        return by_lr({"lr": trial.suggest_float("lr", 1e-5, 1e-2, log=True)})

    real.optimize(objective, n_trials=80)
    study = search([each.params for each in real.trials], [t.values[0] for t in real.trials], KEYS)
    shares = importances(study)
    assert next(iter(shares)) == "lr"
    assert shares["lr"] > 0.8


@pytest.mark.slow
def test_where_nothing_counts_hardly_any_search_names_a_key() -> None:
    """With 5 % per search and three standard errors."""
    random = np.random.default_rng(1)
    searches = 40
    named = 0
    for number in range(searches):
        study = search(drawn(30, seed=number), random.normal(0.8, 0.01, 30).tolist(), KEYS)
        named += any(each.p < 0.05 for each in weighed_keys(study))
    assert named / searches <= 0.05 + 3 * (0.05 * 0.95 / searches) ** 0.5


def test_nothing_is_claimed_of_few_points_of_equal_ones_and_of_one_key() -> None:
    points = drawn(FEWEST_POINTS - 1)
    assert importances(search(points, [by_lr(point) for point in points], KEYS)) == {}
    points = drawn(FEWEST_POINTS)
    study = search(points, [by_lr(point) for point in points], KEYS)
    assert set(importances(study)) == set(KEYS)
    assert importances(search(points, [0.5] * len(points), KEYS)) == {}
    alone = [{"lr": point["lr"]} for point in points]
    assert importances(search(alone, [by_lr(p) for p in alone], ["lr"])) == {}
    assert importances(search(points[:1], [0.5], KEYS)) == {}


def test_a_key_that_some_points_lack_is_weighed_among_those_that_have_it() -> None:
    points = drawn(80)
    for point in points:
        if point["act"] == "tanh":
            point["dropout"] = None  # only the other two have any
    shares = importances(search(points, [by_lr(point) for point in points], KEYS))
    assert next(iter(shares)) == "lr"
    assert "dropout" in shares


def test_a_key_with_a_text_of_its_own_for_each_point_is_left_out() -> None:
    points: list[Values] = [{**point, "note": f"n{n}"} for n, point in enumerate(drawn(40))]
    study = search(points, [by_lr(point) for point in points], [*KEYS, "note"])
    assert "note" not in importances(study)
    assert best_ranges(study)
    assert "note" not in {each.key for each in best_ranges(study)}


def test_the_best_tenth_says_where_a_key_drawn_from_an_interval_lies() -> None:
    points = drawn(100)
    study = search(points, [by_lr(point) for point in points], KEYS)
    lr, _ = best_ranges(study)
    near = sorted(points, key=by_lr)[-10:]
    assert (lr.key, lr.best) == ("lr", 10)
    assert lr.low == min(float(str(point["lr"])) for point in near)
    assert lr.high == max(float(str(point["lr"])) for point in near)
    assert lr.lowest < 2e-5 < 5e-3 < lr.highest


def test_trials_without_an_accuracy_count_for_nothing() -> None:
    points = drawn(50)
    accuracies = [by_lr(point) for point in points]
    diverged = search([*points, *drawn(20, seed=9)], [*accuracies, *[float("nan")] * 20], KEYS)
    assert importances(diverged) == importances(search(points, accuracies, KEYS))


def test_the_report_of_a_search_without_levels_has_the_sentences_without_a_table(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    tracker.start_study("s", base={"lr": 1e-3, "dropout": 0.1}, keys=["lr", "dropout"], tags={})
    for number, point in enumerate(drawn(20)):
        both = {key: point[key] for key in ("lr", "dropout")}
        log("s", both, by_lr(point), name=str(number))
    study = tracker.read_study("s")
    assert gains_table(study).empty
    text = (
        markdown(study_document(study, tmp_path))
        .split("## What each setting does")[1]
        .split("## ")[0]
    )
    assert "of 20 points from all of them (PED-ANOVA" in text
    assert "The best 3 of 20 points have lr between" in text
    assert "Δ" not in text
