"""What is searched: each key with its values, and the conditions under which it is searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.space import conditions, levels, values

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.space.conditions import Condition
    from hydra_plugins.hpsearch_sweeper.space.levels import Level
    from hydra_plugins.hpsearch_sweeper.space.values import Label
    from optuna.distributions import BaseDistribution

__all__ = ["Parameter", "SearchSpace"]


@dataclass(frozen=True)
class Parameter:
    """One searched key: what a sampler draws from, and how a draw becomes an override."""

    name: str  # as in the config: without a leading +
    key: str  # as typed, so that `+new.key` still adds
    distribution: BaseDistribution
    levels: tuple[Level, ...] | None = None  # None: a continuum
    given: str = ""  # what the user wrote, for messages
    when: tuple[Condition, ...] = ()  # searched only where all of these hold

    def text(self, label: Label) -> str:
        """The override's value for a draw."""
        level = levels.level_of(label, self.levels or ())
        return level.text if level else values.override_text(label)

    def label(self, value: Any) -> Label:
        """The draw that stands for a config value; raises LookupError where there is none."""
        if self.levels is None:
            return self._within(value)
        if level := levels.level_with(value, self.levels):
            return level.label
        raise LookupError(f"{value!r} is not among {', '.join(x.text for x in self.levels)}")

    def override(self, label: Label) -> str:
        """The whole override for a draw."""
        return f"{self.key}={self.text(label)}"

    def including(self, value: Any) -> Parameter:
        """The same parameter with one more value in front, unless it has it already."""
        assert self.levels is not None
        if levels.level_with(value, self.levels):
            return self
        more = levels.levels_of([value, *(x.value for x in self.levels)])
        return replace(self, levels=more, distribution=levels.categorical(more))

    def canonical(self) -> str:
        """What names this parameter in the study's hash: the kind too, for Optuna keeps it."""
        kind = type(self.distribution).__name__.removesuffix("Distribution").lower()
        log = "log " if getattr(self.distribution, "log", False) else ""
        when = "".join(f" when {x}" for x in sorted(self.when, key=lambda x: x.key))
        if self.levels is not None:
            return f"{log}{kind} {', '.join(level.text for level in self.levels)}{when}"
        low, high = self.distribution.low, self.distribution.high  # type: ignore[attr-defined]
        return f"{log}{kind} from {low!r} to {high!r}{when}"

    def _within(self, value: Any) -> Label:
        low, high = self.distribution.low, self.distribution.high  # type: ignore[attr-defined]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if number and low <= value <= high and self.distribution._contains(value):
            return value  # type: ignore[no-any-return]
        raise LookupError(f"{value!r} is not in {self.given}")


@dataclass(frozen=True)
class SearchSpace:
    """The searched parameters, parents before children, and the overrides that every job gets."""

    parameters: tuple[Parameter, ...]
    fixed: tuple[str, ...]

    @property
    def finite(self) -> bool:
        return all(parameter.levels is not None for parameter in self.parameters)

    @property
    def names(self) -> list[str]:
        return [parameter.name for parameter in self.parameters]

    def is_active(self, parameter: Parameter, point: Mapping[str, Label]) -> bool:
        """Whether the parameter is searched where its parents have the point's values."""
        return all(self._holds(condition, point) for condition in parameter.when)

    def active(self, point: Mapping[str, Label]) -> tuple[Parameter, ...]:
        """The parameters that are searched at a point, parents before children."""
        return tuple(x for x in self.parameters if self.is_active(x, point))

    def activating(self, parameter: Parameter) -> dict[str, Label]:
        """First values of the parents, and of theirs, under which the parameter is searched."""
        needed = conditions.requirements(parameter, self._by_name)
        return {
            x.name: next(level.label for level in x.levels or () if level.text in needed[x.name])
            for x in self.parameters
            if x.name in needed
        }

    def opening(self) -> SearchSpace:
        """Only the parameters that are searched where all listed ones have their first value."""
        point: dict[str, Label] = {}
        for x in self.parameters:
            if x.levels is not None and self.is_active(x, point):
                point[x.name] = x.levels[0].label
        return replace(self, parameters=self.active(point))

    def _holds(self, condition: Condition, point: Mapping[str, Label]) -> bool:
        parent = self._by_name[condition.key]
        if parent.name not in point or parent.text(point[parent.name]) not in condition.texts:
            return False
        return self.is_active(parent, point)

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}
