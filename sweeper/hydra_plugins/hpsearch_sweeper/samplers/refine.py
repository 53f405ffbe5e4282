"""Coarse to fine: what a stage is, and how a range shrinks from one to the next.

Full Stack Deep Learning, lecture 7 (troubleshooting): draw coarsely at random, take the range of
the best, draw in it again. The numbers here stand in the scale of a search, log where it is log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.samplers._refine import RefineSampler

__all__ = ["RefineSampler", "Span", "begin_of_stages", "narrowed"]


class Span(NamedTuple):
    """A closed range."""

    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low


def begin_of_stages(n_trials: int, n_stages: int) -> list[int]:
    """After how many finished trials each stage begins; the budget is shared out evenly."""
    return [stage * n_trials // n_stages for stage in range(n_stages)]


def narrowed(span: Span, best: Sequence[float], *, step: float, least: float) -> Span:
    """The range of the best, a step wider on both sides; inside `span`, and `least` wide."""
    inside = [min(max(x, span.low), span.high) for x in best]
    low, high = min(inside) - step, max(inside) + step
    lacking = max(0.0, least - (high - low)) / 2
    low, high = max(span.low, low - lacking), min(span.high, high + lacking)
    # Where a border cut it short, the other side gives what is missing.
    high = min(span.high, max(high, low + least))
    return Span(max(span.low, min(low, high - least)), high)


def __getattr__(name: str) -> Any:
    """The sampler's class imports Optuna, so it stands where Hydra's scanner does not look."""
    if name == "RefineSampler":
        from hydra_plugins.hpsearch_sweeper.samplers import _refine

        return _refine.RefineSampler
    raise AttributeError(f"module {__name__} has no attribute {name}")
