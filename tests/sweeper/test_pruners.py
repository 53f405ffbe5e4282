from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.config.pruners import PRUNERS
from hydra_plugins.hpsearch_sweeper.pruners import build_pruner
from hydra_plugins.hpsearch_sweeper.settings import read_settings

BUILT = {
    "none": optuna.pruners.NopPruner,
    "median": optuna.pruners.MedianPruner,
    "percentile": optuna.pruners.PercentilePruner,
    "hyperband": optuna.pruners.HyperbandPruner,
    "successive_halving": optuna.pruners.SuccessiveHalvingPruner,
    "wilcoxon": optuna.pruners.WilcoxonPruner,
    "patient": optuna.pruners.PatientPruner,
    "threshold": optuna.pruners.ThresholdPruner,
}
NEEDED = {
    "hyperband": ["hydra.sweeper.pruner.max_resource=27"],
    "threshold": ["hydra.sweeper.pruner.upper=2"],
}


@pytest.fixture
def build(bench):
    """The pruner of a command line."""

    def built(name: str, *overrides: str) -> optuna.pruners.BasePruner:
        given = (f"hydra/sweeper/pruner={name}", *NEEDED.get(name, []), *overrides)
        return build_pruner(bench.ask(read_settings, *given).pruner)

    return built


def stops(
    pruner: optuna.pruners.BasePruner, *curves: Sequence[float], direction: str = "minimize"
) -> list[int | None]:
    """The step at which each curve was stopped, the trials one after the other."""
    # The name decides on the bracket of hyperband.
    study = optuna.create_study(study_name="test", pruner=pruner, direction=direction)
    return [_stop(study, curve) for curve in curves]


def _stop(study: optuna.Study, curve: Sequence[float]) -> int | None:
    trial = study.ask()
    for step, value in enumerate(curve, start=1):
        trial.report(value, step)
        if trial.should_prune():
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            return step
    study.tell(trial, curve[-1])
    return None


def test_every_option_of_the_group_is_there() -> None:
    assert list(PRUNERS) == list(BUILT)


@pytest.mark.parametrize("name", BUILT)
def test_every_option_composes_and_builds(build, name: str) -> None:
    assert type(build(name)) is BUILT[name]


def test_none_stops_nothing(build) -> None:
    assert stops(build("none"), [1, 1], *[[9, 9]] * 9) == [None] * 10


def test_median_stops_the_worse_half_once_enough_trials_have_finished(build) -> None:
    good, bad = [3, 2, 1], [9, 9, 9]
    median = build("median", "hydra.sweeper.pruner.n_startup_trials=2")
    assert stops(median, good, bad, bad, good) == [None, None, 1, None]


def test_median_leaves_the_warm_up_alone_and_follows_the_direction(build) -> None:
    overrides = [f"hydra.sweeper.pruner.{x}" for x in ("n_startup_trials=1", "n_warmup_steps=2")]
    curves = [[5, 5, 5], [9, 9, 9], [1, 1, 1]]
    assert stops(build("median", *overrides), *curves) == [None, 2, None]
    found = stops(build("median", *overrides), *curves, direction="maximize")
    assert found == [None, None, 2]


def test_percentile_lets_only_the_best_share_go_on(build) -> None:
    start = [[float(level)] * 2 for level in (1, 2, 3, 4)]
    few = ("hydra.sweeper.pruner.n_startup_trials=4",)
    quarter = build("percentile", *few)
    assert stops(quarter, *start[::-1], [1.5] * 2, [2.5] * 2)[4:] == [None, 1]
    most = build("percentile", *few, "hydra.sweeper.pruner.percentile=75")
    assert stops(most, *start[::-1], [2.5] * 2, [3.5] * 2)[4:] == [None, 1]


def test_successive_halving_stops_at_the_rungs(build) -> None:
    pruner = build("successive_halving", "hydra.sweeper.pruner.reduction_factor=2")
    curves = [[1.0] * 8, [2.0] * 8, [0.5] * 8]
    assert stops(pruner, *curves) == [None, 1, None]
    later = build("successive_halving", "hydra.sweeper.pruner.min_resource=4")
    assert stops(later, *curves) == [None, 4, None]


