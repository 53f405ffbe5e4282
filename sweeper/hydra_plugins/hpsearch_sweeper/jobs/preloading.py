"""Which modules the jobs' server imports before the first job."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from hydra_plugins.hpsearch_sweeper import errors

__all__ = ["modules_for"]

# What every job's process needs, and what it takes to write into a study.
ALWAYS = (
    "hydra_plugins.hpsearch_sweeper.jobs.child",
    "hydra._internal.callbacks",
    "hydra._internal.core_plugins.basic_launcher",
    "hydra._internal.logging_config",
    "hydra.core.utils",
    "hydra.utils",
    "multiprocessing.popen_forkserver",
    "omegaconf._impl",
    "antlr4.LL1Analyzer",
    "cloudpickle",
    "logging.config",
    "ctypes",
    "faulthandler",
)
FOR_TRIALS = (
    "optuna",
    "optuna.storages._rdb.models",
    "sqlalchemy.dialects.sqlite",
    "alembic.command",
    "alembic.config",
    "alembic.migration",
)


def modules_for(
    function: Callable[..., Any] | None, preload: Sequence[str], *, trials: bool
) -> tuple[str, ...]:
    """What all jobs need, what the program imports, and what the user named.

    The function's own module counts as the program too, where there is a function yet.
    """
    for name in preload:
        _require(name)
    needed = [*ALWAYS, *(FOR_TRIALS if trials else ()), *_imported_by(function), *preload]
    return tuple(dict.fromkeys(needed))


def _require(name: str) -> None:
    try:
        found = find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise errors.ConfigError(f"hydra.launcher.preload names {name}, which cannot be imported")


def _imported_by(function: Callable[..., Any] | None) -> Iterator[str]:
    """Installed modules that the program's own imports lead to.

    Its own modules stay out, the main one above all: many ask for the device at their top level,
    and a CUDA context does not survive a fork.
    """
    for program in {"__main__", getattr(function, "__module__", "__main__")}:
        values = list(vars(sys.modules.get(program, sys)).values())
        for name in sorted({_module_of(value) for value in values}):
            module = sys.modules.get(name)
            if module is not None and _is_installed(module):
                yield name


def _module_of(value: Any) -> str:
    # other objects may be lazy, and asking them for an attribute would wake them up
    if issubclass(type(value), ModuleType):
        return str(value.__name__)
    if issubclass(type(value), type | FunctionType | BuiltinFunctionType):
        return str(value.__module__)
    return ""


def _is_installed(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None) or ""
    return bool({"site-packages", "dist-packages"} & set(Path(file).parts))
