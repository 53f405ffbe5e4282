"""How the trainings went: the best epoch, overfitting, time and memory, the cost of the search."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from hpsearch.reporting.analysis.points import SEED, is_replicated, points
from hpsearch.reporting.analysis.tables import point_cells
from hpsearch.tracking import names
from hpsearch.tracking.study import Study, figure

__all__ = ["MOST_ROWS", "learning_notes", "learning_table"]

MOST_ROWS = 50
GAP = "val. − train loss"


def learning_table(study: Study) -> pd.DataFrame:
    """One row a finished trial, those of the best point first, at most :data:`MOST_ROWS`.

    All cells are texts: the searched keys (blank as in the base), the best epoch and how many were
    run, the validation loss less the training loss at the best epoch, the seconds of the training,
    and its speed and memory there. What no trial has is left out.
    """
    found = points(study)
    places = [(n, row) for n, point in enumerate(found) for row in point.rows][:MOST_ROWS]
    runs = study.runs.loc[[row for _, row in places]]
    cells = {key: [column.iloc[n] for n, _ in places] for key, column in point_cells(study).items()}
    seeds = {SEED: runs[f"params.{SEED}"].astype(str).tolist()} if is_replicated(study) else {}
    gap = figure(runs, "val/loss") - figure(runs, "train/loss")
    figures = {
        "best epoch": (_best(runs, "epoch"), "{:.4g}"),
        "epochs": (_last(runs, "epoch"), "{:.4g}"),
        GAP: (gap, "{:+.4f}"),
        "seconds": (_best(runs, "seconds"), "{:,.1f}"),
        "examples/s": (_best(runs, "system/examples_per_second"), "{:,.0f}"),
        "MiB": (_last(runs, "system/memory_mib"), "{:,.0f}"),
    }
    columns = {
        heading: ["" if math.isnan(x) else form.format(x) for x in values]
        for heading, (values, form) in figures.items()
        if values.notna().any()
    }
    return pd.DataFrame({**cells, **seeds, **columns} if columns else {})


def learning_notes(study: Study) -> list[str]:
    """Overfitting, early ends, and what the search cost; sentences."""
    return [line for line in (_overfitting(study), _pruned(study), _cost(study)) if line]


def _overfitting(study: Study) -> str:
    """A trial overfitted where after its best epoch the training loss fell and the other rose."""
    runs = study.finished()
    longer = _last(runs, "epoch") > _best(runs, "epoch")
    worse = _last(runs, "val/loss") > _best(runs, "val/loss")
    better = _last(runs, "train/loss") < _best(runs, "train/loss")
    overfitted = longer & worse & better
    if not longer.any():
        return ""
    text = f"Of {len(runs)} finished trials {int(longer.sum())} went on after their best epoch"
    if not overfitted.any():
        return f"{text}; in none of them the validation loss rose while the training loss fell."
    after = _best(runs[overfitted], "epoch").median()
    return (
        f"{text}; in {int(overfitted.sum())} the validation loss then rose while the training loss "
        f"fell: overfitting, after epoch {after:.4g} (median)."
    )


def _pruned(study: Study) -> str:
    pruned = study.runs[study.runs["status"] == "PRUNED"]
    epochs = _last(pruned, "epoch").dropna()
    if epochs.empty:
        return ""
    share = f"{len(pruned)} of {len(study.runs)} trials"
    return f"Given up early: {share}, after {epochs.median():.4g} epochs (median)."


def _cost(study: Study) -> str:
    """All trials, whatever became of them; a finished one says its seconds itself."""
    spent = (study.runs["end"] - study.runs["start"]).dt.total_seconds()
    seconds = _best(study.runs, "seconds").fillna(spent).dropna()
    if seconds.empty:
        return ""
    return f"The whole search took {_duration(float(seconds.sum()))}, all trials added up."


def _duration(seconds: float) -> str:
    for unit, size in (("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"


def _best(runs: pd.DataFrame, metric: str) -> pd.Series[Any]:
    return _column(runs, f"metrics.{names.BEST}{metric}")


def _last(runs: pd.DataFrame, metric: str) -> pd.Series[Any]:
    return _column(runs, f"metrics.{metric}")


def _column(runs: pd.DataFrame, name: str) -> pd.Series[Any]:
    if name in runs:
        return runs[name].astype(float)
    return pd.Series(math.nan, index=runs.index)
