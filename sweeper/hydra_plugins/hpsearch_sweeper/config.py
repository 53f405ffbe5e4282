"""What a user can set under `hydra.sweeper`, and the names under which it is selected."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

__all__ = ["HpsearchSweeperConf", "official_plugin_installed"]


@dataclass
class HpsearchSweeperConf:
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"sampler": "tpe"}])

    _target_: str = "hydra_plugins.hpsearch_sweeper.hpsearch_sweeper.HpsearchSweeper"

    # The sampler is built by the study, once it knows the search space.
    _recursive_: bool = False

    # How points are chosen: tpe, random, grid, gp, cmaes, qmc, nsgaii, nsgaiii or ofat
    # (one factor at a time), as `hydra/sweeper/sampler=...`. A finite space without n_trials runs
    # every point once, whatever the sampler.
    sampler: Any = MISSING

    # maximize or minimize the number that the job returns.
    direction: Any = "minimize"

    # Where the study lives: null for memory (nothing can be resumed), or an Optuna URL, for example
    # sqlite:///studies.db.
    storage: Any = None

    # null names the study <hydra.job.name>-{hash}; a literal {hash} is filled with 8 digits that
    # stand for the search space, the direction, the sampler and the fixed config.
    study_name: str | None = None

    # How many trials the study holds in the end, over all resumes. null runs every point of a
    # finite space.
    n_trials: int | None = None

    # How many trials run at once.
    n_jobs: int = 1

    # The sweep stops once more than this share of its trials has failed. 1.0 never stops it, 0.0
    # stops it at the first failure.
    max_failure_rate: float = 1.0

    # Searched keys, in the grammar of the command line: {head.activation: "choice(relu,tanh)"}.
    # A plain value is fixed; the command line replaces an entry of the same key.
    params: dict[str, Any] | None = field(default_factory=dict)

    # Dotted path of a function f(config, trial) that suggests more keys through trial.suggest_*.
    custom_search_space: str | None = None

    # Points to try first, each a mapping key -> value; keys left out are taken from the base.
    # null: the base itself for samplers that learn, nothing for a grid.
    enqueue: list[Any] | None = None

    # Config keys that do not name an experiment (output folders, trackers): left out of {hash}.
    hash_exclude: list[str] = field(default_factory=list)

    # Dotted path of a function f(job_config) that raises on a bad config. It is called on the base
    # and on every single-parameter variation of it before any trial starts.
    validate: str | None = None


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


@dataclass
class RandomConf(SeededConf):
    _target_: str = "optuna.samplers.RandomSampler"


@dataclass
class GridConf:
    # Every point once, the first key slowest.
    _target_: str = "optuna.samplers.GridSampler"


@dataclass
class OfatConf:
    # The base first, then each key's other values in their order, all other keys at the base.
    _target_: str = "hydra_plugins.hpsearch_sweeper.samplers.ofat"


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


@dataclass
class NSGAIIIConf(NSGAIIConf):
    _target_: str = "optuna.samplers.NSGAIIISampler"

    # How finely the reference points divide the objectives.
    dividing_parameter: int | None = None


_SAMPLERS: dict[str, type[Any]] = {
    "tpe": TPEConf,
    "random": RandomConf,
    "grid": GridConf,
    "ofat": OfatConf,
    "gp": GPConf,
    "cmaes": CmaEsConf,
    "qmc": QMCConf,
    "nsgaii": NSGAIIConf,
    "nsgaiii": NSGAIIIConf,
}
_OFFICIAL_SAMPLERS = {"tpe", "random", "grid", "cmaes", "nsgaii"}


def official_plugin_installed() -> bool:
    """Whether hydra-optuna-sweeper is there too; it then keeps the names that it claims."""
    return find_spec("hydra_plugins.hydra_optuna_sweeper") is not None


def _register() -> None:
    store, official = ConfigStore.instance(), official_plugin_installed()
    for name in ("hpsearch",) if official else ("hpsearch", "optuna"):
        store.store(group="hydra/sweeper", name=name, node=HpsearchSweeperConf, provider="hpsearch")
    for name, node in _SAMPLERS.items():
        if not (official and name in _OFFICIAL_SAMPLERS):
            store.store(group="hydra/sweeper/sampler", name=name, node=node, provider="hpsearch")


_register()
