"""Hydra override strings and `params:` entries → what is searched. Pure: runs nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.space import values

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
    from hydra_plugins.hpsearch_sweeper.space.values import Label, Level
    from optuna.distributions import BaseDistribution

__all__ = ["Parameter", "SearchSpace", "parse", "parse_one"]


@dataclass(frozen=True)
class Parameter:
    """One searched key: what a sampler draws from, and how a draw becomes an override."""

    name: str  # as in the config: without a leading +
    key: str  # as typed, so that `+new.key` still adds
    distribution: BaseDistribution
    levels: tuple[Level, ...] | None = None  # None: a continuum
    given: str = ""  # what the user wrote, for messages

    def text(self, label: Label) -> str:
        """The override's value for a draw."""
        level = self._level(label)
        return level.text if level else values.override_text(label)

    def label(self, value: Any) -> Label:
        """The draw that stands for a config value; raises LookupError where there is none."""
        if self.levels is None:
            return self._within(value)
        for level in self.levels:
            if values.same_value(level.value, value):
                return level.label
        raise LookupError(f"{value!r} is not among {', '.join(x.text for x in self.levels)}")

    def override(self, label: Label) -> str:
        """The whole override for a draw."""
        return f"{self.key}={self.text(label)}"

    def including(self, value: Any) -> Parameter:
        """The same parameter with one more value in front, unless it has it already."""
        assert self.levels is not None
        if any(values.same_value(level.value, value) for level in self.levels):
            return self
        return _categorical(
            self.name, self.key, [value, *(x.value for x in self.levels)], self.given
        )

    def canonical(self) -> str:
        """What names this parameter in the study's hash: the kind too, for Optuna keeps it."""
        kind = type(self.distribution).__name__.removesuffix("Distribution").lower()
        log = "log " if getattr(self.distribution, "log", False) else ""
        if self.levels is not None:
            return f"{log}{kind} {', '.join(level.text for level in self.levels)}"
        low, high = self.distribution.low, self.distribution.high  # type: ignore[attr-defined]
        return f"{log}{kind} from {low!r} to {high!r}"

    def _level(self, label: Label) -> Level | None:
        for level in self.levels or ():
            if values.same_value(level.label, label):
                return level
        return None

    def _within(self, value: Any) -> Label:
        low, high = self.distribution.low, self.distribution.high  # type: ignore[attr-defined]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and low <= value <= high and self.distribution._contains(value):
            return value  # type: ignore[no-any-return]
        raise LookupError(f"{value!r} is not in {self.given}")


@dataclass(frozen=True)
class SearchSpace:
    """The searched parameters and the overrides that every job gets."""

    parameters: tuple[Parameter, ...]
    fixed: tuple[str, ...]

    @property
    def finite(self) -> bool:
        return all(parameter.levels is not None for parameter in self.parameters)

    @property
    def names(self) -> list[str]:
        return [parameter.name for parameter in self.parameters]


def parse(
    params: Mapping[str, Any], arguments: Sequence[str], *, loader: ConfigLoader | None = None
) -> SearchSpace:
    """Entries of `params:` first, then the command line, which replaces entries of the same key."""
    found: dict[str, Override] = {}
    for key, entry in params.items():
        found[key.lstrip("+")] = _parse_entry(key, entry, loader)
    for line in arguments:
        override = _parse_line(line, loader)
        found[override.get_key_element().lstrip("+")] = override
    searched = [x for x in found.values() if x.is_sweep_override()]
    fixed = [str(x.input_line) for x in found.values() if not x.is_sweep_override()]
    return SearchSpace(tuple(_parameter(x) for x in searched), tuple(fixed))


def parse_one(line: str, *, loader: ConfigLoader | None = None) -> Parameter:
    """One override string, `key=choice(a,b)`, as a parameter."""
    return _parameter(_parse_line(line, loader))


def _parse_entry(key: str, entry: Any, loader: ConfigLoader | None) -> Override:
    text = entry if isinstance(entry, str) else values.override_text(entry)
    try:
        return _parse_line(f"{key}={text}", loader)
    except errors.SearchSpaceError as error:
        inside = text.strip().removeprefix("choice(").removesuffix(")")
        if len(inside) + len("choice()") == len(text.strip()) and "null" in inside:
            return _parse_line(f"{key}={inside}", loader)  # Hydra's choice() refuses null
        raise errors.SearchSpaceError(f"hydra.sweeper.params.{error}") from error


