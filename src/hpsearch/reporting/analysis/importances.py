"""What matters in a search that is no full grid: PED-ANOVA, and where the best points lie.

PED-ANOVA (Watanabe, Bansal and Hutter 2023, arXiv:2304.10255): how far the distribution of a key's
values among the best points is from that among all points, as a Pearson divergence. It does not
ask for points drawn evenly, as a search that adapts draws none. It smooths keys of texts more than
keys of numbers, so that the share of a key of texts comes out too small.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hpsearch.reporting.analysis.effects import MOST_LEVELS
from hpsearch.reporting.analysis.ped_anova import PedAnova, as_number, grids_of
from hpsearch.reporting.analysis.points import (
    ABSENT,
    Point,
    once_per_study,
    point_keys,
    points,
)
from hpsearch.reporting.analysis.statistics import holm
from hpsearch.tracking.study import Study

__all__ = ["FEWEST_POINTS", "Importance", "Range", "best_ranges", "importances", "weighed_keys"]

FEWEST_POINTS = 10
# The best points: a tenth of all, but at least so many, as Optuna advises; at most half.
TOP, FEWEST_TOP = 0.1, 5
FEWEST_BEST = 3  # of a range
SHUFFLES_PER_KEY = 25  # the smallest p, corrected for all keys, is then 0.04


class Importance(NamedTuple):
    """How much a key has to do with being among the best points.

    Attributes:
        share: of the divergences of all keys, each less what chance gives it; they add up to 1.
            Without that a key of many values has more than one of few, whatever they do.
        p: how often chance gives it as much: the accuracies are given to the points at random
            (Fisher 1935). Corrected for the number of keys (Holm 1979).
        best: how many points are the best ones, and of how many.
    """

    key: str
    share: float
    p: float
    best: tuple[int, int]


class Range(NamedTuple):
    """Where the ``best`` points have a key drawn from an interval, and where all points have it."""

    key: str
    low: float
    high: float
    lowest: float
    highest: float
    best: int


def importances(study: Study) -> dict[str, float]:
    """Key → its share of what tells the best points from all, largest first; they add up to 1.

    Empty below :data:`FEWEST_POINTS` points and two keys. Keys of texts with more than
    :data:`MOST_LEVELS` values are left out: each point would have its own.
    """
    return {each.key: each.share for each in weighed_keys(study)}


@once_per_study
def weighed_keys(study: Study) -> list[Importance]:
    """The same with their tests, largest share first."""
    found = _measured(study)
    grids = grids_of(found, point_keys(study))
    if len(found) < FEWEST_POINTS or len(grids) < 2:
        return []
    accuracies = np.array([point.mean("val/accuracy") for point in found])
    weigh = PedAnova(grids, top=min(0.5, max(TOP, FEWEST_TOP / len(found))))
    random = np.random.default_rng(0)
    weights = weigh(accuracies)
    shuffles = range(SHUFFLES_PER_KEY * len(grids) - 1)
    by_chance = np.array([weigh(random.permutation(accuracies)) for _ in shuffles])
    above = np.maximum(weights - by_chance.mean(axis=0), 0.0)
    if not above.any():
        return []
    p_values = holm((1 + np.sum(by_chance >= weights, axis=0)) / (1 + len(shuffles)))
    best = (weigh.count(accuracies), len(found))
    shares = (above / above.sum()).tolist()
    made = [Importance(*each, best) for each in zip(grids, shares, p_values, strict=True)]
    return sorted(made, key=lambda one: (-one.share, one.key))


def best_ranges(study: Study) -> list[Range]:
    """Of each key whose values are no levels, for they were drawn from an interval."""
    found = _measured(study)
    best = max(FEWEST_BEST, math.ceil(TOP * len(found)))
    ranges = []
    for key in point_keys(study):
        cells = [point.cells[key] for point in found]
        numbers = [as_number(cell) for cell in cells if cell != ABSENT]
        if len(set(numbers)) <= MOST_LEVELS or any(math.isnan(number) for number in numbers):
            continue
        top = [as_number(cell) for cell in cells[:best] if cell != ABSENT]
        if len(top) == best:  # else the best points do without the key
            ranges.append(Range(key, min(top), max(top), min(numbers), max(numbers), best))
    return ranges


def _measured(study: Study) -> list[Point]:
    return [point for point in points(study) if not math.isnan(point.mean("val/accuracy"))]
