"""Reading the epochs: the histories of metrics of many trials, in few questions to MLflow.

MLflow's client reads one metric of one run at a time: 4,000 questions for four metrics of 1,000
runs. Its tables, and its server for its own web pages, answer for many runs at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hpsearch.tracking.away import mlflow_errors
from hpsearch.tracking.study import TOO_LARGE, Study
from hpsearch.tracking.tables import Value, find_values

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

    from hpsearch.tracking.store import Store

__all__ = ["HISTORY", "read_histories"]

HISTORY = ("epoch", "train/loss", "val/loss", "val/accuracy")

# Of one question. The server answers for at most 100 runs, but gunicorn takes no address longer
# than 4,094 signs, and a run's id has 40 of them. More values it cuts off without a word.
MOST_RUNS = 50
# A database walks through all values of a metric for each question, whatever runs are asked for.
MOST_RUNS_AT_HOME = 5_000
MOST_VALUES = 25_000
BULK = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
NOT_THERE = (404, 405, 501)  # a server that is not MLflow's own may lack it


def read_histories(store: Store, study: Study, *, metrics: Sequence[str] = HISTORY) -> pd.DataFrame:
    """Every value of these metrics of all the study's trials, whatever became of them.

    Returns:
        Columns ``run_id``, ``metric``, ``step``, ``value``; sorted by the trials' order in
        ``study.runs``, the metrics' order here, and the step. Of several values at one step,
        as a continued run may have, the last one written.
    """
    import pandas as pd

    run_ids = [str(run_id) for run_id in study.runs["run_id"]]
    rows = [
        (run_id, metric, step, value)
        for metric in metrics
        for run_id, step, value in _all_values(store, run_ids, metric)
    ]
    frame = pd.DataFrame(rows, columns=["run_id", "metric", "step", "value"])
    return _in_order(frame.astype({"step": int, "value": float}), run_ids, list(metrics))


def _in_order(frame: pd.DataFrame, run_ids: list[str], metrics: list[str]) -> pd.DataFrame:
    """One value a step; infinity, which MLflow keeps as the largest number, is itself again."""
    import numpy as np

    frame = frame[~frame.duplicated(["run_id", "metric", "step"], keep="last")]
    value = frame["value"]
    frame = frame.assign(value=value.where(value.abs() <= TOO_LARGE, np.sign(value) * np.inf))
    runs = frame["run_id"].map({run_id: n for n, run_id in enumerate(run_ids)})
    keys = frame["metric"].map({metric: n for n, metric in enumerate(metrics)})
    return frame.iloc[np.lexsort([frame["step"], keys, runs])].reset_index(drop=True)


def _all_values(store: Store, run_ids: Sequence[str], metric: str) -> list[Value]:
    known = None if store.file is None else find_values(store.file, run_ids, metric)
    if known is not None:
        return known
    client = store.client
    most = MOST_RUNS_AT_HOME if hasattr(client._tracking_client.store, "engine") else MOST_RUNS
    groups = (run_ids[first : first + most] for first in range(0, len(run_ids), most))
    return [value for some in groups for value in _values(client, some, metric)]


def _values(client: MlflowClient, run_ids: Sequence[str], metric: str) -> list[Value]:
    """Oldest first for each run."""
    store = client._tracking_client.store  # the client itself has nothing for many runs
    with mlflow_errors(f"reading {metric}"):
        if hasattr(store, "engine"):
            return _ask_database(store, run_ids, metric)
        found = _ask_server(store, run_ids, metric) if hasattr(store, "get_host_creds") else None
        if found is None or (len(found) >= MOST_VALUES and len(run_ids) == 1):
            return _one_by_one(client, run_ids, metric)
    if len(found) < MOST_VALUES:
        return found
    half = len(run_ids) // 2  # of so many values some may have been cut off
    return [*_values(client, run_ids[:half], metric), *_values(client, run_ids[half:], metric)]


def _ask_database(store: Any, run_ids: Sequence[str], metric: str) -> list[Value]:
    """By MLflow's own table, without an object of SQLAlchemy's for each value: a sixth of the
    time of ``store.get_metric_history_bulk``."""
    import sqlalchemy
    from mlflow.store.tracking.dbmodels.models import SqlMetric

    row = SqlMetric
    wanted = (row.run_uuid, row.step, row.value, row.is_nan, row.timestamp)
    query: Any = sqlalchemy.select(*wanted).where(row.key == metric, row.run_uuid.in_(run_ids))
    with store.engine.connect() as connection:
        rows = sorted(connection.execute(query), key=lambda found: (found[4], found[1], found[2]))
    return [(run_id, step, math.nan if no else value) for run_id, step, value, no, _ in rows]


def _ask_server(store: Any, run_ids: Sequence[str], metric: str) -> list[Value] | None:
    from mlflow.utils.rest_utils import http_request, verify_rest_response

    words = {"run_id": list(run_ids), "metric_key": metric, "max_results": MOST_VALUES}
    response = http_request(store.get_host_creds(), BULK, "GET", params=words)  # type: ignore[no-untyped-call]
    if response.status_code in NOT_THERE:
        return None
    found = verify_rest_response(response, BULK).json()["metrics"]
    return [(each["run_id"], int(each["step"]), float(each["value"])) for each in found]


def _one_by_one(client: MlflowClient, run_ids: Sequence[str], metric: str) -> list[Value]:
    """Page by page: what every store has."""
    return [
        (run_id, each.step, each.value)
        for run_id in run_ids
        for each in client.get_metric_history(run_id, metric)
    ]
