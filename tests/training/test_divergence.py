"""What is not finite ends the training with its step, or rolls it back at a lower rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hpsearch.data import Tokens
from hpsearch.errors import DivergedError
from hpsearch.training import Checkpoints, Plan, State, Trainer, fit
from hpsearch.training.interval import spikes
from tests.training.tiny import PLAN, trainer, weights

STEPS = replace(PLAN, epochs=8, max_rollbacks=3)
# Far beyond what these weights bear: the loss overflows after a few steps.
EXPLODING = 3e37


def run(made: Trainer, plan: Plan, tokens: Tokens, folder: Path) -> State:
    return fit(
        made,
        plan,
        train=tokens,
        val=tokens,
        keep_best=lambda step, metrics: None,
        report=lambda step, metrics: None,
        checkpoints=Checkpoints(folder, every_steps=1),
    )


def poison_at(made: Trainer, steps: set[int]) -> None:
    """Put an infinite gradient into these optimiser steps, counted over all tries."""
    count = 0
    weight = made.forward.model.head.out.weight  # type: ignore[union-attr]

    def hook(gradient: torch.Tensor) -> torch.Tensor:
        nonlocal count
        count += 1
        return gradient * torch.inf if count in steps else gradient

    weight.register_hook(hook)  # type: ignore[union-attr,operator]


def test_a_rate_beyond_all_measure_fails_and_names_the_step(tokens: Tokens, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"became (nan|inf) at step \d+; try a lower") as told:
        run(trainer(lr=EXPLODING), replace(STEPS, max_rollbacks=0), tokens, tmp_path)
    assert "rollback" not in str(told.value)


def test_the_step_is_that_of_the_first_figure_that_is_not_finite(
    tokens: Tokens, tmp_path: Path
) -> None:
    made = trainer()
    poison_at(made, {5})
    with pytest.raises(DivergedError, match=r"train/grad_norm became inf at step 5"):
        run(made, replace(STEPS, max_rollbacks=0), tokens, tmp_path)


def test_rollback_goes_on_from_the_last_checkpoint_with_half_the_rate(
    tokens: Tokens, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = trainer(lr=1e-2)
    poison_at(made, {5})
    state = run(made, STEPS, tokens, tmp_path)
    assert state.step == STEPS.total_steps(len(tokens))
    assert state.fit.rollbacks == ["train/grad_norm became inf at step 5"]
    rates = [metrics["train/lr"] for metrics in state.fit.history]
    assert rates == pytest.approx([1e-2] * 2 + [5e-3] * 6)
    assert "back to step 4 with half the learning rate" in caplog.text
    assert all(torch.isfinite(w).all() for w in weights(made))


def test_after_so_many_rollbacks_it_fails_and_says_how_many(tokens: Tokens, tmp_path: Path) -> None:
    made = trainer()
    poison_at(made, set(range(3, 100)))
    with pytest.raises(DivergedError, match=r"at step 3; .* \(after 3 rollbacks\)"):
        run(made, STEPS, tokens, tmp_path)


def test_rollbacks_count_on_in_another_process(tokens: Tokens, tmp_path: Path) -> None:
    made = trainer(lr=1e-2)
    poison_at(made, set(range(3, 100)))
    with pytest.raises(DivergedError):
        run(made, replace(STEPS, max_rollbacks=2), tokens, tmp_path)
    again = trainer(lr=1e-2)
    state = run(again, STEPS, tokens, tmp_path)
    assert len(state.fit.rollbacks) == 2
    assert state.fit.history[-1]["train/lr"] == pytest.approx(1e-2 / 4)


def test_without_a_divergence_rollback_changes_nothing(tokens: Tokens, tmp_path: Path) -> None:
    plain = trainer(dropout=0.2)
    run(plain, replace(STEPS, max_rollbacks=0), tokens, tmp_path / "plain")
    ready = trainer(dropout=0.2)
    run(ready, STEPS, tokens, tmp_path / "ready")
    assert all(torch.equal(a, b) for a, b in zip(weights(plain), weights(ready), strict=True))


def test_a_loss_that_stands_out_from_those_before_it_is_a_spike() -> None:
    random = np.random.default_rng(0)
    losses = np.linspace(0.7, 0.1, 200) + random.normal(0, 0.01, 200)
    assert spikes(losses) == []
    losses[[50, 120]] += 0.3
    assert spikes(losses) == [50, 120]


def test_spikes_are_recorded_at_each_evaluation(tokens: Tokens, tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=30, eval_every=60)
    made = trainer(lr=1e-3)
    original, steps = made.loss.forward, 0

    def spiking(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        nonlocal steps
        steps += 1
        return original(logits, labels) * (100.0 if steps == 40 else 1.0)

    made.loss.forward = spiking  # type: ignore[method-assign]
    (metrics,) = run(made, plan, tokens, tmp_path).fit.history
    assert metrics["train/loss_spikes"] == 1.0
    assert metrics["train/loss_max"] > 10 * metrics["train/loss"]