def _parse_line(line: str, loader: ConfigLoader | None) -> Override:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create(config_loader=loader).parse_overrides([line])[0]
    except HydraException as error:
        key, _, given = line.partition("=")
        reason = str(error).splitlines()[0]
        raise errors.SearchSpaceError(
            f"{key}: cannot read '{given}' ({reason}); allowed are a value, a,b,c, choice(..), "
            "range(..), interval(..), tag(log, ..) and glob(..)"
        ) from error


def _parameter(override: Override) -> Parameter:
    key = override.get_key_element()
    name = key.lstrip("+")
    given = override.get_value_string()
    value: Any = override.value()
    if override.is_interval_sweep():
        return _interval(name, key, value, given)
    if override.is_range_sweep():
        return _range(name, key, value, given)
    choices = _choices(override, name)
    return _categorical(name, key, choices, given)


def _choices(override: Override, name: str) -> list[Any]:
    choices: list[Any]
    value: Any = override.value()
    if hasattr(value, "include"):  # a glob: the options of a config group
        choices = list(override.sweep_iterator())
    else:
        choices = [*map(override._convert_value, value.list)]
    if not choices:
        raise errors.SearchSpaceError(f"{name}: {override.get_value_string()} matches nothing")
    return _shuffled(choices, name) if getattr(value, "shuffle", False) else choices


def _categorical(name: str, key: str, choices: Sequence[Any], given: str) -> Parameter:
    from optuna.distributions import CategoricalDistribution

    levels = values.levels_of(choices)
    return Parameter(name, key, CategoricalDistribution([x.label for x in levels]), levels, given)


def _range(name: str, key: str, sweep: RangeSweep, given: str) -> Parameter:
    from optuna.distributions import FloatDistribution, IntDistribution

    numbers = _numbers(sweep, name, given)
    low, high, step = min(numbers), max(numbers), abs(sweep.step)
    log = "log" in sweep.tags
    if log and (low <= 0 or not isinstance(step, int) or step != 1):
        raise errors.SearchSpaceError(
            f"{name}: tag(log, {given}) needs whole numbers above 0 and a step of 1"
        )
    distribution: BaseDistribution = (
        IntDistribution(int(low), int(high), log=log, step=int(step))
        if isinstance(low, int)
        else FloatDistribution(low, high, step=step)
    )
    if sweep.shuffle:
        numbers = _shuffled(numbers, name)
    return Parameter(name, key, distribution, values.levels_of(numbers), given)


def _numbers(sweep: RangeSweep, name: str, given: str) -> list[Any]:
    """The numbers from start up to, not including, stop: counted in decimals, so 0.1 stays 0.1."""
    start, stop, step = (Decimal(str(x)) for x in (sweep.start, sweep.stop, sweep.step))
    if step == 0:
        raise errors.SearchSpaceError(f"{name}: {given} has step 0; allowed is any other step")
    numbers = [start + i * step for i in range(math.ceil((stop - start) / step))]
    if not numbers:
        raise errors.SearchSpaceError(f"{name}: {given} holds no value (the end is exclusive)")
    whole = all(isinstance(x, int) for x in (sweep.start, sweep.stop, sweep.step))
    return [int(x) if whole else float(x) for x in numbers]


def _interval(name: str, key: str, sweep: IntervalSweep, given: str) -> Parameter:
    from optuna.distributions import FloatDistribution, IntDistribution

    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    assert low is not None
    assert high is not None
    if not low < high or (log and low <= 0):
        limit = "0 < start < end" if log else "start < end"
        raise errors.SearchSpaceError(f"{name}: {given} is empty or reversed; allowed is {limit}")
    whole = "int" in sweep.tags or isinstance(low, int)
    distribution: BaseDistribution = (
        IntDistribution(int(low), int(high), log=log)
        if whole
        else FloatDistribution(low, high, log=log)
    )
    return Parameter(name, key, distribution, None, given)


def _shuffled(items: Sequence[Any], name: str) -> list[Any]:
    """Shuffled, but the same way each time: a resumed grid must keep its order."""
    return random.Random(name).sample(list(items), len(items))
