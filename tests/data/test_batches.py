"""Batches by hand."""

import numpy as np

from hpsearch.data import Tokens, epoch_order


def test_a_batch_is_padded_to_its_longest_row(tokens: Tokens) -> None:
    batch = tokens.batch(np.array([1, 0]), pad_id=0)
    assert batch.input_ids.tolist() == [[4, 0, 0], [1, 2, 3]]
    assert batch.attention_mask.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert batch.labels.tolist() == [0, 1]


def test_a_batch_is_padded_up_to_a_multiple(tokens: Tokens) -> None:
    assert tokens.batch(np.array([4]), pad_id=0, multiple_of=4).input_ids.shape == (1, 8)
    assert tokens.batch(np.array([2]), pad_id=0, multiple_of=4).input_ids.shape == (1, 4)


def test_taken_rows_are_the_same_rows(tokens: Tokens) -> None:
    taken = tokens.take(np.array([4, 1]))
    assert taken.values.tolist() == [3, 1, 4, 1, 5, 4]
    assert taken.offsets.tolist() == [0, 5, 6]
    assert taken.labels.tolist() == [1, 0]


def test_an_epochs_order_is_a_permutation_by_seed_and_epoch() -> None:
    order = epoch_order(100, seed=3, epoch=1)
    assert sorted(order) == list(range(100))
    assert order.tolist() == epoch_order(100, seed=3, epoch=1).tolist()
    assert order.tolist() != epoch_order(100, seed=3, epoch=2).tolist()
    assert order.tolist() != epoch_order(100, seed=4, epoch=1).tolist()
