"""Gains over pairs that differ in one key, and the shares of an analysis of variance."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from hpsearch.reporting import markdown, study_document
from hpsearch.reporting.analysis.effects import MOST_LEVELS, effects, variance_shares
from hpsearch.tracking import Tracker
from hpsearch.tracking.study import Study

Log = Callable[..., None]

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

BASE = {"act": "tanh", "dim": 8}


@pytest.fixture
def grid(tracker: Tracker, log: Log) -> Callable[..., Study]:
    """A grid of two activations and three dims, logged from a function of both."""

    def search(accuracy: Callable[[str, int], float], *, without: object = None) -> Study:
        tracker.start_study("s", base=BASE, keys=["act", "dim"], tags={})
        for act, dim in product(["tanh", "relu"], [8, 16, 32]):
            if (act, dim) != without:
                log("s", {"act": act, "dim": dim}, accuracy(act, dim), name=f"{act}-{dim}")
        return tracker.read_study("s")

    return search


def additive(act: str, dim: int) -> float:
    return 0.8 + 0.03 * (act == "relu") + {8: 0.0, 16: 0.01, 32: -0.02}[dim]


def test_a_gain_is_the_mean_over_points_alike_in_all_else(grid: Callable[..., Study]) -> None:
    found = {(e.key, e.level): e for e in effects(grid(additive))}
    assert list(found) == [("act", "relu"), ("dim", "16"), ("dim", "32")]
    relu = found["act", "relu"]
    assert (relu.reference, relu.pairs) == ("tanh", 3)
    assert relu.gain == pytest.approx(0.03)
    assert found["dim", "32"].gain == pytest.approx(-0.02)


def test_gains_have_an_interval_and_a_corrected_test(grid: Callable[..., Study]) -> None:
    noise = {("relu", 8): 0.001, ("relu", 16): -0.001, ("tanh", 32): 0.002}
    found = effects(grid(lambda act, dim: additive(act, dim) + noise.get((act, dim), 0.0)))
    relu = found[0]
    assert relu.interval.low < relu.gain < relu.interval.high
    assert 0.0 < relu.p < 0.05
    assert all(effect.p >= relu.p for effect in found)


def test_one_pair_has_a_gain_and_no_test(tracker: Tracker, log: Log) -> None:
    tracker.start_study("s", base=BASE, keys=["act", "dim"], tags={})
    log("s", BASE, 0.8, name="base")
    log("s", BASE | {"act": "relu"}, 0.9, name="relu")
    log("s", BASE | {"dim": 16}, 0.7, name="16")
    found = effects(tracker.read_study("s"))
    assert [(e.level, e.pairs) for e in found] == [("relu", 1), ("16", 1)]
    assert [e.gain for e in found] == pytest.approx([0.1, -0.1])
    assert all(math.isnan(e.p) for e in found)


def test_values_drawn_from_an_interval_are_no_levels(tracker: Tracker, log: Log) -> None:
    tracker.start_study("s", base=BASE, keys=["dim"], tags={})
    for dim in range(MOST_LEVELS + 1):
        log("s", {"dim": dim}, 0.8, name=str(dim))
    assert effects(tracker.read_study("s")) == []


def test_the_shares_of_an_additive_grid_are_its_factors(grid: Callable[..., Study]) -> None:
    shares = variance_shares(grid(additive))
    # By hand: 6 · 0.015² = 0.00135 for act; 2 · (0.01/3)² + 2 · (0.04/3)² + 2 · (0.05/3)² for dim.
    act, dim = 6 * 0.015**2, 2 * (0.01**2 + 0.04**2 + 0.05**2) / 9
    assert shares["act",] == pytest.approx(act / (act + dim))
    assert shares["dim",] == pytest.approx(dim / (act + dim))
    assert shares["act", "dim"] == pytest.approx(0.0, abs=1e-9)


def test_an_interaction_has_a_share_of_its_own(grid: Callable[..., Study]) -> None:
    # Nothing but an interaction: the effect of act turns round between dims.
    turns = {8: 1.0, 16: 0.0, 32: -1.0}
    study = grid(lambda act, dim: 0.8 + 0.01 * turns[dim] * (1 if act == "relu" else -1))
    shares = variance_shares(study)
    assert next(iter(shares)) == ("act", "dim")
    assert shares["act", "dim"] == pytest.approx(1.0)


def test_a_grid_with_a_hole_has_no_shares(grid: Callable[..., Study]) -> None:
    assert variance_shares(grid(additive, without=("relu", 8))) == {}


def test_the_report_tells_gains_and_shares(grid: Callable[..., Study], tmp_path: Path) -> None:
    text = markdown(study_document(grid(additive), tmp_path))
    section = text.split("## What each setting does")[1].split("## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in rows[2].split("|")[1:6]] == [
        "act",
        "relu",
        "tanh",
        "3",
        "+0.03000",
    ]
    assert "act explains 5" in section  # 56.7 %
