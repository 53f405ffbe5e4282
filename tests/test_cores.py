"""Cores are taken for a while, and given back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TAKE = """
import torch
from hpsearch.cores import all_cores
with all_cores():
    inside = torch.get_num_threads()
print(inside, torch.get_num_threads())
"""


@pytest.mark.parametrize(("slots", "inside"), [(1, 1), (2, 2), (64, 0)])
def test_the_shares_of_all_slots_are_taken_and_no_more_than_there_are(
    slots: int, inside: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TAKE],
        env={**os.environ, "OMP_NUM_THREADS": "1", "HPSEARCH_SLOTS": str(slots)},
        capture_output=True,
        text=True,
        check=True,
    )
    cores = os.cpu_count() or 1
    assert done.stdout.split() == [str(min(inside or cores, cores)), "1"]