def test_hyperband_stops_at_the_rungs_of_several_brackets(build) -> None:
    pruner = build("hyperband")
    found = stops(pruner, *[[float(level)] * 26 for level in range(40)])
    assert set(found) == {1, 3, 9, None}
    assert pruner._n_brackets == 4  # type: ignore[attr-defined]


def test_hyperband_asks_for_its_number_of_steps(bench) -> None:
    given = bench.ask(read_settings, "hydra/sweeper/pruner=hyperband").pruner
    with pytest.raises(errors.ConfigError, match=r"^hydra\.sweeper\.pruner\.max_resource has to"):
        build_pruner(given)


def test_wilcoxon_stops_a_trial_that_is_worse_part_by_part(build) -> None:
    pytest.importorskip("scipy")
    best = [0.1 * part for part in range(10)]
    worse = [value + 1 for value in best]
    (first, second) = stops(build("wilcoxon"), best, worse)
    assert first is None
    assert second is not None
    strict = stops(build("wilcoxon", "hydra.sweeper.pruner.p_threshold=0.01"), best, worse)[1]
    assert strict is not None
    assert strict > second


def test_patient_bears_a_few_steps_of_what_the_wrapped_one_would_stop(build) -> None:
    startup = "hydra.sweeper.pruner.wrapped_pruner.n_startup_trials=1"
    curves = [[1.0] * 9, [5.0, 6.0, 7.0, 8.0, 9.0], [5.0, 6.0, 6.0, 4.0, 4.0]]
    pruner = build("patient", startup, "hydra.sweeper.pruner.patience=2")
    assert stops(pruner, *curves) == [None, 4, None]
    strict = build("patient", startup, "hydra.sweeper.pruner.min_delta=2")
    assert stops(strict, *curves) == [None, None, None]


def test_patient_wraps_whatever_is_chosen(build) -> None:
    place = "hydra/sweeper/pruner@hydra.sweeper.pruner.wrapped_pruner"
    chosen = build("patient", f"{place}=percentile")
    assert type(chosen._wrapped_pruner) is optuna.pruners.PercentilePruner
    alone = build("patient", "hydra.sweeper.pruner.wrapped_pruner=null")
    assert stops(alone, [3, 2, 1, 0, 0, 0], [1.0, 2, 2, 2, 2]) == [None, 5]


def test_threshold_stops_beyond_its_limits(build) -> None:
    found = stops(build("threshold"), [1, 2], [1, 3], [math.nan, 1])
    assert found == [None, 2, 1]
    lower = ("hydra.sweeper.pruner.lower=0", "hydra.sweeper.pruner.n_warmup_steps=2")
    assert stops(build("threshold", *lower), [-1, -1, -1]) == [2]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"_target_": "optuna.pruners.ThresholdPruner"}, "ThresholdPruner cannot be built with no"),
        ({"_target_": "optuna.pruners.MedianPruner", "foo": 1}, "with foo=1 .*'foo'"),
        ({"_target_": "optuna.pruners.MedianPruner", "n_startup_trials": -1}, "negative"),
        ({"_target_": "optuna.pruners.NoPruner"}, "cannot be imported"),
        ({"_target_": "optuna.samplers.TPESampler"}, "is no Optuna pruner"),
        (
            {
                "_target_": "optuna.pruners.PatientPruner",
                "patience": 1,
                "wrapped_pruner": {"_target_": "optuna.pruners.PercentilePruner"},
            },
            r"pruner\.wrapped_pruner: PercentilePruner cannot be built with nothing set .*percent",
        ),
    ],
)
def test_a_wrong_value_is_one_line_with_the_key(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.ConfigError, match=message) as caught:
        build_pruner(chosen)
    assert str(caught.value).startswith("hydra.sweeper.pruner")
    assert "\n" not in str(caught.value)


class EveryOtherPruner(optuna.pruners.BasePruner):
    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        return trial.number % 2 == 1


def test_any_pruner_can_be_named_by_its_path() -> None:
    pruner = build_pruner({"_target_": f"{__name__}.EveryOtherPruner"})
    assert stops(pruner, [1], [1], [1]) == [None, 1, None]
