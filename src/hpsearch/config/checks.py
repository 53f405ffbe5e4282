"""Checks of a composed configuration, before anything is loaded or trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException

from hpsearch.config.rules import Rule
from hpsearch.config.schema import BACKBONES, Config
from hpsearch.errors import ConfigError, allowed, nearest

__all__ = ["Key", "check", "check_keys", "flatten", "keys"]


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
    return _values(config, keys(OmegaConf.select(config, "backbone.kind")))


def _values(config: DictConfig, wanted: Iterable[Key]) -> dict[str, Any]:
    """Of these keys; in groups, which takes a quarter of the time, where every value is there."""
    found = [key.name for key in wanted]
    try:
        groups = {name: plain(config, name) for name in {key.partition(".")[0] for key in found}}
        return {name: _at(groups, name) for name in found}
    except (ConfigError, KeyError, TypeError):
        return {name: plain(config, name) for name in found}


def _at(values: Any, name: str) -> Any:
    for part in name.split("."):
        values = values[part]
    return values


def plain(config: DictConfig, name: str) -> Any:
    """The value of a dotted key without OmegaConf's containers."""
    try:
        value = OmegaConf.select(config, name, throw_on_missing=True)
        if OmegaConf.is_config(value):
            return OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
    except InterpolationResolutionError as error:
        raise ConfigError(f"{name}: {error.msg or error}") from None
    except OmegaConfBaseException:
        raise ConfigError(f"{name}: a value is needed, none was given") from None
    return value


def check(config: DictConfig) -> None:
    """Raise :class:`ConfigError` for the first key whose value is not allowed."""
    kind = OmegaConf.select(config, "backbone.kind")
    if kind not in BACKBONES:
        raise ConfigError(allowed("backbone.kind", kind, BACKBONES))
    _check_unknown(config, {key.name for key in keys(kind)})
    _check_all(config, keys(kind))
    _check_together(config)


def check_keys(config: DictConfig, names: Collection[str]) -> None:
    """The same for these keys at the top level alone, whatever the others hold."""
    _check_all(config, (key for key in _walk(Config, "", "cnn") if key.name in names))


def _check_all(config: DictConfig, wanted: Iterable[Key]) -> None:
    rules = {key.name: key for key in wanted}
    for name, value in _values(config, rules.values()).items():
        _check_key(rules[name], value)


def _check_unknown(config: DictConfig, known: Collection[str]) -> None:
    """Hydra's ``+key=value`` adds what nothing would read: a typing error without a word."""
    for name in _names(config, "", known):
        if name not in known:
            raise ConfigError(f"{name}: no such key{nearest(name, known)}")


def _names(node: DictConfig, prefix: str, known: Collection[str]) -> Iterator[str]:
    """The dotted keys that hold a value, but for Hydra's own."""
    for key in node:
        name, value = f"{prefix}{key!s}", node._get_node(key)
        if name == "hydra":
            continue
        if name not in known and isinstance(value, DictConfig) and not value._is_interpolation():
            yield from _names(value, f"{name}.", known) if value else [name]
        else:
            yield name


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
