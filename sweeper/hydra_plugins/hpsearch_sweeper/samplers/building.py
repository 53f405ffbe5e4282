"""The Optuna sampler that is asked for, with nothing set that the user did not set."""

from __future__ import annotations

import pkgutil
import warnings
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.settings import Settings
    from optuna.samplers import BaseSampler

__all__ = ["build_sampler", "neutral_sampler"]

# A Sobol or Halton sequence remembers in the study how far it came.
_SELF_CONTINUING = {"QMCSampler"}


def build_sampler(chosen: Settings, *, trials_so_far: int, listed: bool) -> BaseSampler:
    """The sampler; one whose points are listed beforehand needs none."""
    if listed:
        return neutral_sampler()
    given = {key: value for key, value in chosen.sampler.items() if key != "_target_"}
    seed = given.get("seed")
    if isinstance(seed, int) and chosen.sampler_name not in _SELF_CONTINUING:
        given["seed"] = seed + trials_so_far  # or a resumed study would draw its first points again
    return _instance(chosen, given)


def neutral_sampler() -> BaseSampler:
    """One that computes nothing and stores nothing."""
    import optuna

    return optuna.samplers.RandomSampler()


def _instance(chosen: Settings, given: dict[str, Any]) -> BaseSampler:
    from optuna.exceptions import ExperimentalWarning

    target = chosen.sampler["_target_"]
    try:
        sampler_class = pkgutil.resolve_name(target)
        with warnings.catch_warnings():  # qmc and nsgaiii are experimental, and asked for by name
            warnings.simplefilter("ignore", ExperimentalWarning)
            return sampler_class(**given)  # type: ignore[no-any-return]
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise errors.ConfigError(
            f"hydra.sweeper.sampler={target} cannot be built with {given} ({reason})"
        ) from error
