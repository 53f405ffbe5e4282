"""Finding runs by their tags, through MLflow's client, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hpsearch.errors import ReportError
from hpsearch.tracking.away import mlflow_errors
from hpsearch.tracking.collecting import collector_paused

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = ["newest", "search"]

OLDEST_FIRST, NEWEST_FIRST = "start_time ASC", "start_time DESC"
ONE_PAGE = 1000


def search(client: MlflowClient, experiment: str, tags: Mapping[str, str]) -> list[Run]:
    """All active runs that have these tags, oldest first."""
    clauses = [f"tags.`{tag}` = {_quoted(value)}" for tag, value in tags.items()]
    pages = _pages(client, experiment, " AND ".join(clauses), order=OLDEST_FIRST)
    found = [run for page in pages for run in page]
    # Some databases compare without regard to case.
    return [run for run in found if tags.items() <= run.data.tags.items()]


def newest(client: MlflowClient, experiment: str, *, most: int) -> list[Run]:
    """The last active runs that began, the newest first."""
    return next(_pages(client, experiment, "", order=NEWEST_FIRST, size=most), [])


def _pages(
    client: MlflowClient, experiment: str, text: str, *, order: str, size: int = ONE_PAGE
) -> Iterator[list[Run]]:
    token: str | None = None
    while True:
        with mlflow_errors("searching runs"), collector_paused():
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
