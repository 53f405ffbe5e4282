"""The training loop: plain torch, one verb a function."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from hpsearch.data.batches import Tokens
from hpsearch.errors import TrainingError
from hpsearch.training.forward import Forward, evaluate
from hpsearch.training.loss import ClassificationLoss
from hpsearch.training.memory import peak_memory
from hpsearch.training.metrics import classification_metrics, is_better
from hpsearch.training.plan import Plan, Rows, pieces

__all__ = ["Fit", "Trainer", "fit", "train_step"]

# Called after each evaluation with the resource spent (epochs, or optimiser steps where evaluation
# goes by steps) and the metrics; it may raise to end the training, for example to prune.
Report = Callable[[int, dict[str, float]], None]
# Wraps the batches, of which it is told the number, in a progress bar.
Progress = Callable[[Iterable[Rows], int], Iterable[Rows]]


@dataclass
class Trainer:
    """What a step needs; built by the caller, so that each part can be replaced."""

    forward: Forward
    optimizer: Optimizer
    schedule: LRScheduler
    loss: ClassificationLoss


@dataclass
class Fit:
    """How a training went: every evaluation, and the best with its probabilities (n, classes)."""

    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, float] = field(default_factory=dict)
    best_probabilities: npt.NDArray[np.float32] | None = None
    without_better: int = 0
    stopped_early: bool = False

    def record(self, metrics: dict[str, float], metric: str) -> bool:
        """Keep an evaluation; whether it is the best so far."""
        self.history.append(metrics)
        if is_better(metric, metrics[metric], self.best.get(metric)):
            self.best, self.without_better = metrics, 0
            return True
        self.without_better += 1
        return False


@dataclass
class Interval:
    """Sums since the last evaluation; on CUDA the tensors are read only when it ends."""

    losses: list[torch.Tensor] = field(default_factory=list)
    norms: list[torch.Tensor] = field(default_factory=list)
    examples: int = 0
    tokens: int = 0
    started: float = field(default_factory=time.perf_counter)

    def add(self, loss: torch.Tensor, norm: torch.Tensor, *, rows: Rows, tokens: int) -> None:
        self.losses.append(loss * len(rows))
        self.norms.append(norm)
        self.examples += len(rows)
        self.tokens += tokens

    def metrics(self) -> dict[str, float]:
        """Mean loss an example, mean gradient norm a step, throughput of the training alone."""
        loss = float(torch.stack(self.losses).sum()) / self.examples
        norm = float(torch.stack(self.norms).mean())
        seconds = time.perf_counter() - self.started
        return {
            "train/loss": loss,
            "train/grad_norm": norm,
            "system/examples_per_second": self.examples / seconds,
            "system/tokens_per_second": self.tokens / seconds,
        }


def fit(
    trainer: Trainer,
    plan: Plan,
    *,
    train: Tokens,
    val: Tokens,
    keep_best: Callable[[dict[str, float]], None],
    report: Report,
    progress: Progress = lambda batches, total: batches,
) -> Fit:
    """Train to the plan's end, evaluating as it says.

    ``keep_best`` is called after each evaluation that is the best so far, while the model is as it
    was evaluated.

    Raises:
        TrainingError: the loss or the gradient's norm is NaN or infinite.
    """
    result, interval = Fit(), Interval()
    n, total = len(train), plan.total_steps(len(train))
    for step, rows in enumerate(progress(plan.batches(n), total), start=1):
        loss, norm = train_step(trainer, plan, train, rows)
        interval.add(loss, norm, rows=rows, tokens=int(train.lengths_of(rows).sum()))
        if not plan.evaluates_after(step, n):
            continue
        epochs = step / plan.steps_per_epoch(n)
        metrics = _training_metrics(trainer, interval, step, epochs)
        logits = evaluate(trainer.forward, val, batch_size=plan.eval_batch_size)
        values = classification_metrics(logits, val.labels)
        metrics |= {f"val/{name}": value for name, value in values.items()}
        if result.record(metrics, plan.metric):
            result.best_probabilities = logits.softmax(dim=1).numpy()
            keep_best(metrics)
        report(math.ceil(epochs) if plan.eval_every is None else step, metrics)
        if plan.patience is not None and result.without_better >= plan.patience:
            result.stopped_early = True
            break
        interval = Interval()
    return result


def train_step(
    trainer: Trainer, plan: Plan, train: Tokens, rows: Rows
) -> tuple[torch.Tensor, torch.Tensor]:
    """One optimiser step on these rows; the mean loss and the gradient's norm, as scalars.

    Each micro-batch's loss is summed and divided by what the whole step is divided by, so that the
    gradient is that of one big batch. They are cut by length, so that each is padded little.
    """
    trainer.forward.model.train()
    rows = rows[np.argsort(train.lengths_of(rows), kind="stable")]
    divisor = trainer.loss.divisor(train.labels[rows])
    losses = []
    for piece in pieces(rows, plan.micro_batch_size):
        batch = trainer.forward.batch(train, piece)
        loss = trainer.loss(trainer.forward.logits(batch), batch.labels) / divisor
        trainer.forward.precision.scaler.scale(loss).backward()
        losses.append(loss.detach())
    return torch.stack(losses).sum(), update(trainer, clip_norm=plan.clip_norm)


def update(trainer: Trainer, *, clip_norm: float | None) -> torch.Tensor:
    """Clip, step, schedule, zero; the gradient's norm before clipping."""
    scaler, optimizer = trainer.forward.precision.scaler, trainer.optimizer
    scaler.unscale_(optimizer)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(parameters, clip_norm or math.inf)
    scale = scaler.get_scale()
    scaler.step(optimizer)
    scaler.update()
    # fp16 leaves a step out when the scaled gradient overflowed; the schedule waits for it.
    if scaler.get_scale() >= scale:
        trainer.schedule.step()
    optimizer.zero_grad(set_to_none=True)
    return norm.detach()


def _training_metrics(
    trainer: Trainer, interval: Interval, step: int, epochs: float
) -> dict[str, float]:
    """The figures of the training since the last evaluation."""
    metrics = interval.metrics()
    # A step that fp16 leaves out has an infinite norm by design.
    norm_counts = not trainer.forward.precision.scaler.is_enabled()
    for name in ("train/loss", *(["train/grad_norm"] if norm_counts else [])):
        if not math.isfinite(metrics[name]):
            raise TrainingError(
                f"{name} became {metrics[name]} by step {step}; try a lower optimizer.lr"
            )
    rates = {group["name"]: group["lr"] for group in trainer.optimizer.param_groups}
    return {
        "epoch": epochs,
        "step": float(step),
        "train/lr": max(rates.values()),
        **metrics,
        **peak_memory(trainer.forward.device),
    }
