"""Phases add up to the whole, and none is counted twice."""

from __future__ import annotations

import time

import pytest

from hpsearch import timing
from hpsearch.timing import phase, phases


def test_a_phase_does_not_count_those_inside_it() -> None:
    timing.begin()
    began = time.perf_counter()
    with phase("train"):
        time.sleep(0.05)
        with phase("evaluate"):
            time.sleep(0.1)
        time.sleep(0.05)
    found = phases()
    found.pop("start", None)
    assert found["train"] == pytest.approx(0.1, abs=0.04)
    assert found["evaluate"] == pytest.approx(0.1, abs=0.04)
    assert sum(found.values()) == pytest.approx(time.perf_counter() - began, abs=0.01)


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
