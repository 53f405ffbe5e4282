"""The Optuna sampler that is asked for, with nothing set that the user did not set."""

from __future__ import annotations

import inspect
import pkgutil
import warnings
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors, official

if TYPE_CHECKING:
    from collections.abc import Callable

    from hydra_plugins.hpsearch_sweeper.settings import Settings
    from optuna.samplers import BaseSampler

__all__ = ["build_sampler", "neutral_sampler"]

# A Sobol or Halton sequence remembers in the study how far it came; refine goes by the number of
# the trial.
_SELF_CONTINUING = {"QMCSampler", "RefineSampler"}


def build_sampler(chosen: Settings, *, trials_so_far: int, listed: bool) -> BaseSampler:
    """The sampler; one whose points are listed beforehand needs none."""
    if listed:
        return neutral_sampler()
    _check_objectives(chosen)
    sampler_class = _sampler_class(official.renamed(str(chosen.sampler["_target_"])))
    given = _arguments(chosen, sampler_class)
    seed = given.get("seed")
    if isinstance(seed, int) and chosen.sampler_name not in _SELF_CONTINUING:
        given["seed"] = seed + trials_so_far  # or a resumed study would draw its first points again
    return _instance(sampler_class, given)


def neutral_sampler() -> BaseSampler:
    """One that computes nothing and stores nothing."""
    import optuna

    return optuna.samplers.RandomSampler()


def _check_objectives(chosen: Settings) -> None:
    if chosen.sampler_name == "RefineSampler" and len(chosen.directions) > 1:
        raise errors.ConfigError(
            "hydra.sweeper.sampler=refine needs one hydra.sweeper.direction, "
            f"given {', '.join(chosen.directions)}: several have no single best range"
        )


def _sampler_class(target: str) -> Callable[..., BaseSampler]:
    try:
        return pkgutil.resolve_name(target)  # type: ignore[no-any-return]
    except (ValueError, ImportError, AttributeError) as error:
        raise errors.ConfigError(
            f"hydra.sweeper.sampler={target} cannot be imported ({error})"
        ) from error


def _arguments(chosen: Settings, sampler_class: Callable[..., Any]) -> dict[str, Any]:
    """What the user set, and for a sampler with a plan how many trials there will be."""
    given = official.accepted(official.without_defaults(chosen.sampler), sampler_class)
    if "n_trials" in inspect.signature(sampler_class).parameters:
        given.setdefault("n_trials", chosen.n_trials)
    return {key: _built(value) for key, value in given.items() if not key.startswith("_")}


def _built(value: Any) -> Any:
    """A nested config with a `_target_`, as an independent sampler, becomes what it describes."""
    if not (isinstance(value, dict) and "_target_" in value):
        return value
    from hydra.utils import instantiate

    return instantiate(value)


def _instance(sampler_class: Callable[..., BaseSampler], given: dict[str, Any]) -> BaseSampler:
    from optuna.exceptions import ExperimentalWarning

    try:
        with warnings.catch_warnings():  # qmc and nsgaiii are experimental, and asked for by name
            warnings.simplefilter("ignore", ExperimentalWarning)
            return sampler_class(**given)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        name = getattr(sampler_class, "__name__", sampler_class)
        raise errors.ConfigError(
            f"hydra.sweeper.sampler: {name} cannot be built with {given} ({reason})"
        ) from error
