"""The statistics of a table: intervals, paired tests, and the correction for many rows.

Plain arrays in, numbers out; NaN stands for what cannot be computed. Checked against scipy,
statsmodels and scikit-learn, and by simulation, in ``tests/reporting/test_statistics.py``. Of scipy
the distribution functions alone: ``scipy.stats`` takes a second to import, and a hundred times as
long for one value.
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
    "f1_interval",
    "holm",
    "macro_f1",
    "mcnemar",
    "mean_interval",
    "paired_bootstrap",
    "paired_t",
    "wilson_interval",
]

CONFIDENCE = 0.95
RESAMPLES = 10_000
ROUNDING = 1e-12  # of a Fourier transform: a smaller p-value is none
AT_ONCE = 2_000_000  # cells of confusion matrices that are drawn together: 16 MB

Numbers = Sequence[float] | npt.NDArray[np.floating]


class Interval(NamedTuple):
    """The two ends of a 95 % interval."""

    low: float
    high: float


NOWHERE = Interval(math.nan, math.nan)


def mean_interval(values: Numbers) -> Interval:
    """Of a mean, by Student's t distribution (1908); NaN for fewer than two values."""
    from scipy import special

    n = len(values)
    if n < 2:
        return NOWHERE
    mean = float(np.mean(values))
    error = float(np.std(values, ddof=1)) / math.sqrt(n)
    half = float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * error
    return Interval(mean - half, mean + half)


def wilson_interval(successes: int, n: int) -> Interval:
    """Of a share, such as an accuracy (Wilson 1927); NaN for no examples.

    It stays within 0 and 1, and covers well for shares near 1, where the normal one does not.
    """
    from scipy import special

    if n == 0:
        return NOWHERE
    z, share = float(special.ndtri((1 + CONFIDENCE) / 2)), successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    spread = math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    half = z * spread / (1 + z * z / n)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def macro_f1(counts: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Mean F1 over the classes that are there or predicted, of confusion matrices (…, C, C)."""
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    both = counts.sum(axis=-1) + counts.sum(axis=-2)
    there = both > 0
    each = np.divide(2.0 * right, both, out=np.zeros(both.shape), where=there)
    mean: npt.NDArray[np.float64] = each.sum(axis=-1) / there.sum(axis=-1)
    return mean


def f1_interval(counts: npt.NDArray[np.integer], *, seed: int = 0) -> Interval:
    """Of the macro F1: the percentile bootstrap over examples (Efron 1979); NaN for none.

    Examples of one cell of the confusion matrix are alike, so how many of each cell are drawn
    comes from the multinomial distribution, which is the same.

    Args:
        counts: (C, C) examples; rows are true classes, columns predicted ones.
        seed: of the resampling.
    """
    n = int(counts.sum())
    if n == 0:
        return NOWHERE
    random, shares = np.random.default_rng(seed), counts.ravel() / n
    many = max(1, AT_ONCE // counts.size)
    sizes = [min(many, RESAMPLES - done) for done in range(0, RESAMPLES, many)]
    drawn = (random.multinomial(n, shares, size=size) for size in sizes)
    scores = np.concatenate([macro_f1(one.reshape(-1, *counts.shape)) for one in drawn])
    tail = (1 - CONFIDENCE) / 2
    low, high = (float(end) for end in np.quantile(scores, [tail, 1 - tail]))
    return Interval(low, high)


def paired_t(differences: Numbers) -> float:
    """The two-sided p-value of a mean difference of 0 (Student 1908).

    NaN for fewer than two differences, and where they are all alike: nothing then tells how far
    chance alone would take them. All zero is a p-value of 1.
    """
    from scipy import special

    n, spread = len(differences), float(np.std(differences)) if len(differences) else 0.0
    if n >= 2 and not np.any(differences):
        return 1.0
    if n < 2 or spread <= np.finfo(float).eps * float(np.max(np.abs(differences))):
        return math.nan
    t = float(np.mean(differences)) / (float(np.std(differences, ddof=1)) / math.sqrt(n))
    return float(2 * special.stdtr(n - 1, -abs(t)))


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact p-value that two classifiers are equally often right (McNemar 1947).

    Args:
        only_first: examples that the first alone has right.
        only_second: examples that the second alone has right.
    """
    from scipy import special

    fewer, n = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(special.bdtr(fewer, n, 0.5)))


def paired_bootstrap(differences: npt.NDArray[np.int64]) -> tuple[Interval, float]:
    """The 95 % percentile interval of a mean difference, and its two-sided p-value.

    Efron's bootstrap (1979) over the examples, of infinitely many resamples: the sum of ``n``
    differences drawn with replacement has the n-fold convolution of their distribution, which is
    the n-th power of its Fourier transform. So nothing is left to chance.

    Args:
        differences: (examples,), whole numbers: of two models on the same examples, how many more
            seeds of the first are right.
    """
    n = len(differences)
    if n == 0:
        return NOWHERE, math.nan
    least, largest = int(np.min(differences)), int(np.max(differences))
    single = np.bincount(differences - least) / n
    sums = np.arange(n * least, n * largest + 1)
    size = 1 << len(sums).bit_length()
    chances = np.fft.irfft(np.fft.rfft(single, size) ** n, size)[: len(sums)].clip(min=0.0)
    below = np.cumsum(chances) / chances.sum()
    tail = (1 - CONFIDENCE) / 2
    low, high = (int(sums[np.searchsorted(below, end)]) / n for end in (tail, 1 - tail))
    sides = (chances[sums <= 0].sum(), chances[sums >= 0].sum())
    return Interval(low, high), min(1.0, max(2 * float(min(sides) / chances.sum()), ROUNDING))


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
