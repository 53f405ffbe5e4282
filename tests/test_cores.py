"""Cores are taken for a while, and given back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TAKE = """
import torch
from hpsearch import cores
with cores.{name}():
    inside = torch.get_num_threads()
print(inside, torch.get_num_threads())
"""


def threads(name: str, *, share: int, slots: int) -> list[str]:
    """Within the context of this name, and after it."""
    done = subprocess.run(
        [sys.executable, "-c", TAKE.format(name=name)],
        env={**os.environ, "OMP_NUM_THREADS": str(share), "HPSEARCH_SLOTS": str(slots)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize(("slots", "inside"), [(1, 1), (2, 2), (64, 0)])
def test_the_shares_of_all_slots_are_taken_and_no_more_than_there_are(
    slots: int, inside: int
) -> None:
    cores = os.cpu_count() or 1
    expected = str(min(inside or cores, cores))
    assert threads("all_cores", share=1, slots=slots) == [expected, "1"]


def test_a_small_task_takes_one_core_of_its_share() -> None:
    assert threads("one_core", share=2, slots=1) == ["1", "2"]
