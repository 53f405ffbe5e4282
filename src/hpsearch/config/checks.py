"""Checks of a composed configuration, before anything is loaded or trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from hpsearch.config.rules import Rule
from hpsearch.config.schema import BACKBONES, Config
from hpsearch.errors import ConfigError, allowed, nearest

__all__ = ["Key", "check", "flatten", "keys"]


@dataclasses.dataclass(frozen=True)
class Key:
    """One leaf of the schema: its dotted name, its rule, whether it can change a result."""

    name: str
    rule: Rule
    relevant: bool


def keys(kind: str) -> Iterator[Key]:
    """Every leaf of the schema for a backbone of this kind, in the order of the schema."""
    yield from _walk(Config, "", kind)


def _walk(schema: Any, prefix: str, kind: str) -> Iterator[Key]:
    for field in dataclasses.fields(schema):
        name = f"{prefix}{field.name}"
        if name == "backbone":
            yield from _walk(BACKBONES[kind], "backbone.", kind)
        elif "rule" in field.metadata:
            yield Key(name, field.metadata["rule"], field.metadata["relevant"])
        else:
            yield from _walk(field.default_factory, f"{name}.", kind)


def flatten(config: DictConfig) -> dict[str, Any]:
    """Dotted key → resolved value of every leaf of the schema."""
    kind = OmegaConf.select(config, "backbone.kind")
    return {key.name: plain(config, key.name) for key in keys(kind)}


def plain(config: DictConfig, name: str) -> Any:
    """The value of a dotted key without OmegaConf's containers."""
    try:
        value = OmegaConf.select(config, name, throw_on_missing=True)
    except InterpolationResolutionError as error:
        raise ConfigError(f"{name}: {error.msg or error}") from None
    except OmegaConfBaseException:
        raise ConfigError(f"{name}: a value is needed, none was given") from None
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def check(config: DictConfig) -> None:
    """Raise :class:`ConfigError` for the first key whose value is not allowed."""
    kind = OmegaConf.select(config, "backbone.kind")
    if kind not in BACKBONES:
        raise ConfigError(allowed("backbone.kind", kind, BACKBONES))
    for key in keys(kind):
        _check_key(key, plain(config, key.name))
    _check_together(config)


def _check_key(key: Key, value: Any) -> None:
    if key.rule.test(value):
        return
    given = "null" if value is None else value
    hint = nearest(str(given), map(str, key.rule.options))
    raise ConfigError(f"{key.name}={given}: allowed is {key.rule.text}{hint}")


def _check_together(config: DictConfig) -> None:
    """Rules over more than one key."""
    backbone, trainer = config.backbone, config.trainer
    if backbone.kind in ("cnn", "rnn") and backbone.gradient_checkpointing:
        raise ConfigError(
            f"backbone.gradient_checkpointing=true: backbone.kind={backbone.kind} has no layers to "
            "recompute; allowed is false, or a transformer"
        )
    if backbone.kind == "transformer" and backbone.hidden_size % backbone.num_heads:
        raise ConfigError(
            f"backbone.num_heads={backbone.num_heads}: allowed is a divisor of "
            f"backbone.hidden_size={backbone.hidden_size}"
        )
    if backbone.freeze != "none" and backbone.kind != "pretrained":
        raise ConfigError(
            f"backbone.freeze={backbone.freeze}: a {backbone.kind} starts from random weights, "
            "freezing them would leave noise; allowed is none"
        )
    if trainer.overfit and trainer.accumulate != 1:
        raise ConfigError(
            f"trainer.accumulate={trainer.accumulate}: trainer.overfit=true trains on one batch; "
            "allowed is 1"
        )
