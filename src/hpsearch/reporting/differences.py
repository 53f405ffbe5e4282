"""Which rows of a table really differ: each point against the base, and against the best.

Two sources of chance, kept apart. Over *seeds*: what another initialisation and order of the data
would change; tested on the seeds that both points have, in pairs. Over *examples*: what other
validation examples would change; tested on the stored predictions for the same examples.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hpsearch.reporting.points import Point
from hpsearch.reporting.statistics import (
    NOWHERE,
    Interval,
    holm,
    mcnemar,
    mean_interval,
    paired_bootstrap,
    paired_t,
)
from hpsearch.trials import TrialStore

__all__ = ["SIGNIFICANT", "Difference", "differences", "like_the_best"]

SIGNIFICANT = 0.05
# What names a trial; anything else in MLflow leads to no folder of ours.
FINGERPRINT = re.compile(r"[0-9a-f]{8,64}")


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
    found = [_difference(point, to, root) for point in points]
    others = [each if point is not to else None for point, each in zip(points, found, strict=True)]
    over_seeds = holm([each.p_seeds if each else math.nan for each in others])
    over_examples = holm([each.p_examples if each else math.nan for each in others])
    return [
        each._replace(p_seeds=first, p_examples=second)
        for each, first, second in zip(found, over_seeds, over_examples, strict=True)
    ]


def like_the_best(points: Sequence[Point], *, root: Path) -> list[bool]:
    """Which points cannot be told from the first of them, which is one; untested ones cannot."""
    to_best = differences(points, to=points[0], root=root)
    return [math.isnan(each.p) or each.p >= SIGNIFICANT for each in to_best]


def _difference(point: Point, other: Point, root: Path) -> Difference:
    common = [seed for seed in point.accuracies if seed in other.accuracies]
    by_seed = [point.accuracies[seed] - other.accuracies[seed] for seed in common]
    interval, p = _over_examples(point, other, common, root)
    return Difference(
        seeds=len(common),
        mean=float(np.mean(by_seed)) if common else math.nan,
        over_seeds=mean_interval(by_seed),
        p_seeds=paired_t(by_seed),
        over_examples=interval,
        p_examples=p,
    )


def _over_examples(
    point: Point, other: Point, seeds: Sequence[str], root: Path
) -> tuple[Interval, float]:
    """Of the seeds' mean difference on each example."""
    each = []
    for seed in seeds:
        one, two = (_judged(x.fingerprint(seed), root) for x in (point, other))
        if one is None or two is None or not np.array_equal(one[1], two[1]):
            return NOWHERE, math.nan  # other examples are no pairs
        each.append(one[0].astype(float) - two[0])
    if len({len(one) for one in each}) != 1:  # no seed in common, or splits that differ by seed
        return NOWHERE, math.nan
    mean = np.mean(each, axis=0)
    interval, p = paired_bootstrap(mean)
    if len(each) == 1:
        p = mcnemar(int(np.sum(mean > 0)), int(np.sum(mean < 0)))
    return interval, p


def _judged(name: str, root: Path) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64]] | None:
    return TrialStore(root).look(name).judged() if FINGERPRINT.fullmatch(name) else None
