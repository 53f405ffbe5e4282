"""`hydra.sweeper`, checked and resolved: a wrong value is named here, before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["Settings", "read_settings"]


@dataclass(frozen=True)
class Settings:
    """The sweeper's own configuration as plain values."""

    sampler: dict[str, Any]
    direction: str
    storage: Any
    study_name: str | None
    n_trials: int | None
    n_jobs: int
    max_failure_rate: float
    params: dict[str, Any]
    custom_search_space: str | None
    enqueue: list[dict[str, Any]] | None
    hash_exclude: list[str]
    validate: str | None

    @property
    def sampler_name(self) -> str:
        return str(self.sampler["_target_"]).rpartition(".")[2]


def read_settings(config: DictConfig) -> Settings:
    """From the composed multirun config, as a sweeper or a callback gets it."""
    from omegaconf import OmegaConf

    node = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    assert isinstance(node, dict)
    given: dict[str, Any] = {str(key): value for key, value in node.items()}
    return Settings(
        sampler=_sampler(given.get("sampler")),
        direction=_direction(given.get("direction", "minimize")),
        storage=given.get("storage"),
        study_name=given.get("study_name"),
        n_trials=_count("n_trials", given.get("n_trials")),
        n_jobs=_count("n_jobs", given.get("n_jobs")) or 1,
        max_failure_rate=_rate(given.get("max_failure_rate", 1.0)),
        params=_mapping("params", given.get("params")),
        custom_search_space=given.get("custom_search_space"),
        enqueue=_points(given.get("enqueue")),
        hash_exclude=list(given.get("hash_exclude") or []),
        validate=given.get("validate"),
    )


def _sampler(given: Any) -> dict[str, Any]:
    if given is None:
        return {"_target_": "optuna.samplers.TPESampler"}
    if not isinstance(given, dict) or "_target_" not in given:
        raise _wrong("sampler", given, "a group option, as hydra/sweeper/sampler=tpe")
    return {key: value for key, value in given.items() if value is not None}


def _direction(given: Any) -> str:
    names = given if isinstance(given, list) else [given]
    found = [str(getattr(name, "name", name)).lower() for name in names]
    if len(found) != 1 or found[0] not in ("minimize", "maximize"):
        raise _wrong("direction", given, "minimize or maximize")
    return found[0]


def _count(key: str, given: Any) -> int | None:
    if given is None:
        return None
    if not isinstance(given, int) or isinstance(given, bool) or given < 1:
        raise _wrong(key, given, "a whole number from 1 on")
    return given


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
