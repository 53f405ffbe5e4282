"""Pooling by hand: padding never counts."""

import pytest
import torch

from hpsearch.models import pool

STATES = torch.tensor(
    [[[1.0, -1.0], [3.0, -5.0], [99.0, 99.0]], [[2.0, 4.0], [4.0, 2.0], [6.0, 0.0]]]
)
MASK = torch.tensor([[1, 1, 0], [1, 1, 1]])

EXPECTED = {
    "cls": [[1.0, -1.0], [2.0, 4.0]],
    "mean": [[2.0, -3.0], [4.0, 2.0]],
    "max": [[3.0, -1.0], [6.0, 4.0]],
}


@pytest.mark.parametrize(("how", "expected"), EXPECTED.items())
def test_pooling_is_the_one_by_hand(how: str, expected: list[list[float]]) -> None:
    assert pool(STATES, MASK, how).tolist() == expected
