"""Cores are taken for a while, and given back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from hpsearch import cores


@contextmanager
def threads(share: int) -> Iterator[None]:
    """Before and after it, torch computes on a share of this size."""
    before = torch.get_num_threads()
    torch.set_num_threads(share)
    try:
        yield
        assert torch.get_num_threads() == share
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("slots", "inside"), [(1, 1), (2, 2), (64, 0)])
def test_the_shares_of_all_slots_are_taken_and_no_more_than_there_are(
    slots: int, inside: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HPSEARCH_SLOTS", str(slots))
    there_are = os.cpu_count() or 1
    with threads(1), cores.all_cores():
        assert torch.get_num_threads() == min(inside or there_are, there_are)


def test_a_small_task_takes_one_core_of_its_share() -> None:
    with threads(2), cores.one_core():
        assert torch.get_num_threads() == 1
