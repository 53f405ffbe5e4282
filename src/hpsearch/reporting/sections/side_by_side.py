"""What two or more studies say together: their best points, their points side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hpsearch.reporting.analysis.differences import Difference, paired_differences
from hpsearch.reporting.analysis.matching import (
    Match,
    agreement,
    base_differences,
    matches,
    same_data,
)
from hpsearch.reporting.analysis.points import Point, points
from hpsearch.reporting.analysis.statistics import Interval, mean_interval
from hpsearch.reporting.layout import DIGITS
from hpsearch.reporting.sections import cells, notes
from hpsearch.tracking.study import Study

__all__ = [
    "bases_table",
    "best_notes",
    "best_table",
    "matches_notes",
    "matches_table",
]

ACCURACY = "val. accuracy"


def best_table(studies: Sequence[Study]) -> pd.DataFrame:
    """One row a study: how much was searched, and its best point with its figures."""
    rows = []
    for study in studies:
        found = points(study)
        best = found[0] if found else None
        rows.append(
            {
                "study": study.name,
                "trials": len(study.finished()),
                "points": len(found),
                "best point": notes.best_name(study, best) if best else cells.BLANK,
                ACCURACY: best.mean("val/accuracy") if best else cells.BLANK,
                "val. loss": best.mean("val/loss") if best else cells.BLANK,
            }
        )
    return pd.DataFrame(rows)


def best_notes(studies: Sequence[Study], root: Path, *, digits: int = DIGITS) -> list[str]:
    """The best of each other study against the best of the first one; sentences."""
    if not same_data(studies):
        return ["The studies have other data: their figures are of other examples, so not tested."]
    bests = [(study, points(study)[0]) for study in studies if points(study)]
    if len(bests) < 2:
        return []
    (first, reference), *others = bests
    found = paired_differences([(best, reference) for _, best in others], root=root)
    return [
        f"The best of {study.name} less the best of {first.name}: {_said(each, digits)}."
        for (study, _), each in zip(others, found, strict=True)
    ]


def _said(each: Difference, digits: int) -> str:
    if math.isnan(each.mean):
        return "they have no seed in common"
    mean = cells.signed(each.mean, digits)
    if math.isnan(each.p):
        return f"{mean}, which nothing kept can test"
    over = "examples" if math.isnan(each.p_seeds) else "seeds"
    ends = cells.interval(_ends(each), digits)
    return f"{mean} (95 % over {over} {ends}, p {cells.p_value(each.p)})"


def bases_table(studies: Sequence[Study]) -> pd.DataFrame:
    """One row a key whose value differs between the base configurations; empty without any."""
    rows = base_differences(studies)
    columns = {s.name: [row[n] for row in rows.values()] for n, s in enumerate(studies)}
    return pd.DataFrame({"key": list(rows), **columns}) if rows else pd.DataFrame()


def matches_table(studies: Sequence[Study], root: Path, *, digits: int = DIGITS) -> pd.DataFrame:
    """One row a point, the first study's best first: each study's accuracy, and their differences.

    Differences are less the first study's, with corrected p-values (Holm) where both were judged on
    the same examples. Accuracies are numbers, all else texts.
    """
    found = matches(studies)
    if not found:
        return pd.DataFrame()
    table = pd.DataFrame([dict(match.cells) for match in found])
    for n, study in enumerate(studies):
        table[f"{ACCURACY} {study.name}"] = _accuracies(match.found[n] for match in found)
    tested = same_data(studies)
    for n, study in enumerate(studies[1:], start=1):
        table = table.assign(**_differences(found, n, study, root, tested=tested, digits=digits))
    return table.loc[:, [not table[c].eq(cells.BLANK).all() for c in table.columns]]


def _differences(
    found: Sequence[Match], n: int, study: Study, root: Path, *, tested: bool, digits: int
) -> dict[str, list[str]]:
    both = [(m.found[n], m.found[0]) for m in found]
    pairs = [(one, two) for one, two in both if one and two]
    each = iter(paired_differences(pairs, root=root) if tested else [])
    rows = [next(each, None) if one and two else None for one, two in both]
    made = {
        "Δ": [cells.signed(x.mean, digits) if x else cells.BLANK for x in rows],
        "95 %": [cells.interval(_ends(x), digits) if x else cells.BLANK for x in rows],
        "p": [cells.p_value(x.p) if x else cells.BLANK for x in rows],
    }
    return {f"{heading} {study.name}": column for heading, column in made.items()}


def _ends(each: Difference) -> Interval:
    """Over seeds where there are several, else over examples."""
    return each.over_examples if math.isnan(each.p_seeds) else each.over_seeds


def _accuracies(found: Iterable[Point | None]) -> pd.Series[Any]:
    values = [cells.BLANK if point is None else point.mean("val/accuracy") for point in found]
    return pd.Series(values, dtype=object)


def matches_notes(studies: Sequence[Study], *, digits: int = DIGITS) -> list[str]:
    """How many points they have in common, what these differ by and whether they agree."""
    found = matches(studies)
    said = [
        sentence
        for n in range(1, len(studies))
        for sentence in (_gain(found, n, studies, digits), _agreement(found, n, studies))
    ]
    how = (
        f"Δ: less {studies[0].name}, on the seeds that both have; 95 % and p over seeds (paired t "
        "test), for one seed over validation examples (bootstrap, McNemar), p-values corrected for "
        "all points (Holm)."
    )
    return [how if same_data(studies) else "", *said]


def _gain(found: Sequence[Match], n: int, studies: Sequence[Study], digits: int) -> str:
    both = [(m.found[n], m.found[0]) for m in found]
    gains = [a.mean("val/accuracy") - b.mean("val/accuracy") for a, b in both if a and b]
    names = f"{studies[0].name} and {studies[n].name}"
    if not gains:
        return f"{names} have no point in common."
    mean = cells.signed(float(np.mean(gains)), digits)
    ends = cells.interval(mean_interval(gains), digits)
    text = f"{names} have {len(gains)} points in common, the second has {mean} in the mean"
    return f"{text} (95 % over points {ends})." if ends else f"{text}."


def _agreement(found: Sequence[Match], n: int, studies: Sequence[Study]) -> str:
    said = agreement(found, 0, n)
    if math.isnan(said.tau):
        return ""
    return (
        f"On these {studies[n].name} orders the points as {studies[0].name} does by Kendall's τ "
        f"{said.tau:.2f} (1: alike, 0: by chance; p {cells.p_value(said.p)}); the best of "
        f"{studies[0].name} is number {said.rank} of {said.points} there."
    )
