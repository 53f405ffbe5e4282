"""`hydra/sweeper/sampler=...`: how points are chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["OFFICIAL_NAMES", "SAMPLERS"]

# The fields of a sampler default to null, which is not passed on: Optuna's own default then holds.


@dataclass
class SeededConf:
    # An integer makes the points repeatable; a resumed study still goes on to new ones.
    seed: int | None = None


@dataclass
class TPEConf(SeededConf):
    _target_: str = "optuna.samplers.TPESampler"

    # Points drawn at random before the model takes over.
    n_startup_trials: int | None = None

    # Candidates weighed for each suggestion; more is slower and greedier.
    n_ei_candidates: int | None = None

    # Model parameters jointly rather than each alone.
    multivariate: bool | None = None

    # Split a conditional search space into groups that are modelled jointly.
    group: bool | None = None

    # Keep trials that run at the same time apart.
    constant_liar: bool | None = None

    # Known from hydra-optuna-sweeper; Optuna calls them deprecated.
    consider_prior: bool | None = None
    prior_weight: float | None = None
    consider_magic_clip: bool | None = None
    consider_endpoints: bool | None = None
    warn_independent_sampling: bool | None = None


@dataclass
class RandomConf(SeededConf):
    _target_: str = "optuna.samplers.RandomSampler"


@dataclass
class GridConf:
    # Every point once, the first key slowest.
    _target_: str = "optuna.samplers.GridSampler"

    # Known from hydra-optuna-sweeper; without effect here.
    _partial_: bool | None = None


@dataclass
class OfatConf:
    # The base first, then each key's other values in their order, all other keys at the base.
    _target_: str = "hydra_plugins.hpsearch_sweeper.samplers.ofat"


@dataclass
class RefineConf(SeededConf):
    # Coarse to fine: at random over the whole space, then again in stages on the range around the
    # best, on a log scale where the search has one. For one objective.
    _target_: str = "hydra_plugins.hpsearch_sweeper.samplers.refine.RefineSampler"

    # The trials that are shared out among the stages; null is hydra.sweeper.n_trials.
    n_trials: int | None = None

    # How often the range is taken anew, and one; null is 3. More narrows sooner, on fewer trials.
    n_stages: int | None = None

    # The share of the trials that counts as best; null is 0.25. Less narrows harder.
    keep: float | None = None

    # The least width of a range, as a share of the one before; null is 0.2.
    shrink: float | None = None


@dataclass
class GPConf(SeededConf):
    _target_: str = "optuna.samplers.GPSampler"

    # Points drawn at random before the model takes over.
    n_startup_trials: int | None = None

    # True if the same point always gives the same value.
    deterministic_objective: bool | None = None


@dataclass
class CmaEsConf(SeededConf):
    _target_: str = "optuna.samplers.CmaEsSampler"

    # Where the search starts, key -> number; null is the middle of the space.
    x0: dict[str, Any] | None = None

    # How wide it starts; null is a sixth of the space.
    sigma0: float | None = None

    # Points drawn at random before the evolution starts.
    n_startup_trials: int | None = None

    # Points of one generation.
    popsize: int | None = None

    # What draws the keys that the evolution cannot take, as the options of a group: a sampler with
    # its `_target_`; null is random.
    independent_sampler: Any = None

    # Warn of these keys.
    warn_independent_sampling: bool | None = None

    # Learn from trials that were stopped early too.
    consider_pruned_trials: bool | None = None

    # Leave out the covariances: for many keys.
    use_separable_cma: bool | None = None

    # Known from hydra-optuna-sweeper; Optuna calls them deprecated.
    restart_strategy: str | None = None
    inc_popsize: int | None = None
    source_trials: Any = None


@dataclass
class QMCConf(SeededConf):
    _target_: str = "optuna.samplers.QMCSampler"

    # sobol or halton.
    qmc_type: str | None = None

    # Shuffle the sequence, by the seed.
    scramble: bool | None = None


@dataclass
class NSGAIIConf(SeededConf):
    _target_: str = "optuna.samplers.NSGAIISampler"

    # Points of one generation.
    population_size: int | None = None

    # Chance that a parameter is drawn anew; null is one over the number of parameters.
    mutation_prob: float | None = None

    # Chance that two parents are mixed.
    crossover_prob: float | None = None

    # Chance that a parameter comes from the other parent.
    swapping_prob: float | None = None

    # Known from hydra-optuna-sweeper, and deprecated; see hydra.sweeper.constraints.
    constraints_func: Any = None


@dataclass
class NSGAIIIConf(NSGAIIConf):
    _target_: str = "optuna.samplers.NSGAIIISampler"

    # How finely the reference points divide the objectives.
    dividing_parameter: int | None = None


SAMPLERS: dict[str, type[Any]] = {
    "tpe": TPEConf,
    "random": RandomConf,
    "grid": GridConf,
    "ofat": OfatConf,
    "refine": RefineConf,
    "gp": GPConf,
    "cmaes": CmaEsConf,
    "qmc": QMCConf,
    "nsgaii": NSGAIIConf,
    "nsgaiii": NSGAIIIConf,
    "motpe": TPEConf,  # which Optuna dropped when TPE learned to take several objectives
}
# Names that hydra-optuna-sweeper registers too.
OFFICIAL_NAMES = {"tpe", "random", "grid", "cmaes", "nsgaii", "motpe"}
