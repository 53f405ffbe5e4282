"""The program as it is sent into the processes of its jobs: the task function and its resolvers.

The function is usually the inside of `@hydra.main`, so its name leads to the decorated one. It is
named by where that is found and how deep it is wrapped: then the job uses the classes and globals
of the program as imported there. Only what cannot be found by name (a closure, a notebook's
function) is sent by value.
"""

from __future__ import annotations

import importlib
import io
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from hydra_plugins.hpsearch_sweeper import errors

__all__ = ["Program", "load_function", "pack", "pack_program", "restore_globals"]

HYDRA_RESOLVERS = {"now", "hydra", "python_version"}


class Place(NamedTuple):
    """Where a function is found."""

    module: str
    name: str
    depth: int  # how often to take __wrapped__


class Program(NamedTuple):
    """What all jobs of a sweep have in common."""

    function: Place | bytes
    resolvers: dict[str, bytes]
    version_base: Any
    job_name: str
    start_method: str | None  # of multiprocessing, as the program set it


def pack_program(function: Callable[..., Any]) -> bytes:
    """Once for a sweep."""
    from multiprocessing import get_start_method

    from hydra import version
    from hydra.core.utils import JobRuntime

    program = Program(
        function=_place(function) or _function_by_value(function),
        resolvers=_resolvers(),
        version_base=version.getbase(),
        job_name=JobRuntime.instance().get("name"),
        start_method=get_start_method(allow_none=True),
    )
    return pickle.dumps(program)


def pack(value: Any) -> bytes:
    """By value what the job's process could not import, by name what it could.

    Hydra's scanner executes a plugin's modules twice, so that the classes in a config are not those
    that their names lead to; and the job shall see the main module's classes as its own.
    """
    import cloudpickle  # type: ignore[import-untyped]

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            if issubclass(type(value), type) and _goes_by_name(value):
                return _find, (value.__module__, value.__qualname__)
            return super().reducer_override(value)

    packed = io.BytesIO()
    Pickler(packed).dump(value)
    return packed.getvalue()


def load_function(program: Program) -> Callable[[Any], Any]:
    """In the job's process."""
    if isinstance(program.function, bytes):
        return pickle.loads(program.function)  # type: ignore[no-any-return]
    found = _find(program.function.module, program.function.name)
    for _ in range(program.function.depth):
        found = found.__wrapped__
    return found  # type: ignore[no-any-return]


def restore_globals(program: Program) -> None:
    """In the job's process: what the program or Hydra has set in the sweeper's."""
    from multiprocessing import set_start_method

    from hydra.core.utils import JobRuntime, setup_globals
    from hydra.version import VersionBase
    from omegaconf.basecontainer import BaseContainer

    # the process itself came from the fork server, but the job's own need not
    set_start_method(program.start_method, force=True)
    setup_globals()
    VersionBase.instance().setbase(program.version_base)
    JobRuntime.instance().set("name", program.job_name)
    for name, resolver in program.resolvers.items():
        if name not in BaseContainer._resolvers:  # else the program registered it on import
            BaseContainer._resolvers[name] = pickle.loads(resolver)


def _find(module: str, name: str) -> Any:
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _found(module: str, name: str) -> Any:
    """The same without importing anything; None where there is nothing."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _goes_by_name(value: type) -> bool:
    found = _found(value.__module__, value.__qualname__)
    if value.__module__ == "__main__":
        return found is value and _main_is_imported_again()
    return isinstance(found, type) and found is not value


def _place(function: Callable[..., Any]) -> Place | None:
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    found, depth = _found(module, name), 0
    if found is None or not _can_be_imported(module):
        return None
    while found is not None and found is not function:
        found, depth = getattr(found, "__wrapped__", None), depth + 1
    return None if found is None else Place(module, name, depth)


def _function_by_value(function: Callable[..., Any]) -> bytes:
    try:
        return pack(function)
    except Exception as error:
        raise errors.ConfigError(
            f"hydra/launcher=local cannot send {function!r} into a process of its own "
            f"({type(error).__name__}: {error}); hydra/launcher=basic runs it in this one"
        ) from error


def _resolvers() -> dict[str, bytes]:
    from omegaconf.basecontainer import BaseContainer

    found = {}
    for name, resolver in BaseContainer._resolvers.items():
        if name not in HYDRA_RESOLVERS and not name.startswith("oc."):
            with suppress(Exception):  # the job may not need it
                found[name] = pack(resolver)
    return found


def _can_be_imported(module: str) -> bool:
    if module == "__main__":
        return _main_is_imported_again()
    parent = module.rpartition(".")[0]
    path = getattr(sys.modules.get(parent), "__path__", None) if parent else None
    return any(
        finder.find_spec(module, path)
        for finder in sys.meta_path
        if getattr(finder, "find_spec", None)
    )


def _main_is_imported_again() -> bool:
    """Whether multiprocessing makes the program's main module known in a new process."""
    from multiprocessing.spawn import get_preparation_data

    data = get_preparation_data("job")
    name = data.get("init_main_from_name")
    if name is not None:
        return name != "__main__" and not name.endswith(".__main__")
    return "init_main_from_path" in data and "ipython" not in data["init_main_from_path"]
