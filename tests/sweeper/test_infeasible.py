"""Trials that cannot be run, as one that does not fit into memory: a failure that teaches."""

from __future__ import annotations

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper import current_trial, errors
from omegaconf import DictConfig

SEARCH = ("x=interval(0,1)", "hydra.sweeper.n_trials=40", "hydra.sweeper.enqueue=[]")


def small_memory(config: DictConfig) -> float:
    """Half of the space does not fit."""
    if config.x > 0.5:
        current_trial().set_constraint("memory", 1.0)
        raise MemoryError("x does not fit")
    return 0.0


def too_large_share(study: optuna.Study) -> float:
    """Of the trials after the sampler's start-up."""
    drawn = [trial.params["x"] for trial in study.trials[10:]]
    return sum(x > 0.5 for x in drawn) / len(drawn)


def test_a_trial_that_does_not_fit_is_a_failure_with_its_cause(bench) -> None:
    study = bench.stored("x=0.2,0.7", task=small_memory)
    given_up = study.trials[1]
    assert given_up.user_attrs["error"] == "MemoryError: x does not fit"
    assert "small_memory" in given_up.user_attrs["details"]
    assert given_up.constraints == {"memory": 1.0}
    assert dict(bench.results.trials) == {
        "complete": 1, "pruned": 0, "failed": 0, "infeasible": 1, "retried": 0, "running": 0,
        "total": 2,
    }  # fmt: skip
    assert bench.results.failures[0].error == "MemoryError: x does not fit"
    printed = "\n".join(bench.messages)
    assert "x=0.7  infeasible: MemoryError: x does not fit" in printed
    assert "best of 2 trials (0 failed, 1 infeasible): value 0, job 0" in printed


def test_the_same_command_does_not_run_it_again(bench) -> None:
    bench.stored("x=0.7,0.2", task=small_memory)
    bench.stored("x=0.7,0.2", task=small_memory)
    assert bench.jobs == []
    assert "study test: all 2 trials are finished" in bench.messages


def test_a_point_that_does_not_fit_is_not_run_twice_in_one_study(bench) -> None:
    few = ("x=choice(0.2,0.7)", "hydra.sweeper.n_trials=6", "hydra/sweeper/sampler=random")
    seeded = ("hydra.sweeper.sampler.seed=1", "hydra.sweeper.enqueue=[{x:0.7},{x:0.2}]")
    study = bench.stored(*few, *seeded, task=small_memory)
    assert bench.column("x") == [0.7, 0.2]
    again = [x for x in study.trials[2:] if x.params["x"] == 0.7]
    assert again
    assert all(x.user_attrs["same_as"] == 0 and x.constraints["memory"] == 1.0 for x in again)
    assert bench.results.trials.infeasible == 1 + len(again)


def test_it_does_not_count_towards_the_failure_rate_but_all_of_them_fail_the_sweep(bench) -> None:
    study = bench.stored("x=0.7,0.8,0.2", "hydra.sweeper.max_failure_rate=0", task=small_memory)
    assert len(study.trials) == 3
    with pytest.raises(errors.SweepFailedError, match=r"2 of 2 trials failed, .*MemoryError"):
        bench.sweep("x=0.7,0.8", task=small_memory)


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "n_trials"), [("tpe", 40), ("gp", 20)])
def test_a_sampler_that_learns_keeps_away_from_what_does_not_fit(
    bench, sampler: str, n_trials: int
) -> None:
    chosen = (f"hydra/sweeper/sampler={sampler}", "hydra.sweeper.sampler.seed=3")
    study = bench.stored(*SEARCH, *chosen, f"hydra.sweeper.n_trials={n_trials}", task=small_memory)
    assert {x.state.name for x in study.trials[:10]} == {"COMPLETE", "PRUNED"}
    assert too_large_share(study) <= 0.35  # by chance: 0.5
    assert study.best_trial.params["x"] <= 0.5


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["nsgaii", "qmc"])
def test_a_sampler_that_cannot_learn_from_it_is_not_disturbed(bench, sampler: str) -> None:
    """NSGA takes parents among complete trials only: one that did not fit is none."""
    study = bench.stored(*SEARCH, f"hydra/sweeper/sampler={sampler}", task=small_memory)
    assert len(study.trials) == 40
    assert study.best_trial.params["x"] <= 0.5


@pytest.mark.slow
def test_a_trial_of_several_objectives_can_be_infeasible_too(bench) -> None:
    def two(config: DictConfig) -> tuple[float, float]:
        return small_memory(config), abs(config.x - 0.25)

    directions = "hydra.sweeper.direction=[minimize,minimize]"
    study = bench.stored(*SEARCH, directions, "hydra.sweeper.sampler.seed=3", task=two)
    assert all(trial.params["x"] <= 0.5 for trial in study.best_trials)
    assert bench.results.trials.infeasible == sum(x.params["x"] > 0.5 for x in study.trials)
    assert too_large_share(study) <= 0.35


def test_a_constraint_without_an_error_is_no_failure_and_an_error_without_one_is(bench) -> None:
    def mixed(config: DictConfig) -> float:
        current_trial().set_constraint("memory", config.x - 1.0)
        if config.x == 1:
            raise ValueError("a defect")
        return 0.0

    bench.stored("x=0.5,1,2", task=mixed)
    assert (bench.results.trials.complete, bench.results.trials.failed) == (2, 1)
    assert bench.results.trials.infeasible == 0
