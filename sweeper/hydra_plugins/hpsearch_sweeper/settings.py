"""`hydra.sweeper`, checked and resolved: a wrong value is named here, before anything starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["Settings", "read_settings"]

_LONGEST_NAME = 200  # a file's may have 255 bytes


@dataclass(frozen=True)
class Settings:
    """The sweeper's own configuration as plain values."""

    sampler: dict[str, Any]
    pruner: dict[str, Any]
    directions: tuple[str, ...]
    storage: Any
    proxy: str | int | None
    study_name: str | None
    n_trials: int | None
    n_jobs: int
    timeout: float | None
    trial_timeout: float | None
    retries: int
    stop_when: int | None
    dry_run: bool
    max_failure_rate: float
    params: dict[str, Any]
    custom_search_space: str | None
    enqueue: list[dict[str, Any]] | None
    seeds: tuple[int, ...]
    seed_key: str
    constraints: dict[str, float]
    hash_exclude: list[str]
    validate: str | None
    heartbeat: float

    @property
    def sampler_name(self) -> str:
        return str(self.sampler["_target_"]).rpartition(".")[2]


def read_settings(config: DictConfig) -> Settings:
    """From the composed multirun config, as a sweeper or a callback gets it."""
    from omegaconf import OmegaConf

    node = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    assert isinstance(node, dict)
    given: dict[str, Any] = {str(key): value for key, value in node.items()}
    found = Settings(
        sampler=_sampler(given.get("sampler")),
        pruner=_group("pruner", given.get("pruner"), "optuna.pruners.NopPruner"),
        directions=_directions(given.get("direction", "minimize")),
        storage=given.get("storage"),
        proxy=_proxy(given.get("proxy")),
        study_name=_name(given.get("study_name")),
        n_trials=_count("n_trials", given.get("n_trials")),
        n_jobs=_count("n_jobs", given.get("n_jobs")) or 1,
        timeout=_seconds("timeout", given.get("timeout")),
        trial_timeout=_seconds("trial_timeout", given.get("trial_timeout")),
        retries=_count("retries", given.get("retries"), least=0) or 0,
        stop_when=_count("stop_when", given.get("stop_when")),
        dry_run=bool(given.get("dry_run")),
        max_failure_rate=_rate(given.get("max_failure_rate", 1.0)),
        params=_mapping("params", given.get("params")),
        custom_search_space=given.get("custom_search_space"),
        enqueue=_points(given.get("enqueue")),
        seeds=_seeds(given.get("seeds")),
        seed_key=str(given.get("seed_key") or "seed"),
        constraints=_limits(given.get("constraints")),
        hash_exclude=list(given.get("hash_exclude") or []),
        validate=given.get("validate"),
        heartbeat=_seconds("heartbeat", given.get("heartbeat")) or 15.0,
    )
    _require_one_objective(found)
    return found


def _require_one_objective(found: Settings) -> None:
    """Neither stopping early nor "no better" is defined for several objectives."""
    if len(found.directions) == 1:
        return
    if found.stop_when is not None:
        raise _wrong("stop_when", found.stop_when, "null, for there are several objectives")
    if not found.pruner["_target_"].endswith(".NopPruner"):
        raise _wrong("pruner", found.pruner["_target_"], "none, for there are several objectives")


def _sampler(given: Any) -> dict[str, Any]:
    from hydra_plugins.hpsearch_sweeper import official

    return official.without_defaults(_group("sampler", given, "optuna.samplers.TPESampler"))


def _group(key: str, given: Any, default: str) -> dict[str, Any]:
    if given is None:
        return {"_target_": default}
    if not isinstance(given, dict) or "_target_" not in given:
        raise _wrong(key, given, f"a group option, as hydra/sweeper/{key}=NAME")
    return {name: value for name, value in given.items() if value is not None}


def _directions(given: Any) -> tuple[str, ...]:
    names = given if isinstance(given, list) else [given]
    found = tuple(str(getattr(name, "name", name)).lower() for name in names)
    if not found or not set(found) <= {"minimize", "maximize"}:
        raise _wrong("direction", given, "minimize or maximize, or a list of these")
    return found


def _count(key: str, given: Any, *, least: int = 1) -> int | None:
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise _wrong(key, given, f"a whole number from {least} on")
    return given


def _name(given: Any) -> str | None:
    """It names a folder: it must not lead out of the one that it lies in."""
    if given is None:
        return None
    text = str(given)
    above = not text.strip(". ") or "/" in text or "\\" in text
    if above or not text.isprintable() or len(text) > _LONGEST_NAME:
        raise _wrong(
            "study_name",
            repr(given) if isinstance(given, str) else given,
            f"up to {_LONGEST_NAME} characters on one line, no slash, and more than dots",
        )
    return text


def _proxy(given: Any) -> str | int | None:
    from hydra_plugins.hpsearch_sweeper.study import proxy

    try:
        if given is not None:
            proxy.parse(given)
    except ValueError:
        raise _wrong("proxy", given, "null, a port, or HOST:PORT") from None
    return given  # type: ignore[no-any-return]


def _seconds(key: str, given: Any) -> float | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < math.inf:
        raise _wrong(key, given, "a number of seconds above 0")
    return float(given)


def _seeds(given: Any) -> tuple[int, ...]:
    if given is None:
        return ()
    seeds = list(range(given)) if _whole(given) else given
    if not isinstance(seeds, list) or not seeds or not all(map(_whole, seeds)):
        raise _wrong("seeds", given, "a whole number from 1 on, or a list of different seeds")
    if len(set(seeds)) < len(seeds):
        raise _wrong("seeds", given, "a whole number from 1 on, or a list of different seeds")
    return tuple(seeds)


def _whole(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def _limits(given: Any) -> dict[str, float]:
    limits = _mapping("constraints", given)
    for name, limit in limits.items():
        if isinstance(limit, bool) or not isinstance(limit, int | float):
            raise _wrong(f"constraints.{name}", limit, "the largest allowed number")
    return limits


def _rate(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
        raise _wrong("max_failure_rate", given, "a number from 0.0 to 1.0")
    return float(given)


def _mapping(key: str, given: Any) -> dict[str, Any]:
    if given is not None and not isinstance(given, dict):
        raise _wrong(key, given, "a mapping of keys to values")
    return {str(name): value for name, value in (given or {}).items()}


def _points(given: Any) -> list[dict[str, Any]] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise _wrong("enqueue", given, "a list of mappings key -> value")
    return [_mapping(f"enqueue[{i}]", point) for i, point in enumerate(given)]


def _wrong(key: str, given: Any, allowed: str) -> errors.ConfigError:
    return errors.ConfigError(f"hydra.sweeper.{key}={given} is not possible; allowed: {allowed}")
