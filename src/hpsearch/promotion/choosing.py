"""Which points of a study deserve a longer training: the best ones, and its best levels together.

A level is taken into the combination only where its gain is beyond noise; everything else stays at
the reference. Effects found one at a time, or as means over a grid, need not add up: that is why
the combination is trained, and not believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.errors import ReportError
from hpsearch.reporting.analysis.differences import SIGNIFICANT, differences
from hpsearch.reporting.analysis.effects import Effect, effects
from hpsearch.reporting.analysis.points import Point, point_keys, points
from hpsearch.reporting.analysis.statistics import holm
from hpsearch.reporting.layout import DIGITS
from hpsearch.reporting.sections import cells
from hpsearch.tracking.names import canonical
from hpsearch.tracking.study import Study

__all__ = ["Promotion", "choose"]

Cells = Mapping[str, str]


@dataclass(frozen=True)
class Promotion:
    """Points to train for longer, each searched key → its value as MLflow has it, best first.

    ``notes`` say where they come from, one line each.
    """

    points: list[Cells]
    notes: list[str]


def choose(study: Study, k: int, root: Path) -> Promotion:
    """The ``k`` best points, then the combination of the best levels, if it is another one.

    Raises:
        ReportError: ``k`` is below 1, no trial has finished, or nothing was searched.
    """
    if k < 1:
        raise ReportError(f"promote={k}: allowed is a whole number from 1 on")
    found = [point for point in points(study) if not math.isnan(point.mean("val/accuracy"))]
    if not found:
        raise ReportError(f"promote={k}: no trial of study={study.name} has finished yet")
    if not study.keys:
        raise ReportError(f"promote={k}: nothing was searched in study={study.name}")
    different = _different(found)
    best = different[:k]
    which = f"all of them (promote={k} is more)" if k > len(different) else f"the {k} best"
    twice = "" if len(different) == len(found) else "; those that are the same trials count once"
    lines = [f"Of the {len(found)} finished points of the study {which}{twice}."]
    chosen = [point.cells for point in best]
    together, told = _combination(study, found, root)
    if together is None:
        return Promotion(chosen, [*lines, *told])
    if any(_same(together, one) for one in chosen):
        return Promotion(chosen, [*lines, *told, "That combination is one of these points."])
    return Promotion([*chosen, together], [*lines, *told, "That combination is the last point."])


def _different(found: Sequence[Point]) -> list[Point]:
    """Without points that are the same trials: a head without a hidden layer has no activation."""
    trials: dict[frozenset[str], Point] = {}
    for n, point in enumerate(found):
        names = frozenset(point.fingerprints)
        trials.setdefault(names if all(names) else frozenset([str(n)]), point)
    return list(trials.values())


def _combination(
    study: Study, found: Sequence[Point], root: Path
) -> tuple[Cells | None, list[str]]:
    """Each key's best level that is beyond noise; None where there is no such level."""
    judged = _judged(study, found, root)
    taken: dict[str, Effect] = {}
    for effect in judged:  # of each key the greatest gain comes first
        if effect.gain > 0 and effect.p < SIGNIFICANT:
            taken.setdefault(effect.key, effect)
    left = [each for each in judged if each.gain > 0 and each.key not in taken]
    noise = [f"Within noise: {'; '.join(map(_said, left))}."] if left else []
    if not taken:
        return None, ["No level gains beyond noise, so no levels are combined.", *noise]
    reference = {effect.key: effect.reference for effect in judged}
    together = {
        key: taken[key].level if key in taken else reference.get(key, found[0].cells[key])
        for key in point_keys(study)
    }
    return together, [f"Combined: {'; '.join(map(_said, taken.values()))}.", *noise]


def _said(effect: Effect) -> str:
    p = f", p {cells.p_value(effect.p)}" if not math.isnan(effect.p) else ", untested"
    gain = f"{cells.signed(effect.gain, DIGITS)} against {effect.reference}{p}"
    return f"{effect.key}={effect.level} ({gain})"


def _judged(study: Study, found: Sequence[Point], root: Path) -> list[Effect]:
    """The effects with a p-value each, where there can be one.

    Several pairs of points tell by their spread; a single pair (one factor at a time) by its seeds,
    or by the validation examples. p-values are corrected (Holm).
    """
    given = effects(study)
    single = holm([_of_pair(each, found, root) if each.pairs == 1 else math.nan for each in given])
    return [
        each._replace(p=p) if each.pairs == 1 else each
        for each, p in zip(given, single, strict=True)
    ]


def _of_pair(effect: Effect, found: Sequence[Point], root: Path) -> float:
    """The p-value between the two points that differ in this key alone."""
    first, second = next(_pairs(effect, found))
    return differences([first, second], to=second, root=root)[0].p


def _pairs(effect: Effect, found: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    key = effect.key
    of = {
        level: [x for x in found if canonical(x.cells[key]) == canonical(level)]
        for level in (effect.level, effect.reference)
    }
    for first in of[effect.level]:
        for second in of[effect.reference]:
            if _same({**first.cells, key: ""}, {**second.cells, key: ""}):
                yield first, second


def _same(one: Cells, other: Cells) -> bool:
    return all(canonical(one[key]) == canonical(other[key]) for key in one)
