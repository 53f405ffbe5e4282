"""Out of memory is a size to find."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hpsearch.training import Sizes
from hpsearch.training.step import accumulate
from tests.commands import SHARP
from tests.training.tiny_bert import TEXTS, make, run

LITTLE = Path(__file__).with_name("in_little_memory.py")


@pytest.mark.slow
def test_with_little_memory_sizes_are_found_with_the_same_result() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", str(LITTLE)],
        cwd=LITTLE.parents[2],
        env={**os.environ, **SHARP},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_a_sum_over_pieces_is_that_of_one_big_batch() -> None:
    """With class weights and smoothing; the gradient to a millionth of its length."""

    rows = np.arange(16)
    gradients = []
    for size in (16, 5, 1):
        made = make(Sizes(size, 1))
        loss = accumulate(made, TEXTS, rows)
        grads = [p.grad for p in made.forward.model.parameters() if p.grad is not None]
        gradients.append((loss, torch.cat([grad.flatten() for grad in grads])))
    big_loss, big = gradients[0]
    for loss, small in gradients[1:]:
        assert float(loss) == pytest.approx(float(big_loss), abs=1e-6)
        assert float((small - big).norm() / big.norm()) < 1e-6


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    made = make(Sizes(2, 2))
    made.forward.model.head = torch.nn.Linear(7, 2)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        run(made, TEXTS)
