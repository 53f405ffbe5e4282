"""Hydra's and OmegaConf's exceptions in one line: the key, what was given, what is allowed."""

from __future__ import annotations

import re
import traceback

import yaml
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import Container, DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from hpsearch.config.locate import CONF_DIR
from hpsearch.errors import nearest

__all__ = ["explain_hydra"]

MOST = 300  # characters of a message that is not ours


def explain_hydra(error: BaseException) -> str | None:
    """One line for an exception of Hydra, OmegaConf or YAML; None for any other."""
    if isinstance(error, MissingConfigException):
        return _missing(error)
    if isinstance(error, OverrideParseException):
        return f"{error.override}: not a valid override: {_line(error.message)}"
    if isinstance(error, ConfigCompositionException):
        return _composition(error)
    if isinstance(error, OmegaConfBaseException):
        return _omegaconf(error)
    if isinstance(error, yaml.YAMLError):
        return f"broken YAML: {_line(str(error))}"
    if isinstance(error, HydraException):
        return _line(str(error))
    if "embedded null" in str(error) and isinstance(error, ValueError):
        return f"a path of the configuration: {error}; allowed are texts without it"
    if _was_composing(error):
        return f"the configuration cannot be composed: {type(error).__name__}: {_short(error)}"
    return None


def _was_composing(error: BaseException) -> bool:
    """Whether Hydra raised it over what the user gave, before there was a configuration."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_code.co_qualname.endswith("Hydra.compose_config") for frame in frames)


def _short(error: BaseException) -> str:
    text = _line(str(error).split("full_key:")[0])
    return text if len(text) <= MOST else f"{text[:MOST]} …"


def _missing(error: MissingConfigException) -> str:
    group, _, given = (error.missing_cfg_file or "").rpartition("/")
    if not error.options or not group:
        return _line(str(error))
    options = sorted(error.options)
    return f"{group}={given}: allowed are {', '.join(options)}{nearest(given, options)}"


def _composition(error: ConfigCompositionException) -> str:
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        return _omegaconf(cause, first=_line(str(error)))
    if isinstance(cause, yaml.YAMLError):
        return f"broken YAML: {_line(str(cause))}"
    unknown = re.match(r"Could not override '([^'@]+)", str(error))
    if unknown:
        return _unknown_key(unknown[1], _top_level())
    return _line(str(error))


def _omegaconf(error: OmegaConfBaseException, *, first: str = "") -> str:
    key = error.full_key or ""
    if isinstance(error, ConfigAttributeError | ConfigKeyError):
        return _unknown_key(key, _siblings(error))
    reason = _line(str(error.msg or error).split("full_key:")[0])
    return f"{key}: {reason}" if key else f"{first} {reason}".strip()


def _unknown_key(key: str, options: list[str]) -> str:
    prefix, _, last = key.rpartition(".")
    where = f"{prefix}.*" if prefix else "the top level"
    return f"{key}: no such key; {where} has {', '.join(options)}{nearest(last, options)}"


def _siblings(error: OmegaConfBaseException) -> list[str]:
    parent = error.parent_node
    if isinstance(parent, DictConfig) and isinstance(parent, Container):
        return [str(key) for key in parent]
    return _top_level()


def _top_level() -> list[str]:
    """The groups that a command line may choose from, and the plain keys beside them."""
    groups = [entry.name for entry in CONF_DIR.iterdir() if entry.is_dir()]
    return sorted({*groups, "name", "root", "seed", "tracking"})


def _line(text: str) -> str:
    return " ".join(text.split())
