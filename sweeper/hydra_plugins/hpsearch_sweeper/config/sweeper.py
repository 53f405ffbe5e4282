"""What a user can set under `hydra.sweeper`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

__all__ = ["HpsearchSweeperConf"]


@dataclass
class HpsearchSweeperConf:
    defaults: list[Any] = field(
        default_factory=lambda: ["_self_", {"sampler": "tpe"}, {"pruner": "none"}]
    )

    _target_: str = "hydra_plugins.hpsearch_sweeper.hpsearch_sweeper.HpsearchSweeper"

    # The sampler is built by the study, once it knows the search space.
    _recursive_: bool = False

    # How points are chosen: tpe, random, grid, gp, cmaes, qmc, nsgaii, nsgaiii, ofat
    # (one factor at a time) or refine (coarse to fine), as `hydra/sweeper/sampler=...`. A finite
    # space without n_trials runs every point once, whatever the sampler.
    sampler: Any = MISSING

    # When a trial that reports its progress is stopped early: none, median, percentile, hyperband,
    # successive_halving, wilcoxon, patient or threshold, as `hydra/sweeper/pruner=...`.
    pruner: Any = MISSING

    # maximize or minimize the number that the job returns; a list for a job that returns several.
    direction: Any = "minimize"

    # Where the study lives: an Optuna URL (sqlite:///FILE, postgresql://...), or null for memory:
    # then nothing can be resumed. A password in it is written nowhere; jobs on other hosts need it
    # from the environment: ${oc.env:VARIABLE}.
    storage: Any = "sqlite:///multirun/optuna.db"

    # Where this sweeper serves the study to its jobs by Optuna's gRPC proxy, for hosts that cannot
    # reach the database, or shall not know its password: a port of this host's name, or HOST:PORT
    # with an address of this host that the jobs reach; port 0 is any free one. Whoever reaches it
    # can read and change the studies: there is no authentication. (pip install grpcio protobuf)
    proxy: Any = None

    # null names the study <hydra.job.name>-{hash}; a literal {hash} is filled with 8 digits that
    # stand for the search space, the direction, the sampler and the fixed config.
    study_name: str | None = None

    # How many trials the study holds in the end, over all resumes. null runs every point of a
    # finite space.
    n_trials: int | None = None

    # How many trials run at once. Each slot takes the next trial as soon as it is free. With
    # hydra/launcher=local each has its share of the cores (OMP_NUM_THREADS), unless you set it.
    n_jobs: int = 1

    # Seconds after which this command starts no more trials. The same command goes on later.
    timeout: float | None = None

    # Seconds that one trial may take; then it is killed and counts as failed.
    trial_timeout: float | None = None

    # How often a trial that was killed by a signal or by trial_timeout is tried again; the same
    # command given anew tries so often again. One that raised an exception is not: it would raise
    # it again. One that says otherwise (its class has retriable = True) is.
    retries: int = 1

    # Start no more trials once this many in a row have ended without a better value.
    stop_when: int | None = None

    # Print the trials, run none, write nothing.
    dry_run: bool = False

    # The sweep stops once more than this share of its trials has failed. 1.0 never stops it, 0.0
    # stops it at the first failure.
    max_failure_rate: float = 1.0

    # Searched keys, in the grammar of the command line: {head.activation: "choice(relu,tanh)"}.
    # A plain value is fixed; the command line replaces an entry of the same key. Searched only
    # where another key has a certain value:
    # {head.activation: {space: "choice(relu,tanh)", when: {head.dim: [50, 250]}}}.
    params: dict[str, Any] | None = field(default_factory=dict)

    # Dotted path of a function f(config, trial) that suggests more keys through trial.suggest_*.
    custom_search_space: str | None = None

    # Points to try first, each a mapping key -> value; keys left out are taken from the base.
    # null: the base itself for samplers that learn, nothing for a grid. With n_trials as many as
    # the points (times the seeds) these are all that run.
    enqueue: list[Any] | None = None

    # Replicates of each point: a number n for seeds 0 to n - 1, or a list of seeds. Each is a trial
    # of its own and counts in n_trials.
    seeds: Any = None

    # The config key that takes the seed.
    seed_key: str = "seed"

    # Largest allowed value of what a job reports through current_trial().set_constraint(name,
    # value): {memory_mib: 8000}. A trial above it is never the best, and samplers keep away. One
    # that then raises an exception is infeasible: it is not run again, and max_failure_rate does
    # not count it.
    constraints: Any = None

    # Config keys that do not name an experiment (output folders, trackers): left out of {hash}.
    hash_exclude: list[str] = field(default_factory=list)

    # Dotted path of a function f(job_config) that raises on a bad config. It is called on the base
    # and on every single-parameter variation of it before any trial starts.
    validate: str | None = None

    # Seconds between two signs of life of a sweeper in the study. One that gave none for four times
    # as long is taken for dead, and its trials are run again.
    heartbeat: float = 15.0
