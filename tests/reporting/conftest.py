"""Studies written to a real MLflow store, by the same calls that a training uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from hpsearch.tracking import DataInfo, Tracker, run_name

DATA = DataInfo("imdb", "0123abcd", "stanfordnlp/imdb", 20_000, 5_000, ["neg", "pos"])

Log = Callable[..., None]


@pytest.fixture
def log(tracker: Tracker) -> Log:
    return logger(tracker)


def logger(tracker: Tracker) -> Log:
    """Logs one finished trial: its parameters, its accuracy and loss."""

    def log_trial(
        study: str,
        params: Mapping[str, object],
        accuracy: float,
        loss: float = 0.5,
        *,
        tags: Mapping[str, str] | None = None,
        name: str | None = None,
        fingerprint: str | None = None,
    ) -> None:
        name = name or run_name(params)
        with tracker.start_trial(
            study=study,
            name=name,
            fingerprint=fingerprint or name,
            params=params,
            tags=tags or {},
            data=DATA,
        ) as run:
            off = [(0.25, 1.0), (0.0, 0.0), (0.5, 2.0)]  # the second epoch is the best one
            run.log_all(
                (step, {"val/accuracy": accuracy - less, "val/loss": loss + more})
                for step, (less, more) in enumerate(off, start=1)
            )
            run.summary({"val/accuracy": accuracy, "val/loss": loss})

    return log_trial
