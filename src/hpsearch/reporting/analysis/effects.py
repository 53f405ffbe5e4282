"""What each setting does: gains against the base's level, and shares of the variance.

A gain is the mean difference between points that are alike in all other keys, one with the level
and one with the base's, so that nothing else is compared; in a full grid that is the main effect.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from hpsearch.reporting.analysis.points import ABSENT, Point, point_keys, points
from hpsearch.reporting.analysis.statistics import Interval, holm, mean_interval, paired_t
from hpsearch.tracking.names import canonical
from hpsearch.tracking.study import Study

__all__ = ["MOST_LEVELS", "Effect", "effects", "variance_shares"]

# A key with more values was drawn from an interval; its values are no levels.
MOST_LEVELS = 12


class Effect(NamedTuple):
    """What one level of a key gains against the reference level.

    Attributes:
        level: as it is written; ``reference`` is the base's, or the most frequent one.
        pairs: how many pairs of points differ in this key alone.
        gain: mean difference of their validation accuracies.
        interval: 95 % interval by the t distribution; NaN for one pair.
        p: paired t test, corrected for all levels of all keys (Holm 1979).
    """

    key: str
    level: str
    reference: str
    pairs: int
    gain: float
    interval: Interval
    p: float


def effects(study: Study) -> list[Effect]:
    """Key by key in the order of the command, levels in the order of their gains."""
    found = [point for point in points(study) if math.isfinite(point.mean("val/accuracy"))]
    raw = [effect for key in point_keys(study) for effect in _of_key(study, key, found)]
    adjusted = holm([effect.p for effect in raw])
    return [effect._replace(p=p) for effect, p in zip(raw, adjusted, strict=True)]


def _of_key(study: Study, key: str, found: Sequence[Point]) -> list[Effect]:
    spelled = {canonical(point.cells[key]): point.cells[key] for point in found}
    if not 2 <= len(spelled) <= MOST_LEVELS:
        return []
    counts = Counter(canonical(point.cells[key]) for point in found)
    base = canonical(study.base.get(key, ABSENT))
    reference = base if base in spelled else counts.most_common(1)[0][0]
    by_rest: dict[str, dict[str, float]] = {}
    for point in found:
        rest = [canonical(cell) for other, cell in point.cells.items() if other != key]
        levels = by_rest.setdefault(json.dumps(rest), {})
        levels[canonical(point.cells[key])] = point.mean("val/accuracy")
    made = []
    for level in spelled.keys() - {reference}:
        both = [one for one in by_rest.values() if {level, reference} <= one.keys()]
        pairs = [one[level] - one[reference] for one in both]
        if pairs:
            names = (key, spelled[level], spelled[reference])
            mean = float(np.mean(pairs))
            made.append(Effect(*names, len(pairs), mean, mean_interval(pairs), paired_t(pairs)))
    return sorted(made, key=lambda effect: (-effect.gain, effect.level))


def variance_shares(study: Study) -> dict[tuple[str, ...], float]:
    """Keys, and pairs of keys, with their share of the variance between the points of a full grid.

    The sums of squares of an analysis of variance with two-factor interactions (Fisher 1925),
    largest share first. Empty where some combination is missing: the shares would overlap.
    """
    found, keys = points(study), point_keys(study)
    values = np.array([point.mean("val/accuracy") for point in found])
    cells = [{key: canonical(point.cells[key]) for key in keys} for point in found]
    size = math.prod(len({cell[key] for cell in cells}) for key in keys)
    if len(keys) < 2 or len(found) != size or not np.all(np.isfinite(values)):
        return {}
    total = float(np.sum((values - values.mean()) ** 2))
    if total == 0.0:
        return {}
    alone = {(key,): _between(values, cells, (key,)) for key in keys}
    both = {
        pair: _between(values, cells, pair) - alone[(pair[0],)] - alone[(pair[1],)]
        for pair in combinations(keys, 2)
    }
    shares = {of: max(0.0, squares) / total for of, squares in (alone | both).items()}
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _between(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    cells: Sequence[Mapping[str, str]],
    keys: tuple[str, ...],
) -> float:
    """Sum of squares between the groups that have the same levels of these keys."""
    groups: dict[tuple[str, ...], list[float]] = {}
    for value, cell in zip(values.tolist(), cells, strict=True):
        groups.setdefault(tuple(cell[key] for key in keys), []).append(value)
    mean = float(values.mean())
    return float(sum(len(group) * (np.mean(group) - mean) ** 2 for group in groups.values()))
