"""The Optuna pruner that is asked for."""

from __future__ import annotations

import inspect
import pkgutil
import warnings
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.pruners import BasePruner

__all__ = ["build_pruner"]

_KEY = "hydra.sweeper.pruner"
_MISSING = "???"  # what a mandatory value looks like in a plain dict


def build_pruner(chosen: Mapping[str, Any]) -> BasePruner:
    """From `hydra.sweeper.pruner` as a plain dict: `_target_` and what its class takes."""
    return _build(chosen, _KEY)


def _build(chosen: Mapping[str, Any], key: str) -> BasePruner:
    target = str(chosen["_target_"])
    pruner_class = _pruner_class(target, key)
    given = _arguments(chosen, key)
    if "wrapped_pruner" in inspect.signature(pruner_class).parameters:
        given.setdefault("wrapped_pruner", None)  # null may be meant, and was dropped
    return _instance(pruner_class, given, key=key)


def _arguments(chosen: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What is set; null stands for the class's own default."""
    found: dict[str, Any] = {}
    for name, value in chosen.items():
        if name.startswith("_") or value is None:
            continue
        if value == _MISSING:
            raise errors.ConfigError(f"{key}.{name} has to be set: {_target(chosen)} needs it")
        nested = isinstance(value, dict) and "_target_" in value
        found[name] = _build(value, f"{key}.{name}") if nested else value
    return found


def _target(chosen: Mapping[str, Any]) -> str:
    return str(chosen["_target_"]).rpartition(".")[2]


def _pruner_class(target: str, key: str) -> type[BasePruner]:
    from optuna.pruners import BasePruner

    try:
        found = pkgutil.resolve_name(target)
    except (ValueError, ImportError, AttributeError) as error:
        raise errors.ConfigError(f"{key}._target_={target} cannot be imported ({error})") from error
    if not (inspect.isclass(found) and issubclass(found, BasePruner)):
        raise errors.ConfigError(f"{key}._target_={target} is no Optuna pruner")
    return found


def _instance(pruner_class: type[BasePruner], given: Mapping[str, Any], *, key: str) -> BasePruner:
    from optuna.exceptions import ExperimentalWarning

    try:
        with warnings.catch_warnings():  # wilcoxon and patient are, and were asked for by name
            warnings.simplefilter("ignore", ExperimentalWarning)
            return pruner_class(**given)
    except Exception as error:
        name, reason = pruner_class.__name__, (str(error).splitlines() or [""])[0]
        shown = ", ".join(f"{k}={v}" for k, v in given.items())
        raise errors.ConfigError(
            f"{key}: {name} cannot be built with {shown or 'nothing set'} ({reason})"
        ) from error
