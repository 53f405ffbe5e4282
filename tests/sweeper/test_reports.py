"""What a job reports early comes to the study with its end, and nothing is lost or told twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pytest
from hydra_plugins.hpsearch_sweeper import TrialHandle, reports
from hydra_plugins.hpsearch_sweeper.reports import collected

PRUNER = {"_target_": "optuna.pruners.MedianPruner"}


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """Of the study `s`, which has a running trial."""
    url = f"sqlite:///{tmp_path}/optuna.db"
    optuna.create_study(study_name="s", storage=url).ask()
    return url


def told(storage: str) -> dict[int, float]:
    (trial,) = optuna.load_study(study_name="s", storage=storage).trials
    return trial.intermediate_values


def test_early_reports_open_no_study() -> None:
    nowhere = TrialHandle(0, "s", "sqlite:////nowhere/optuna.db")
    with collected() as kept:
        nowhere.report(0.5, 1)
        nowhere.report(0.7, 2)
    assert kept == [(1, 0.5), (2, 0.7)]


def test_what_is_kept_is_plain_and_each_step_comes_once() -> None:
    nowhere = TrialHandle(0, "s", "sqlite:////nowhere/optuna.db")
    with collected() as kept:
        nowhere.report(np.float32(0.5), 1)
        nowhere.report(0.7, 1)
        with pytest.raises(TypeError):
            nowhere.report([0.5], 2)  # type: ignore[arg-type]
    assert kept == [(1, 0.5)]
    assert type(kept[0][1]) is float


def test_what_optuna_refuses_is_refused_in_the_job(storage: str) -> None:
    with collected(), pytest.raises(ValueError, match="-1"):
        TrialHandle(0, "s", storage).report(0.5, -1)


def test_a_later_report_takes_the_early_ones_along(
    storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = TrialHandle(0, "s", storage)
    with collected() as kept:
        handle.report(0.5, 1)
        assert told(storage) == {}
        monkeypatch.setattr(reports, "_until", 0.0)
        handle.report(0.7, 2)
    assert kept == []
    assert told(storage) == {1: 0.5, 2: 0.7}


def test_a_pruner_sees_each_report_at_once(storage: str) -> None:
    with collected() as kept:
        TrialHandle(0, "s", storage, pruner=PRUNER).report(0.5, 1)
    assert kept == []
    assert told(storage) == {1: 0.5}


def test_where_nobody_collects_them_they_are_told_at_once(storage: str) -> None:
    TrialHandle(0, "s", storage).report(0.5, 1)
    assert told(storage) == {1: 0.5}
