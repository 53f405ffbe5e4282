"""Signals that ask a training to stop: once they are noted, twice they do what they always did."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from hpsearch import preemption
from hpsearch.preemption import heeded, terminable

NUMBERS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def told() -> Iterator[list[int]]:
    """What a handler of before, that does not raise, is told of SIGTERM."""
    numbers: list[int] = []
    before = {number: signal.getsignal(number) for number in NUMBERS}
    signal.signal(signal.SIGTERM, lambda number, frame: numbers.append(number))
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_sigterm_is_noted_and_passed_on_when_the_training_has_ended(told: list[int]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with heeded() as stop_requested:
        assert not stop_requested()
        send(signal.SIGTERM)
        assert stop_requested()
        assert told == []
    assert told == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_is_noted_said_and_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    reached = []

    def train() -> None:
        with heeded() as stop_requested:
            send(signal.SIGINT)
            reached.append(stop_requested())
            raise ValueError("what it ends with")

    with pytest.raises(KeyboardInterrupt) as raised:
        train()
    assert reached == [True]
    assert str(raised.value.__context__) == "what it ends with"
    assert capfd.readouterr().err.count("Ctrl-C again stops now") == 1


def test_a_second_ctrl_c_ends_at_once() -> None:
    def train() -> None:
        with heeded():
            send(signal.SIGINT)
            send(signal.SIGINT)
            raise AssertionError("not reached")

    with pytest.raises(KeyboardInterrupt):
        train()


def test_a_second_sigterm_counts_unless_it_is_the_echo_of_the_first(
    told: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with heeded():
        send(signal.SIGTERM)
        send(signal.SIGTERM)
        assert told == []
        monkeypatch.setattr(preemption, "ECHO_SECONDS", -1.0)
        send(signal.SIGTERM)
        assert told == [signal.SIGTERM]


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with heeded() as stop_requested:
        send(signal.SIGINT)
        assert not stop_requested()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_a_thread_is_not_asked_to_stop() -> None:
    before, seen = signal.getsignal(signal.SIGTERM), list[bool]()

    def train() -> None:
        with heeded() as stop_requested:
            seen.append(stop_requested() or signal.getsignal(signal.SIGTERM) is not before)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert seen == [False]


def test_sigterm_ends_a_command_as_ctrl_c_does_with_its_number(told: list[int]) -> None:
    with terminable():
        send(signal.SIGTERM)
    assert told == [signal.SIGTERM], "who handles it already goes on doing so"
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with pytest.raises(KeyboardInterrupt) as raised, terminable():
        send(signal.SIGTERM)
    assert raised.value.args == (signal.SIGTERM,)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
