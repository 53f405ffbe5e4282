"""Several objectives, constraints, and stopping trials early."""

from __future__ import annotations

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper import current_trial, errors
from omegaconf import DictConfig

TWO = "hydra.sweeper.direction=[minimize,maximize]"


def test_several_objectives_end_in_a_pareto_front(bench) -> None:
    study = bench.stored("x=1,2,3", "y=0,1", TWO, task=lambda c: (c.x, c.x - 10 * c.y))
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MAXIMIZE"]
    found = [(dict(each.params), list(each["values"])) for each in bench.results.solutions]
    assert found == [
        ({"x": 1, "y": 0}, [1, 1]),
        ({"x": 2, "y": 0}, [2, 2]),
        ({"x": 3, "y": 0}, [3, 3]),
    ]


def test_too_few_values_are_a_failure(bench) -> None:
    study = bench.stored("x=1,2", TWO, task=lambda c: (1.0, 2.0) if c.x == 1 else 1.0)
    assert study.trials[1].user_attrs["error"] == (
        "ValueError: the job returned 1.0; a sweep needs 2 numbers"
    )


def test_a_study_is_not_continued_in_another_direction(bench) -> None:
    bench.stored("x=1,2")
    with pytest.raises(Exception, match="exists with direction=minimize, given maximize"):
        bench.stored("x=1,2", "hydra.sweeper.direction=maximize")


def test_an_infeasible_trial_is_never_the_best(bench) -> None:
    def heavy(config: DictConfig) -> float:
        current_trial().set_constraint("memory", 100.0 * config.x)
        return -float(config.x)

    study = bench.stored("x=1,2,3", "hydra.sweeper.constraints={memory:250}", task=heavy)
    assert bench.results.best_params == {"x": 2}
    assert [trial.constraints["memory"] for trial in study.trials] == [-150.0, -50.0, 50.0]


def test_a_bad_trial_is_stopped_early(bench) -> None:
    def slow(config: DictConfig) -> float:
        trial = current_trial()
        for step in range(1, 4):
            trial.report(float(config.x), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(config.x)

    study = bench.stored(
        "x=1,2,3,9",
        "hydra/sweeper/pruner=median",
        "hydra.sweeper.pruner.n_startup_trials=2",
        task=slow,
    )
    assert [trial.state.name for trial in study.trials[:2]] == ["COMPLETE"] * 2
    assert study.trials[3].state.name == "PRUNED"
    assert bench.results.trials.pruned == 2


def test_a_trial_of_several_objectives_reports_nothing(bench) -> None:
    def reporting(config: DictConfig) -> tuple[float, float]:
        current_trial().report(1.0, step=1)
        assert not current_trial().should_prune()
        return 1.0, 2.0

    study = bench.stored("x=1,2", TWO, task=reporting)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 2


@pytest.mark.parametrize("given", ["hydra.sweeper.stop_when=3", "hydra/sweeper/pruner=median"])
def test_what_needs_one_objective_says_so(bench, given: str) -> None:
    with pytest.raises(errors.ConfigError, match="for there are several objectives"):
        bench.sweep("x=1,2", TWO, given)
