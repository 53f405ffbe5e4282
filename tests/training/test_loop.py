"""The loop on tiny real tensors: steps, evaluation, early stopping, the best checkpoint."""

from dataclasses import replace

import pytest
import torch

from hpsearch.data import Tokens
from hpsearch.errors import ConfigError, DivergedError
from hpsearch.training import Fit, Plan, Precision, Sizes, Trainer, build_schedule, evaluate, fit
from hpsearch.training.step import train_step, update
from tests.training.tiny import CPU, PLAN, trainer, weights


def with_sgd(made: Trainer) -> Trainer:
    """Plain gradient descent at rate 1 moves each weight by its gradient."""
    made.optimizer = torch.optim.SGD(made.forward.model.parameters(), lr=1.0)
    made.schedule = build_schedule(made.optimizer, name="constant", warmup=0, total_steps=100)
    return made


def run(made: Trainer, plan: Plan, tokens: Tokens) -> tuple[Fit, list[tuple[int, float]], int]:
    """The fit, what it reported, and how often it kept a best model."""
    reports, kept = [], []
    result = fit(
        made,
        plan,
        train=tokens,
        val=tokens,
        keep_best=lambda step, metrics: kept.append(step),
        report=lambda step, metrics: reports.append((step, metrics["val/loss"])),
    )
    return result.fit, reports, len(kept)


def test_training_lowers_the_loss_and_reports_each_epoch(tokens: Tokens) -> None:
    result, reports, kept = run(trainer(), replace(PLAN, epochs=30), tokens)
    assert [step for step, _ in reports] == list(range(1, 31))
    assert reports[-1][1] < 0.1 < reports[0][1]
    assert result.best["val/accuracy"] == 1.0
    assert 1 <= kept < 30
    assert set(result.best) >= {
        "train/loss",
        "train/lr",
        "train/grad_norm",
        "val/f1",
        "system/examples_per_second",
        "system/tokens_per_second",
        "system/memory_mib",
    }


@pytest.mark.parametrize("micro", [1, 2, 3])
def test_micro_batches_give_the_gradient_of_one_big_batch(tokens: Tokens, micro: int) -> None:
    gradients = []
    for size in (4, micro):
        made = with_sgd(trainer(smoothing=0.1))
        made.sizes = Sizes(size, 2)
        before = weights(made)
        rows = next(iter(PLAN.batches(len(tokens))))
        loss, norm = train_step(made, tokens, rows, clip_norm=None)
        moved = [old - new for old, new in zip(before, weights(made), strict=True)]
        gradients.append([loss, norm, *moved])
    for big, small in zip(*gradients, strict=True):
        assert torch.allclose(big, small, atol=1e-6)


def test_the_gradient_is_clipped_to_the_norm(tokens: Tokens) -> None:
    made = with_sgd(trainer())
    before = weights(made)
    batch = made.forward.batch(tokens, next(iter(PLAN.batches(6))))
    (100 * made.loss(made.forward.logits(batch), batch.labels)).backward()
    norm = update(made, clip_norm=0.5)
    moved = [(old - new).norm() for old, new in zip(before, weights(made), strict=True)]
    assert float(norm) > 0.5
    assert float(torch.stack(moved).norm()) == pytest.approx(0.5, rel=1e-4)


def test_patience_stops_when_nothing_gets_better(tokens: Tokens) -> None:
    plan = replace(PLAN, epochs=50, patience=3)
    result, reports, _ = run(trainer(lr=1e-12), plan, tokens)
    assert result.stopped_early
    assert len(reports) == 4  # the first is the best, three more are not better


def test_the_best_evaluation_is_kept_not_the_last(tokens: Tokens) -> None:
    plan = replace(PLAN, metric="val/loss", epochs=5)
    result, reports, _ = run(trainer(lr=3), plan, tokens)
    losses = [loss for _, loss in reports]
    assert result.best["val/loss"] == min(losses)
    assert min(losses) < losses[-1], "the learning rate is meant to overshoot"
    assert result.best_probabilities is not None
    assert result.best_probabilities.shape == (6, 2)


def test_a_nan_loss_ends_the_training_and_names_the_step(tokens: Tokens) -> None:
    made = trainer()
    with torch.no_grad():
        made.forward.model.head.out.bias.fill_(torch.nan)  # type: ignore[union-attr,operator]
    with pytest.raises(DivergedError, match=r"train/loss became nan at step 1; try a lower"):
        run(made, PLAN, tokens)


def test_evaluation_gives_the_rows_in_their_order(tokens: Tokens) -> None:
    made = trainer()
    together = evaluate(made.forward, tokens, sizes=Sizes(1, 6))
    apart = evaluate(made.forward, tokens, sizes=Sizes(1, 1))
    assert torch.allclose(together, apart, atol=1e-6)
    one = made.forward.batch(tokens, torch.tensor([2]).numpy())
    assert torch.allclose(together[2], made.forward.logits(one)[0], atol=1e-6)


def test_the_same_seed_gives_the_same_bits(tokens: Tokens) -> None:
    def trained() -> list[torch.Tensor]:
        made = trainer()
        run(made, PLAN, tokens)
        return weights(made)

    assert all(torch.equal(a, b) for a, b in zip(trained(), trained(), strict=True))


def test_bf16_computes_in_bf16_and_keeps_the_weights_in_32_bits(tokens: Tokens) -> None:
    made = trainer(precision="bf16")
    batch = made.forward.batch(tokens, next(iter(PLAN.batches(6))))
    assert made.forward.logits(batch).dtype == torch.bfloat16
    result, _, _ = run(made, replace(PLAN, epochs=30), tokens)
    assert result.best["val/accuracy"] == 1.0
    assert {p.dtype for p in made.forward.model.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["fp16", "tf32"])
def test_formats_of_the_gpu_are_refused_on_the_cpu(name: str) -> None:
    with pytest.raises(ConfigError, match=f"precision={name}: it needs CUDA"):
        Precision(name, CPU)
