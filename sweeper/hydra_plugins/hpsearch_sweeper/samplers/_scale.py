"""A distribution as a straight line: log where it is log, counted in steps where it has some."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hydra_plugins.hpsearch_sweeper.samplers import refine
from optuna.distributions import FloatDistribution, IntDistribution

__all__ = ["Scale"]


@dataclass(frozen=True)
class Scale:
    """Where the values of a distribution lie on the line, and what value a place stands for."""

    distribution: FloatDistribution | IntDistribution

    @property
    def whole(self) -> refine.Span:
        """All of it; a level reaches half a step to both sides, so that all are equally likely."""
        given, half = self.distribution, self.half_step
        if given.log:
            edge = 0.5 if isinstance(given, IntDistribution) else 0.0
            return refine.Span(math.log(given.low - edge), math.log(given.high + edge))
        return refine.Span(self.place(given.low) - half, self.place(given.high) + half)

    @property
    def half_step(self) -> float:
        return 0.5 if self.distribution.step is not None and not self.distribution.log else 0.0

    def place(self, value: float) -> float:
        given = self.distribution
        if given.log:
            return math.log(value)
        return value if given.step is None else (value - given.low) / given.step

    def value(self, place: float) -> float | int:
        given = self.distribution
        if given.log:
            found = math.exp(place)
        else:
            found = place if given.step is None else given.low + given.step * round(place)
        found = min(max(found, given.low), given.high)
        return round(found) if isinstance(given, IntDistribution) else found
