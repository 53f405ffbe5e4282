"""Reading: a study and its trials out of MLflow, page by page, into one pandas frame."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hpsearch.errors import ReportError, nearest
from hpsearch.tracking import names
from hpsearch.tracking.collecting import collector_paused
from hpsearch.tracking.database import HOW_TO
from hpsearch.tracking.found import FoundRun

if TYPE_CHECKING:
    import pandas as pd

    from hpsearch.tracking.store import Store

__all__ = ["Study", "figure", "newest_study", "read_study", "studies"]

TOO_LARGE = 1.7e308  # MLflow keeps infinity as the largest number of 64 bits

# Column of `Study.runs` → the tag that it is read from.
TAG_COLUMNS = {
    "error": names.ERROR,
    "fingerprint": names.FINGERPRINT,
    "data": names.DATA,
    "digest": names.DIGEST,
    "source": names.SOURCE,
    "n_train": names.N_TRAIN,
    "n_val": names.N_VAL,
    "folder": names.FOLDER,
    "command": names.COMMAND,
}


@dataclass(frozen=True, eq=False)
class Study:
    """A sweep as MLflow has it, or a run of its own as a study of one.

    ``runs`` has one row a trial, oldest first: ``run_id``, ``name``, ``status`` (FINISHED,
    FAILED, KILLED, RUNNING, or PRUNED), ``start``, ``end`` (UTC), the tags of
    :data:`TAG_COLUMNS`, and every parameter (text) and metric (its last value) as
    ``params.<key>`` and ``metrics.<key>``; what a trial has not is NaN.
    """

    name: str
    base: dict[str, str]  # the flat configuration before anything was searched
    keys: list[str]  # the searched keys, in the order of the command
    runs: pd.DataFrame
    tags: dict[str, str] = field(default_factory=dict)
    run_id: str | None = None  # of the parent run

    @property
    def monitor(self) -> str:
        """The metric that chose each trial's best epoch."""
        configured = self.base.get("trainer.early_stopping.metric", "val/accuracy")
        return self.tags.get(names.MONITOR, configured)

    def point_columns(self) -> list[str]:
        """The columns that say which point of the search space a row is."""
        wanted = [f"params.{key}" for key in self.keys]
        found = [column for column in wanted if column in self.runs]
        return found or sorted(c for c in map(str, self.runs) if c.startswith("params."))

    def finished(self) -> pd.DataFrame:
        """The finished trials, best first; of several at one point the last one to finish."""
        return self._finished.copy(deep=False)

    @functools.cached_property
    def _finished(self) -> pd.DataFrame:
        done = self.runs[self.runs["status"] == "FINISHED"].sort_values("end", kind="stable")
        last = done[~self.points(done).duplicated(keep="last")]
        by = last.assign(_a=figure(last, "val/accuracy"), _l=figure(last, "val/loss"))
        order = by.sort_values(["_a", "_l", "name"], ascending=[False, True, True])
        return order.drop(columns=["_a", "_l"])

    def points(self, runs: pd.DataFrame) -> pd.Series[str]:
        """Each row's point as one text, with one spelling for one number."""
        import pandas as pd

        rows = runs[self.point_columns()].to_numpy(dtype=object).tolist()
        texts = [json.dumps([names.canonical(value) for value in row]) for row in rows]
        return pd.Series(texts, index=runs.index, dtype=object)


def figure(runs: pd.DataFrame, metric: str) -> pd.Series[float]:
    """A metric at the best epoch; for runs that did not say which, at the last one."""
    import pandas as pd

    figures = pd.Series(float("nan"), index=runs.index)
    for column in (f"metrics.{names.BEST}{metric}", f"metrics.{metric}"):
        if column in runs:
            figures = figures.fillna(runs[column].astype(float))
    return figures


def read_study(store: Store, name: str) -> Study:
    with collector_paused():
        found = store.found({names.STUDY: name})
        if not found:
            known = studies(store)
            text = ", ".join(known[:20]) or f"none yet; {HOW_TO}"
            raise ReportError(f"study={name}: known are {text}{nearest(name, known)}")
        parents = [run for run in found if run.tags.get(names.KIND) == "study"]
        trials = [run for run in found if run.tags.get(names.KIND) == "trial"]
        head = (parents or trials)[0]
        return Study(
            name=name,
            base=dict(head.params),
            keys=json.loads(head.tags.get(names.KEYS, "[]")),
            runs=_frame(trials),
            tags=dict(head.tags),
            run_id=parents[0].run_id if parents else None,
        )


def newest_study(store: Store) -> str:
    found = store.newest_study() or next(iter(studies(store)), "")
    if not found:
        raise ReportError(f"there are no runs yet; {HOW_TO}")
    return found


def studies(store: Store) -> list[str]:
    runs = [*store.found({names.KIND: "study"}), *store.found({names.ALONE: "true"})]
    runs.sort(key=lambda run: -(run.start or 0))
    return list(dict.fromkeys(run.tags[names.STUDY] for run in runs))


def _frame(runs: Sequence[FoundRun]) -> pd.DataFrame:
    import pandas as pd

    columns = ["run_id", "name", "status", "start", "end", *TAG_COLUMNS]
    frame = pd.DataFrame([_row(run) for run in runs], columns=None if runs else columns)
    for moment in ("start", "end"):
        frame[moment] = pd.to_datetime(frame[moment], unit="ms", utc=True)
    return frame


def _row(run: FoundRun) -> dict[str, object]:
    pruned = names.PRUNED in run.tags and run.status in ("FAILED", "KILLED")
    return {
        "run_id": run.run_id,
        "name": run.name,
        "status": "PRUNED" if pruned else run.status,
        "start": run.start,
        "end": run.end,
        **{column: run.tags.get(tag) for column, tag in TAG_COLUMNS.items()},
        **{f"params.{key}": value for key, value in run.params.items()},
        **{f"metrics.{key}": _number(value) for key, value in run.metrics.items()},
    }


def _number(value: float) -> float:
    return value if not abs(value) > TOO_LARGE else float("inf") * (1 if value > 0 else -1)
