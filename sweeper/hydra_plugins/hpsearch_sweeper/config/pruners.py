"""`hydra/sweeper/pruner=...`: when a trial that reports its progress is stopped early."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

__all__ = ["PRUNERS"]

# A step is what the job passes as `step` to current_trial().report(value, step): an epoch, a number
# of batches or of examples. Every bound below is counted in it.


@dataclass
class NoneConf:
    # Every trial runs to its end.
    _target_: str = "optuna.pruners.NopPruner"


@dataclass
class _ComparedConf:
    # This many trials finish before any is stopped; more gives a fairer comparison and saves less.
    n_startup_trials: int = 5

    # No trial is stopped before this step: for curves that start badly, as with a warm-up.
    n_warmup_steps: int = 0

    # A trial is judged at every so many steps after the warm-up.
    interval_steps: int = 1

    # A step is judged only once this many trials have reported it.
    n_min_trials: int = 1


@dataclass
class MedianConf(_ComparedConf):
    # Stops a trial whose best value so far is worse than the median of the others at its step.
    _target_: str = "optuna.pruners.MedianPruner"


@dataclass
class PercentileConf(_ComparedConf):
    # Stops a trial whose best value so far is not among the best share at its step.
    _target_: str = "optuna.pruners.PercentilePruner"

    # The share that goes on, in per cent; 25 stops three of four, 50 is the median.
    percentile: float = 25.0


@dataclass
class HyperbandConf:
    # Successive halving in several brackets, each more patient with slow starters than the last.
    _target_: str = "optuna.pruners.HyperbandPruner"

    # The step at which the first trials may be stopped.
    min_resource: int = 1

    # How many steps a full trial reports. It must be set, for it decides how many brackets there
    # are: log(max_resource / min_resource) to the base reduction_factor, and one. A full trial of
    # just min_resource * reduction_factor^k steps, counted from 1, may be stopped at its very last
    # one, all paid and its result lost: let it take a step more.
    max_resource: int = MISSING

    # One of so many trials goes on from a rung to the next; more is cheaper and harsher.
    reduction_factor: int = 3

    # This many trials reach a rung before one of them is stopped there.
    bootstrap_count: int = 0


@dataclass
class SuccessiveHalvingConf:
    # Stops a trial that is not among the best 1 / reduction_factor at each rung.
    _target_: str = "optuna.pruners.SuccessiveHalvingPruner"

    # The step of the first rung; the next ones are reduction_factor times further each.
    min_resource: int = 1

    # One of so many trials goes on from a rung to the next; more is cheaper and harsher.
    reduction_factor: int = 4

    # How many of the first rungs are left out; more is kinder to slow starters and saves less.
    min_early_stopping_rate: int = 0

    # This many trials reach a rung before one of them is stopped there.
    bootstrap_count: int = 0


@dataclass
class WilcoxonConf:
    # Stops a trial that a paired test finds worse than the best one. A step is then no progress,
    # but a part of the task: a fold, a data set, an instance. It needs scipy.
    _target_: str = "optuna.pruners.WilcoxonPruner"

    # The trial is stopped below this p; more stops sooner, and wrongly more often.
    p_threshold: float = 0.1

    # No trial is stopped before it has reported this many steps.
    n_startup_steps: int = 2


@dataclass
class PatientConf:
    # Stops a trial only where the wrapped pruner would and the trial itself has got worse.
    # Another one: hydra/sweeper/pruner@hydra.sweeper.pruner.wrapped_pruner=percentile;
    # hydra.sweeper.pruner.wrapped_pruner=null judges by the trial alone.
    defaults: list[Any] = field(
        default_factory=lambda: ["_self_", {"/hydra/sweeper/pruner@wrapped_pruner": "median"}]
    )

    _target_: str = "optuna.pruners.PatientPruner"

    # The pruner that is asked first.
    wrapped_pruner: Any = MISSING

    # This many steps that are worse than the best one before them are borne.
    patience: int = 3

    # Steps that are worse by no more than this count as no worse.
    min_delta: float = 0.0


@dataclass
class ThresholdConf:
    # Stops a trial whose value leaves these limits, or is not a number; one of them must be set.
    _target_: str = "optuna.pruners.ThresholdPruner"

    # A value below it stops the trial.
    lower: float | None = None

    # A value above it stops the trial.
    upper: float | None = None

    # No trial is stopped before this step.
    n_warmup_steps: int = 0

    # A trial is judged at every so many steps after the warm-up.
    interval_steps: int = 1


PRUNERS: dict[str, type[Any]] = {
    "none": NoneConf,
    "median": MedianConf,
    "percentile": PercentileConf,
    "hyperband": HyperbandConf,
    "successive_halving": SuccessiveHalvingConf,
    "wilcoxon": WilcoxonConf,
    "patient": PatientConf,
    "threshold": ThresholdConf,
}
