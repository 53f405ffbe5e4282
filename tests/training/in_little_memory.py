"""Real allocation errors, by a limit that the kernel keeps; `test_sizes.py` runs this file.

In a process of its own, for what other tests have left free in a heap softens a limit.
"""

from __future__ import annotations

import pytest
import torch

from hpsearch.errors import TooLargeError
from hpsearch.training import Sizes, evaluate
from hpsearch.training.memory import limited
from tests.training.tiny import CPU, weights
from tests.training.tiny_bert import TEXTS, make, run


def test_a_step_that_does_not_fit_is_repeated_in_smaller_pieces_with_the_same_result(
    caplog: pytest.LogCaptureFixture,
) -> None:
    big = make(Sizes(16, 16))
    expected = run(big, TEXTS)
    found: list[int] = []
    small = make(Sizes(16, 16, on_change=lambda sizes: found.append(sizes.micro_batch_size)))
    with limited(60, CPU):
        state = run(small, TEXTS)
    assert found[0] == 8
    assert small.sizes.micro_batch_size < 16
    assert "out of memory: going on with micro-batches of 8" in caplog.text
    assert state.fit.history[0]["train/loss"] == pytest.approx(
        expected.fit.history[0]["train/loss"], abs=1e-6
    )
    # Adam divides by the gradient's own size, so that rounding shows; three digits below lr.
    for a, b in zip(weights(big), weights(small), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_what_fits_again_afterwards_is_the_whole_memory() -> None:
    with limited(60, CPU), pytest.raises(RuntimeError, match="can't allocate memory"):
        torch.empty(300 * 2**20, dtype=torch.uint8)
    assert len(torch.empty(300 * 2**20, dtype=torch.uint8)) > 0


def test_where_one_example_does_not_fit_activations_are_recomputed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = make(Sizes(2, 2), layers=12)
    with limited(13, CPU):
        state = run(made, TEXTS)
    assert made.sizes.gradient_checkpointing
    assert "activations recomputed" in caplog.text
    expected = run(make(Sizes(2, 2), layers=12), TEXTS)
    assert state.fit.history[0]["train/loss"] == pytest.approx(
        expected.fit.history[0]["train/loss"], abs=1e-6
    )


def test_where_nothing_helps_it_ends_with_the_figures() -> None:
    with limited(2, CPU), pytest.raises(TooLargeError) as told:
        run(make(Sizes(2, 2)), TEXTS)
    assert "out of memory with a single example" in str(told.value)
    assert "can't allocate memory: you tried to allocate" in str(told.value)


def test_evaluation_shrinks_its_batches_likewise() -> None:
    made = make(Sizes(1, 16))
    expected = evaluate(made.forward, TEXTS, sizes=Sizes(1, 16))
    with limited(16, CPU):
        logits = evaluate(made.forward, TEXTS, sizes=made.sizes)
    assert made.sizes.eval_batch_size < 16
    assert torch.allclose(logits, expected, atol=1e-6)


def test_what_the_optimiser_itself_cannot_have_is_told_too() -> None:
    made = make(Sizes(1, 1))
    state = made.optimizer.step

    def hungry(*words: object, **more: object) -> object:
        torch.empty(300 * 2**20, dtype=torch.uint8)  # as Adam's two copies of a large model
        return state(*words, **more)  # type: ignore[arg-type]

    made.optimizer.step = hungry  # type: ignore[method-assign,assignment]
    with limited(60, CPU), pytest.raises(TooLargeError, match=r"in the optimiser's step: .*can't"):
        run(made, TEXTS)
