"""Which rows of a table really differ: each point against the base, and against the best.

Two sources of chance, kept apart. Over *seeds*: what another initialisation and order of the data
would change; tested on the seeds that both points have, in pairs. Over *examples*: what other
validation examples would change; tested on the stored predictions for the same examples.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hpsearch.reporting.analysis.points import Point
from hpsearch.reporting.analysis.statistics import (
    NOWHERE,
    Interval,
    holm,
    mcnemar,
    mean_interval,
    paired_bootstrap,
    paired_t,
)
from hpsearch.trials import TrialStore

__all__ = [
    "SIGNIFICANT",
    "Difference",
    "differences",
    "like_the_best",
    "not_told_apart",
    "paired_differences",
]

SIGNIFICANT = 0.05
MOST_KEPT = 64  # trials whose predictions are in memory at once
# What names a trial; anything else in MLflow leads to no folder of ours.
FINGERPRINT = re.compile(r"[0-9a-f]{8,64}")

# Which examples a trial has right, and their labels, both (examples,).
Judged = tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]]


class Difference(NamedTuple):
    """A point's accuracy less another's, on the seeds that both have.

    Attributes:
        seeds: how many these are.
        mean: of the differences; NaN without a common seed.
        over_seeds: 95 % interval by the t distribution; NaN for one seed.
        p_seeds: paired t test.
        over_examples: 95 % interval by bootstrap; NaN where predictions are not kept.
        p_examples: McNemar's exact test for one seed, else the bootstrap's.
    """

    seeds: int
    mean: float
    over_seeds: Interval
    p_seeds: float
    over_examples: Interval
    p_examples: float

    @property
    def p(self) -> float:
        """Over seeds where there are several, else over examples."""
        return self.p_examples if math.isnan(self.p_seeds) else self.p_seeds


def differences(points: Sequence[Point], *, to: Point, root: Path) -> list[Difference]:
    """Each point against ``to``, p-values corrected for the number of other points (Holm 1979).

    ``root`` is the output folder with the trials' predictions.
    """
    return paired_differences([(point, to) for point in points], root=root)


def paired_differences(pairs: Sequence[tuple[Point, Point]], *, root: Path) -> list[Difference]:
    """The first of each pair against its second, p-values corrected for the number of pairs.

    A point paired with itself does not count.
    """
    # One reading for the point that all others are compared with.
    judged = lru_cache(MOST_KEPT)(partial(_judged, root=root))
    found = [_difference(point, other, judged) for point, other in pairs]
    counted = [
        each if point is not other else None
        for (point, other), each in zip(pairs, found, strict=True)
    ]
    over_seeds = holm([each.p_seeds if each else math.nan for each in counted])
    over_examples = holm([each.p_examples if each else math.nan for each in counted])
    return [
        each._replace(p_seeds=first, p_examples=second)
        for each, first, second in zip(found, over_seeds, over_examples, strict=True)
    ]


def like_the_best(points: Sequence[Point], *, root: Path) -> list[bool]:
    """Which points cannot be told from the first of them, which is one; untested ones cannot."""
    return not_told_apart(differences(points, to=points[0], root=root))


def not_told_apart(to_best: Sequence[Difference]) -> list[bool]:
    """Which of these, each from the best point, are no differences that can be told."""
    return [math.isnan(each.p) or each.p >= SIGNIFICANT for each in to_best]


def _difference(point: Point, other: Point, judged: Callable[[str], Judged | None]) -> Difference:
    common = [seed for seed in point.accuracies if seed in other.accuracies]
    by_seed = [point.accuracies[seed] - other.accuracies[seed] for seed in common]
    pairs = [(judged(point.fingerprint(s)), judged(other.fingerprint(s))) for s in common]
    interval, p = _over_examples(pairs)
    return Difference(
        seeds=len(common),
        mean=float(np.mean(by_seed)) if common else math.nan,
        over_seeds=mean_interval(by_seed),
        p_seeds=paired_t(by_seed),
        over_examples=interval,
        p_examples=p,
    )


def _over_examples(pairs: Sequence[tuple[Judged | None, Judged | None]]) -> tuple[Interval, float]:
    """Of the seeds' mean difference on each example."""
    each = []
    for one, two in pairs:
        if one is None or two is None or not np.array_equal(one[1], two[1]):
            return NOWHERE, math.nan  # other examples are no pairs
        each.append(one[0].astype(np.int64) - two[0])
    if len({len(one) for one in each}) != 1:  # no seed in common, or splits that differ by seed
        return NOWHERE, math.nan
    more = np.sum(each, axis=0)  # seeds that have the example right
    interval, p = paired_bootstrap(more)
    if len(each) == 1:
        p = mcnemar(int(np.sum(more > 0)), int(np.sum(more < 0)))
    return Interval(interval.low / len(each), interval.high / len(each)), p


def _judged(name: str, *, root: Path) -> Judged | None:
    return TrialStore(root).look(name).judged() if FINGERPRINT.fullmatch(name) else None
