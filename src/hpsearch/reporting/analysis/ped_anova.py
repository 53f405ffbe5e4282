"""PED-ANOVA on points: how far the best ones' values of a key are from those of all points.

Algorithm 1 of Watanabe, Bansal and Hutter (2023), smoothed as by Optuna's evaluator, so that both
give the same figures; where points lack a key, as in Conditional PED-ANOVA (arXiv:2601.20800).
Optuna's takes two seconds to be imported, for it brings scikit-learn, and fifteen milliseconds for
each of the hundreds of times that chance is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hpsearch.reporting.analysis.effects import MOST_LEVELS
from hpsearch.reporting.analysis.points import ABSENT, Point
from hpsearch.tracking.names import canonical

__all__ = ["Grid", "PedAnova", "as_number", "grids_of"]

DECADES = 100.0  # a key that spans so many times its least value is taken on a logarithmic scale
STEPS = 50  # cells of a key of numbers
PRIOR = 1.0  # the weight of the flat kernel beside one a point
NARROWEST = 0.5 / 1.64  # cells: nine tenths of a kernel lie in its own one
NOWHERE = 1e-12  # the density where there is nothing
FEWEST = 2  # points that have the key

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """The cells of a key: ``at`` has shape (points,), -1 for a point that lacks the key.

    Cells of numbers (``ordered``) lie side by side, those of texts anywhere.
    """

    at: npt.NDArray[np.int64]
    cells: int
    ordered: bool


def grids_of(found: Sequence[Point], keys: Sequence[str]) -> dict[str, Grid]:
    """Of each key that varies, but for one of more texts than are levels."""
    made = {key: _grid([canonical(point.cells[key]) for point in found]) for key in keys}
    return {key: grid for key, grid in made.items() if grid is not None}


def _grid(cells: Sequence[str]) -> Grid | None:
    known = sorted(set(cells) - {ABSENT})
    numbers = np.array([as_number(text) for text in known])
    if len(known) < 2:
        return None
    if not np.isnan(numbers).any():
        places = dict(zip(known, _steps(numbers).tolist(), strict=True))
        size, ordered = STEPS, True
    elif len(known) <= MOST_LEVELS:
        places = {text: n for n, text in enumerate(known)}
        size, ordered = len(known), False
    else:
        return None
    return Grid(np.array([places.get(text, -1) for text in cells]), size, ordered)


def _steps(numbers: Floats) -> npt.NDArray[np.int64]:
    """The cell of each, of :data:`STEPS` from the least to the largest."""
    low, high = float(numbers.min()), float(numbers.max())
    if 0.0 < low <= high / DECADES:
        numbers, low, high = np.log(numbers), math.log(low), math.log(high)
    place = (numbers - low) / ((high - low) / (STEPS - 1))
    return np.ceil(place - 0.5).astype(np.int64).clip(0, STEPS - 1)


def as_number(text: str) -> float:
    """NaN for what is no finite number."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


class PedAnova:
    """PED-ANOVA of the same points with any accuracies: the divergence of each key, (keys,)."""

    def __init__(self, grids: Mapping[str, Grid], *, top: float) -> None:
        self._top = top
        self._of_all = [(grid, _density(grid, grid.at)) for grid in grids.values()]

    def __call__(self, accuracies: Floats) -> Floats:
        best = accuracies >= self._least(accuracies)
        return np.array([_divergence(grid, of_all, best) for grid, of_all in self._of_all])

    def count(self, accuracies: Floats) -> int:
        """How many are the best ones, equal ones among them."""
        return int(np.sum(accuracies >= self._least(accuracies)))

    def _least(self, accuracies: Floats) -> float:
        return float(np.sort(accuracies)[-math.ceil(self._top * len(accuracies))])


def _divergence(grid: Grid, of_all: Floats, best: npt.NDArray[np.bool_]) -> float:
    """Pearson's, of the best points from all; each with the share that has the key."""
    there = grid.at >= 0
    both = there & best
    if there.sum() < FEWEST or not both.any():
        return 0.0
    shares = float(both.sum() / best.sum()) ** 2 / float(there.mean())
    ratio = _density(grid, grid.at[both]) / of_all
    return float(best.mean() ** 2 * shares * (of_all @ (ratio - 1.0) ** 2))


def _density(grid: Grid, at: npt.NDArray[np.int64]) -> Floats:
    """Parzen's estimate (1962) on the cells: a kernel a point, and a flat one."""
    counts = np.bincount(at[at >= 0], minlength=grid.cells)
    seen = np.flatnonzero(counts)
    kernels = _bells(seen, counts, grid.cells) if grid.ordered else _peaks(seen, grid.cells)
    weights = np.append(counts[seen], PRIOR)
    return np.asarray(weights @ kernels / weights.sum() + NOWHERE)


def _peaks(seen: Counts, cells: int) -> Floats:
    """Of texts, (seen + 1, cells): one more in its own cell than in any other, and a flat one."""
    kernels = np.full((len(seen) + 1, cells), PRIOR / (len(seen) + 1))
    kernels[np.arange(len(seen)), seen] += 1.0
    return np.asarray(kernels / kernels.sum(axis=1, keepdims=True))


def _bells(seen: Counts, counts: Counts, cells: int) -> Floats:
    """Of numbers, (seen + 1, cells): normal around its own cell, cut off at the grid's ends."""
    from scipy import special

    width = max(_scott(seen, counts[seen]), NARROWEST)
    centres = np.append(seen, (cells - 1) / 2.0)[:, None]
    widths = np.append(np.full(len(seen), width), float(cells))[:, None]
    edges = np.arange(cells + 1) - 0.5
    masses = np.diff(special.ndtr((edges - centres) / widths), axis=1)
    return np.asarray(masses / masses.sum(axis=1, keepdims=True))


def _scott(seen: Counts, weights: Counts) -> float:
    """The width of a kernel by Scott's rule (1992), by the quartiles where these are closer."""
    n = int(weights.sum())
    mean = float(seen @ weights) / n
    deviation = math.sqrt(float((seen - mean) ** 2 @ weights) / max(1, n - 1))
    below = np.cumsum(weights)
    first = int(np.searchsorted(below, n // 4))
    third = min(int(np.searchsorted(below, n * 3 // 4, side="right")), len(seen) - 1)
    quartiles = float(seen[third] - seen[first]) / 1.34
    return 1.059 * min(quartiles, deviation) * float(n**-0.2)
