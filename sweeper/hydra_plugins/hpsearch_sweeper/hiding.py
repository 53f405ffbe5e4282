"""Passwords, kept out of what is printed and written, wherever they stand in a text or a config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["for_jobs", "hidden", "redacted"]

MARK = "***"

_SECRET = r"\w*(?:password|passwd|pwd)"
_QUERY_SECRET = r"\w*(?:token|secret|api_?key)"
# `${oc.env:VARIABLE}` names a password without telling it, and a reader wants to see which.
_NOT_NAMED = r"(?!\$\{[^}\s]*\}(?:@|[&'\"\s]|$))"
# pathlib makes one slash of the two.
_USER = r"((?::/|\b(?:https?|s3|postgres\w*|mysql|mariadb)(?:\+\w+)?:)/[^:/@\s]*:)"
# Up to the last `@` of the word, for a password may hold one, and a slash too.
_IN_WORD = re.compile(rf"(?i){_USER}{_NOT_NAMED}\S*@")
# One with spaces; what begins like a port is an address without a password, and text after it.
_WITH_SPACES = re.compile(rf"(?i){_USER}{_NOT_NAMED}(?!\d+(?:[/?#,;.)\s]|$))[^@\n]*@")
# A quote or a bracket at the end closes what stands around the address.
_VALUE = r"[^&\s]*?(?=['\")}\],]*(?:[&\s]|$))"
_OPTION = re.compile(
    rf"(?i)(\b{_SECRET}=|[?&]{_QUERY_SECRET}=){_NOT_NAMED}{_VALUE}",
)
_ENTRY = re.compile(rf"(?i)((['\"]){_SECRET}\2\s*:\s*)(['\"]){_NOT_NAMED}.*?\3")  # of a dict
_LINE = re.compile(rf"(?im)^([\s-]*{_SECRET}:[ \t]+){_NOT_NAMED}\S.*$")  # of YAML
_KEY = re.compile(rf"(?i){_SECRET}")


def redacted(text: Any) -> str:
    """The text without the passwords of the addresses in it: it goes into logs and messages."""
    shown = str(text)
    if ":/" in shown:
        shown = _WITH_SPACES.sub(rf"\1{MARK}@", _IN_WORD.sub(rf"\1{MARK}@", shown))
    shown = _OPTION.sub(rf"\1{MARK}", shown)
    return _LINE.sub(rf"\1{MARK}", _ENTRY.sub(rf"\1\3{MARK}\3", shown))


def hidden(value: Any) -> Any:
    """A mapping, a list or a text without passwords, at any depth; other values as they are."""
    if isinstance(value, Mapping):
        return {key: MARK if _tells(key, x) else hidden(x) for key, x in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(x) for x in value]
    return redacted(value) if isinstance(value, str) else value


def for_jobs(config: DictConfig) -> DictConfig:
    """The multirun config without the password of the storage, as jobs are composed from it.

    Hydra composes a job again from files and overrides, and saves what comes out. So the overrides
    lose the password, and one is added that takes it from what a file says. The jobs get at the
    storage without it: `trial.announce`.
    """
    from omegaconf import OmegaConf, open_dict, read_write

    given: Any = OmegaConf.to_container(config.hydra.sweeper)
    storage = given.get("storage")
    if hidden(storage) == storage:
        return config
    shown = config.copy()
    with read_write(shown), open_dict(shown):
        kept = [_without(text) for text in shown.hydra.overrides.hydra]
        shown.hydra.overrides.hydra = [*kept, f"hydra.sweeper.storage={_override(storage)}"]
        shown.hydra.sweeper.storage = hidden(storage) if isinstance(storage, str) else None
    return shown


def _tells(key: Any, value: Any) -> bool:
    return (
        _KEY.fullmatch(str(key)) is not None
        and isinstance(value, str | int | float)
        and not str(value).startswith("${")
        and value != ""
    )


def _without(override: str) -> str:
    # all other settings of Hydra are the job's own, an environment variable with a password too
    return redacted(override) if override.lstrip("+~").startswith("hydra.sweeper.") else override


def _override(storage: Any) -> str:
    from hydra_plugins.hpsearch_sweeper.space import values

    # a mapping would be merged with the one that it shall replace
    return values.quoted(redacted(storage)) if isinstance(storage, str) else "null"
