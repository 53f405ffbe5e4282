"""The values that a parameter can take, and how the study keeps which one was drawn.

It keeps a *label*: the value itself where that is unambiguous, so that tables and dashboards stay
readable, and the override's text otherwise (lists, dicts, strings that look like numbers).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.space import values

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.space.values import Label
    from optuna.distributions import CategoricalDistribution

__all__ = ["Level", "categorical", "level_of", "level_with", "levels_of"]


@dataclass(frozen=True)
class Level:
    """One value that a parameter can take."""

    value: Any
    text: str
    label: Label


def levels_of(found: Iterable[Any]) -> tuple[Level, ...]:
    """The distinct values in their order, each with its text and label."""
    by_text = {values.override_text(value): value for value in found}
    labels = [_label(value, text) for text, value in by_text.items()]
    if len(set(labels)) < len(labels):  # Python (and Optuna) hold 1, 1.0 and True for equal
        labels = list(by_text)
    return tuple(
        Level(value, text, label)
        for (text, value), label in zip(by_text.items(), labels, strict=True)
    )


def categorical(levels: Sequence[Level]) -> CategoricalDistribution:
    """What Optuna draws from where the values have no order."""
    from optuna.distributions import CategoricalDistribution

    return CategoricalDistribution([level.label for level in levels])


def level_with(value: Any, levels: Sequence[Level]) -> Level | None:
    """The level that stands for a config value, the one of the same type first."""
    exact = (level for level in levels if repr(level.value) == repr(value))
    equal = (level for level in levels if values.same_value(level.value, value))
    return next(exact, None) or next(equal, None)


def level_of(label: Label, levels: Sequence[Level]) -> Level | None:
    """The level of a draw; Optuna's steps may be a rounding error away from it."""
    exact = (level for level in levels if values.same_value(level.label, label))
    return next(exact, None) or (_nearest(label, levels) if isinstance(label, float) else None)


def _nearest(label: float, levels: Sequence[Level]) -> Level | None:
    numbers = {level.label: level for level in levels if isinstance(level.label, float)}
    if not numbers:
        return None
    near = min(numbers, key=lambda number: abs(number - label))
    return numbers[near] if abs(near - label) <= 1e-9 * (max(numbers) - min(numbers)) else None


def _label(value: Any, text: str) -> Label:
    if value is None or isinstance(value, bool | int | float):
        return value
    return text
