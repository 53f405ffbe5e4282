"""Phases add up to the whole, and none is counted twice."""

from __future__ import annotations

import time

import pytest

from hpsearch import timing
from hpsearch.timing import phase, phases


def test_a_phase_does_not_count_those_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    timing.begin()
    with phase("train"):
        clock[0] += 1
        with phase("evaluate"):
            clock[0] += 4
        clock[0] += 2
    clock[0] += 8
    found = phases()
    found.pop("start", None)
    assert found == {"other": 8.0, "train": 3.0, "evaluate": 4.0}


def test_what_raises_is_counted_and_closed() -> None:
    timing.begin()

    @phase("data")
    def read() -> None:
        time.sleep(0.02)
        raise ValueError

    with pytest.raises(ValueError):
        read()
    spent = phases()["data"]
    assert spent >= 0.02
    time.sleep(0.02)
    assert phases()["data"] == spent


def test_the_next_trial_in_a_process_begins_at_nothing() -> None:
    timing.begin()
    with phase("model"):
        pass
    timing.begin()
    assert "model" not in phases()
    assert "start" not in phases()
