"""The statistics of a table: intervals, paired tests, and the correction for many rows.

Plain arrays in, numbers out; NaN stands for what cannot be computed. Checked against scipy and by
simulation in ``tests/reporting/test_statistics.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "NOWHERE",
    "Interval",
    "holm",
    "mcnemar",
    "mean_interval",
    "paired_bootstrap",
    "paired_t",
]

CONFIDENCE = 0.95
RESAMPLES = 10_000

Numbers = Sequence[float] | npt.NDArray[np.floating]


class Interval(NamedTuple):
    """The two ends of a 95 % interval."""

    low: float
    high: float


NOWHERE = Interval(math.nan, math.nan)


def mean_interval(values: Numbers) -> Interval:
    """Of a mean, by Student's t distribution (1908); NaN for fewer than two values."""
    from scipy import stats

    n = len(values)
    if n < 2:
        return NOWHERE
    mean = float(np.mean(values))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n))
    return Interval(mean - half, mean + half)


def paired_t(differences: Numbers) -> float:
    """The two-sided p-value of a mean difference of 0 (Student 1908).

    NaN for fewer than two differences, and where they are all alike: nothing then tells how far
    chance alone would take them. All zero is a p-value of 1.
    """
    from scipy import stats

    n, spread = len(differences), float(np.std(differences)) if len(differences) else 0.0
    if n >= 2 and not np.any(differences):
        return 1.0
    if n < 2 or spread <= np.finfo(float).eps * float(np.max(np.abs(differences))):
        return math.nan
    t = float(np.mean(differences)) / (float(np.std(differences, ddof=1)) / math.sqrt(n))
    return float(2 * stats.t.sf(abs(t), n - 1))


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact p-value that two classifiers are equally often right (McNemar 1947).

    Args:
        only_first: examples that the first alone has right.
        only_second: examples that the second alone has right.
    """
    from scipy import stats

    fewer, n = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(stats.binom.cdf(fewer, n, 0.5)))


def paired_bootstrap(differences: Numbers, *, seed: int = 0) -> tuple[Interval, float]:
    """The 95 % percentile interval of a mean difference, and its two-sided p-value.

    Resamples the examples with their differences (Efron 1979). Few differences are distinct, so
    how often each comes is drawn from the multinomial distribution, which is the same.

    Args:
        differences: (examples,), of two models on the same examples.
        seed: of the resampling.
    """
    n = len(differences)
    if n == 0:
        return NOWHERE, math.nan
    distinct, counts = np.unique(np.asarray(differences, dtype=float), return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=RESAMPLES)
    means = drawn @ distinct / n
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(end) for end in np.quantile(means, [tail, 1 - tail]))
    # One more of each: the sample itself (Davison and Hinkley 1997, 4.2).
    below, above = (int(np.sum(side)) + 1 for side in (means <= 0, means >= 0))
    return Interval(low, high), min(1.0, 2 * min(below, above) / (RESAMPLES + 1))


def holm(p_values: Numbers) -> list[float]:
    """Adjusted p-values (Holm 1979): at most 5 % of families have one below 0.05 by chance.

    NaN stays NaN and does not count.
    """
    given = np.asarray(p_values, dtype=float)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted = given.copy()
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * factors))
    return [float(p) for p in adjusted]
