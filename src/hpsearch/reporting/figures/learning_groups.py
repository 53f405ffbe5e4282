"""Which learning curves are drawn, and how they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hpsearch.reporting.analysis.points import ABSENT, Point
from hpsearch.reporting.analysis.tables import base_point
from hpsearch.reporting.figures.figure import Figure, rendered
from hpsearch.reporting.figures.learning_curves import NAME, Group, draw_learning
from hpsearch.reporting.figures.texts import distinct, value_text
from hpsearch.reporting.figures.trainings import METRICS, Training, common, trainings
from hpsearch.tracking.names import run_name, same_value
from hpsearch.tracking.study import Study

__all__ = ["MOST_GREY", "MOST_SHOWN", "learning_figure", "learning_groups"]

MOST_SHOWN = 5  # the best points; the base comes beside them
MOST_GREY = 300
LONGEST = 56

Known = Mapping[object, Training]


def learning_figure(study: Study, found: Sequence[Point], histories: pd.DataFrame) -> Figure | None:
    """None where no finished trial has a history."""
    groups = learning_groups(study, found, histories)
    if not any(group.label for group in groups):
        return None
    return rendered(
        draw_learning(groups),
        name=NAME,
        title="Learning curves",
        caption=_caption(study, groups),
    )


def _caption(study: Study, groups: Sequence[Group]) -> str:
    seeds = [len(group.seeds) for group in groups if group.label]
    base = ", the base among them" if any(group.is_base for group in groups) else ""
    grey = sum(not group.label for group in groups)
    parts = [
        f"Loss (cross entropy) and validation accuracy (as a fraction) over the epochs, of the "
        f"{len(seeds)} points named below by their rank{base}.",
        f"Lines: means over up to {max(seeds)} seeds, as far as all of them went; bands: from the "
        "smallest to the largest." if max(seeds) > 1 else "One seed each.",
        f"Circles: the best epoch of the curve by {_monitor(study)}.",
        f"In grey: {grey:,} other points or pruned trials; those far off leave the picture."
        if grey else "",
    ]  # fmt: skip
    return " ".join(part for part in parts if part)


def learning_groups(study: Study, found: Sequence[Point], histories: pd.DataFrame) -> list[Group]:
    """The base and the best points with a label, others without, at most :data:`MOST_GREY`."""
    known = trainings(histories)
    base = base_point(study, found)
    ids = study.runs["run_id"]
    with_seeds = [
        (rank, point, [known[ids[row]] for row in point.rows if ids[row] in known])
        for rank, point in enumerate(found)
    ]
    able = [each for each in with_seeds if each[2]]
    shown = [each for n, each in enumerate(able) if n < MOST_SHOWN or each[1] is base]
    others = [each for each in able if each not in shown]
    labels = distinct([_label(study, point, base) for _, point, _ in shown], LONGEST)
    groups = [
        Group(f"{rank + 1}. {label}", seeds, rank, point is base, best=_best(study, seeds))
        for (rank, point, seeds), label in zip(shown, labels, strict=True)
    ]
    grey = [Group("", seeds, rank) for rank, _, seeds in others]
    return groups + _evenly([*grey, *_pruned(study, known)])


def _pruned(study: Study, known: Known) -> list[Group]:
    runs = study.runs[study.runs["status"] == "PRUNED"]
    return [Group("", [known[run]], pruned=True) for run in runs["run_id"] if run in known]


def _evenly(groups: Sequence[Group]) -> list[Group]:
    at = np.linspace(0, len(groups) - 1, min(len(groups), MOST_GREY)).round().astype(int)
    return [groups[n] for n in at]


def _label(study: Study, point: Point, base: Point | None) -> str:
    """What differs from the base; of the base itself everything."""
    differs = {
        key: value_text(cell)
        for key, cell in point.cells.items()
        if point is base or not same_value(cell, study.base.get(key, ABSENT))
    }
    words = run_name(differs) if differs else ""
    return f"base ({words})" if point is base and words else words or study.name


def _monitor(study: Study) -> str:
    return study.monitor if study.monitor in METRICS else "val/accuracy"


def _best(study: Study, seeds: Sequence[Training]) -> int | None:
    """The evaluation at which the mean over the seeds is best."""
    metric = _monitor(study)
    values = common(seeds, metric).mean * (-1.0 if metric.endswith("loss") else 1.0)
    return None if np.isnan(values).all() else int(np.nanargmax(values))
