"""Reading: a study and its trials out of MLflow, page by page, into one pandas frame."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hpsearch.errors import ReportError, nearest
from hpsearch.tracking import names
from hpsearch.tracking.away import mlflow_errors
from hpsearch.tracking.database import HOW_TO

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["Study", "figure", "newest_study", "read_study", "search", "studies"]

ONE_PAGE = 1000
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


@dataclass(frozen=True)
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


def read_study(client: MlflowClient, experiment: str, name: str) -> Study:
    found = search(client, experiment, {names.STUDY: name}, order="start_time ASC")
    if not found:
        known = studies(client, experiment)
        text = ", ".join(known[:20]) or f"none yet; {HOW_TO}"
        raise ReportError(f"study={name}: known are {text}{nearest(name, known)}")
    parents = [run for run in found if run.data.tags.get(names.KIND) == "study"]
    trials = [run for run in found if run.data.tags.get(names.KIND) == "trial"]
    head = (parents or trials)[0]
    return Study(
        name=name,
        base=dict(head.data.params),
        keys=json.loads(head.data.tags.get(names.KEYS, "[]")),
        runs=_frame(trials),
        tags=dict(head.data.tags),
        run_id=parents[0].info.run_id if parents else None,
    )


def newest_study(client: MlflowClient, experiment: str) -> str:
    newest = next(_pages(client, experiment, "", order="start_time DESC", size=50), [])
    for run in newest:
        if names.STUDY in run.data.tags:
            return str(run.data.tags[names.STUDY])
    for name in studies(client, experiment):
        return name
    raise ReportError(f"there are no runs yet; {HOW_TO}")


def studies(client: MlflowClient, experiment: str) -> list[str]:
    order = "start_time DESC"
    runs = search(client, experiment, {names.KIND: "study"}, order=order)
    runs += search(client, experiment, {names.ALONE: "true"}, order=order)
    runs.sort(key=lambda run: -run.info.start_time)
    return list(dict.fromkeys(str(run.data.tags[names.STUDY]) for run in runs))


def search(
    client: MlflowClient, experiment: str, tags: Mapping[str, str], *, order: str
) -> list[Run]:
    """All active runs that have these tags."""
    clauses = [f"tags.`{tag}` = {_quoted(value)}" for tag, value in tags.items()]
    text = " AND ".join(clauses)
    found = [run for page in _pages(client, experiment, text, order=order) for run in page]
    # Some databases compare without regard to case.
    return [run for run in found if tags.items() <= run.data.tags.items()]


def _pages(
    client: MlflowClient, experiment: str, text: str, *, order: str, size: int = ONE_PAGE
) -> Iterator[list[Run]]:
    token: str | None = None
    while True:
        with mlflow_errors("searching runs"):
            page = client.search_runs(
                [experiment], text, max_results=size, order_by=[order], page_token=token
            )
        yield list(page)
        token = page.token
        if not token:
            return


def _quoted(value: str) -> str:
    if "'" not in value:
        return f"'{value}'"
    if '"' not in value:
        return f'"{value}"'
    raise ReportError(f"study={value}: a name cannot hold both kinds of quotation marks")


def _frame(runs: Sequence[Run]) -> pd.DataFrame:
    import pandas as pd

    columns = ["run_id", "name", "status", "start", "end", *TAG_COLUMNS]
    frame = pd.DataFrame([_row(run) for run in runs], columns=None if runs else columns)
    for moment in ("start", "end"):
        frame[moment] = pd.to_datetime(frame[moment], unit="ms", utc=True)
    return frame


def _row(run: Run) -> dict[str, object]:
    info, tags = run.info, run.data.tags
    pruned = names.PRUNED in tags and info.status in ("FAILED", "KILLED")
    return {
        "run_id": info.run_id,
        "name": info.run_name,
        "status": "PRUNED" if pruned else info.status,
        "start": info.start_time,
        "end": info.end_time,
        **{column: tags.get(tag) for column, tag in TAG_COLUMNS.items()},
        **{f"params.{key}": value for key, value in run.data.params.items()},
        **{f"metrics.{key}": _number(value) for key, value in run.data.metrics.items()},
    }


def _number(value: float) -> float:
    return value if not abs(value) > TOO_LARGE else float("inf") * (1 if value > 0 else -1)
