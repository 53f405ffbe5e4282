"""A head on the features of a frozen backbone learns what it would learn behind the backbone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hpsearch.data import Tokens
from hpsearch.models import Classifier
from hpsearch.training import (
    Features,
    HeadForward,
    Precision,
    Precomputed,
    Sizes,
    Trainer,
    build_optimizer,
    build_schedule,
    embed,
    evaluate,
)
from hpsearch.training.step import accumulate
from tests.training.test_resume import LONG, Killed, assert_equal, bert, run
from tests.training.tiny import CPU, trainer

ROWS = np.array([3, 0, 5, 1])


def plain(*, dropout: float = 0.0, precision: str = "fp32") -> Trainer:
    """A frozen BERT below a head; the loss has class weights and smoothing."""
    torch.manual_seed(0)
    return trainer(
        backbone=bert("all"), dropout=dropout, smoothing=0.1, precision=precision, schedule="cosine"
    )


def features_of(made: Trainer, tokens: Tokens) -> Features:
    vectors = embed(made.forward, tokens, sizes=Sizes(4, 2))  # type: ignore[arg-type]
    return Features(vectors.numpy(), tokens.labels, tokens.lengths)


def on_features(made: Trainer) -> Trainer:
    """The same head without its backbone."""
    head, backbone = made.forward.model.head, made.forward.model.backbone
    model = Classifier(Precomputed(backbone.out_dim), head)  # type: ignore[arg-type]
    forward = HeadForward(model, made.forward.precision, CPU)
    optimizer = build_optimizer(model, lr=1e-2, weight_decay=0.01, backbone_lr_scale=1.0)
    rates = build_schedule(optimizer, name="cosine", warmup=0, total_steps=100)
    return Trainer(forward, optimizer, rates, made.loss, Sizes(4, 6))


def gradients(made: Trainer) -> list[torch.Tensor]:
    return [p.grad.clone() for p in made.forward.model.parameters() if p.grad is not None]


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_loss_gradients_and_predictions_are_those_of_the_whole_model(
    tokens: Tokens, dropout: float
) -> None:
    whole = plain(dropout=dropout)
    head, features = on_features(whole), features_of(whole, tokens)
    found = []
    for made, split in ((whole, tokens), (head, features)):
        torch.manual_seed(7)  # the same drop-outs of the same rows
        made.forward.model.train()
        loss = accumulate(made, split, ROWS)
        found.append((loss, *gradients(made)))
        made.optimizer.zero_grad(set_to_none=True)
    assert len(found[0]) == 1 + 4
    for through_all, alone in zip(*found, strict=True):
        assert torch.allclose(through_all, alone, atol=1e-5)
    logits = [evaluate(m.forward, s, sizes=m.sizes) for m, s in ((whole, tokens), (head, features))]
    assert torch.allclose(*logits, atol=1e-5)


def test_a_training_on_features_gives_the_head_of_the_whole_model(
    tokens: Tokens, tmp_path: Path
) -> None:
    whole, other = plain(), plain()
    head, features = on_features(other), features_of(other, tokens)
    states = [
        run(whole, LONG, tokens, tmp_path / "whole"),
        run(head, LONG, features, tmp_path / "head"),  # type: ignore[arg-type]
    ]
    for left, right in zip(
        *(m.forward.model.head.parameters() for m in (whole, head)), strict=True
    ):
        assert torch.allclose(left, right, atol=1e-4)  # Adam divides by small gradients
    losses = [[metrics["val/loss"] for metrics in state.fit.history] for state in states]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_a_head_killed_after_any_step_ends_as_if_it_had_not_been(
    tokens: Tokens, tmp_path: Path
) -> None:
    features = features_of(plain(), tokens)

    def make() -> Trainer:
        torch.manual_seed(0)
        return on_features(plain(dropout=0.3))

    undisturbed = make()
    expected = run(undisturbed, LONG, features, tmp_path / "whole")  # type: ignore[arg-type]
    for step in range(0, 12, 3):
        folder = tmp_path / f"killed-{step}"
        with pytest.raises(Killed):
            run(make(), LONG, features, folder, kill_after=step)  # type: ignore[arg-type]
        torch.rand(step)
        again = make()
        state = run(again, LONG, features, folder)  # type: ignore[arg-type]
        assert_equal((again, state), (undisturbed, expected))


def test_in_bf16_the_features_point_where_those_in_32_bits_do(tokens: Tokens) -> None:
    made = plain()
    exact = embed(made.forward, tokens, sizes=made.sizes)  # type: ignore[arg-type]
    made.forward.precision = Precision("bf16", CPU)
    coarse = embed(made.forward, tokens, sizes=made.sizes)  # type: ignore[arg-type]
    assert coarse.dtype == torch.float32
    assert not torch.equal(exact, coarse)
    assert float(torch.cosine_similarity(exact, coarse).min()) >= 0.9998


def test_a_head_has_no_activations_to_recompute_and_saves_no_backbone(tmp_path: Path) -> None:
    model = on_features(plain()).forward.model
    assert not model.enable_gradient_checkpointing()
    with pytest.raises(NotImplementedError, match="beside its features"):
        model.backbone.save_pretrained(tmp_path)  # type: ignore[operator]


def test_smaller_pieces_of_features_give_the_gradient_of_a_whole_batch(tokens: Tokens) -> None:
    whole = plain()
    head, features = on_features(whole), features_of(whole, tokens)
    found = []
    for size in (4, 1):
        head.sizes = replace(head.sizes, micro_batch_size=size)
        found.append((accumulate(head, features, ROWS), *gradients(head)))
        head.optimizer.zero_grad(set_to_none=True)
    for big, small in zip(*found, strict=True):
        assert torch.allclose(big, small, atol=1e-6)
