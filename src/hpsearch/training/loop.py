"""The training loop: plain torch, one verb a function."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

import torch

from hpsearch.errors import DivergedError, PreemptedError
from hpsearch.timing import phase
from hpsearch.training.checkpoint import Checkpoints
from hpsearch.training.divergence import check_finite, check_weights, diverged, roll_back
from hpsearch.training.forward import StopRequested, evaluate
from hpsearch.training.interval import Interval
from hpsearch.training.memory import peak_memory
from hpsearch.training.metrics import classification_metrics
from hpsearch.training.plan import Plan, Rows
from hpsearch.training.seams import Split
from hpsearch.training.state import State, Trainer, capture, restore
from hpsearch.training.step import train_step

__all__ = ["fit"]

log = logging.getLogger(__name__)

# Called after each evaluation with the resource spent (epochs, or optimiser steps where evaluation
# goes by steps) and the metrics; it may raise to end the training, for example to prune.
Report = Callable[[int, dict[str, float]], None]
# Called once, with the evaluations so far of a training that is taken up again.
Resumed = Callable[[list[dict[str, float]]], None]
# Called with the step and metrics of each evaluation that is the best so far, while the model is as
# it was evaluated.
KeepBest = Callable[[int, dict[str, float]], None]
# Wraps the batches, of which it is told the number, in a progress bar.
Progress = Callable[[Iterable[Rows], int], Iterable[Rows]]

# Reading a figure makes the GPU wait; so there a divergence is seen up to so many steps late.
STEPS_BETWEEN_LOOKS = {"cpu": 1, "cuda": 25}


@dataclass(frozen=True)
class _Loop:
    trainer: Trainer
    plan: Plan
    train: Split
    val: Split
    keep_best: KeepBest
    report: Report
    resumed: Resumed
    progress: Progress
    checkpoints: Checkpoints | None
    stop_requested: StopRequested


@phase("train")
def fit(
    trainer: Trainer,
    plan: Plan,
    *,
    train: Split,
    val: Split,
    keep_best: KeepBest,
    report: Report,
    resumed: Resumed = lambda history: None,
    progress: Progress = lambda batches, total: batches,
    checkpoints: Checkpoints | None = None,
    stop_requested: StopRequested = lambda: False,
) -> State:
    """Train to the plan's end, evaluating as it says; from the newest checkpoint, if there is one.

    Raises:
        DivergedError: the loss or the gradient's norm is NaN or infinite.
        PreemptedError: it was to stop; a checkpoint is written.
        TooLargeError: not even one example fits into memory.
    """
    told = (keep_best, report, resumed, progress)
    loop = _Loop(trainer, plan, train, val, *told, checkpoints, stop_requested)
    state = _begin(loop)
    while True:
        try:
            _run(loop, state)
        except DivergedError as error:
            state = roll_back(
                loop.trainer, state, error, checkpoints=loop.checkpoints, most=plan.max_rollbacks
            )
            _keep(loop, state)
        else:
            return state


def _begin(loop: _Loop) -> State:
    captured = loop.checkpoints.read() if loop.checkpoints else None
    if captured is None:
        state = State()
        if loop.plan.max_rollbacks:
            _keep(loop, state)  # to come back to
        return state
    state = restore(loop.trainer, captured)
    total = loop.plan.total_steps(len(loop.train))
    log.info("going on after step %d of %d", state.step, total)
    loop.resumed(list(state.fit.history))
    return state


def _run(loop: _Loop, state: State) -> None:
    """Train from where the state stands."""
    plan, n = loop.plan, len(loop.train)
    if state.interval.rows and plan.evaluates_after(state.step, n):
        _evaluate(loop, state)  # it was told to stop between this step and its evaluation
    left = plan.total_steps(n) - state.step
    for rows in loop.progress(plan.batches(n, after=state.step), left):
        if state.fit.stopped_early:
            return
        if loop.stop_requested():
            _leave(loop, state)
        _step(loop, state, rows)
        if plan.evaluates_after(state.step, n):
            check_finite(loop.trainer, state)
            _evaluate(loop, state)
        elif loop.checkpoints and loop.checkpoints.due(state.step):
            check_finite(loop.trainer, state)
            _keep(loop, state)


def _step(loop: _Loop, state: State, rows: Rows) -> None:
    trainer, train = loop.trainer, loop.train
    loss, norm = train_step(trainer, train, rows, clip_norm=loop.plan.clip_norm)
    state.step += 1
    state.interval.add(loss, norm, rows=rows, tokens=int(train.lengths_of(rows).sum()))
    if state.step % STEPS_BETWEEN_LOOKS.get(trainer.forward.device.type, 1) == 0:
        check_finite(trainer, state)


def _evaluate(loop: _Loop, state: State) -> None:
    """Validate, keep the model if it is the best so far, keep the state, report."""
    plan = loop.plan
    metrics = _training_metrics(loop, state)
    logits = _validate(loop, state)
    values = classification_metrics(logits, loop.val.labels)
    metrics |= {f"val/{name}": value for name, value in values.items()}
    if not math.isfinite(metrics["val/loss"]):
        raise diverged("val/loss", metrics["val/loss"], state.step)
    if state.fit.record(metrics, plan.metric):
        state.fit.best_probabilities = logits.softmax(dim=1).numpy()
        loop.keep_best(state.step, metrics)
    if plan.patience is not None and state.fit.without_better >= plan.patience:
        state.fit.stopped_early = True
    state.interval = Interval()
    if loop.checkpoints and loop.checkpoints.due_at_evaluation(state.step):
        _keep(loop, state)  # before the report: what others have been told is not taken back
    loop.report(_resource(plan, metrics), metrics)
    state.interval.started = time.perf_counter()


def _validate(loop: _Loop, state: State) -> torch.Tensor:
    """The logits (n, classes) of the validation split."""
    forward, sizes = loop.trainer.forward, loop.trainer.sizes
    began = time.perf_counter()
    try:
        return evaluate(forward, loop.val, sizes=sizes, stop_requested=loop.stop_requested)
    except PreemptedError:
        state.interval.pause(time.perf_counter() - began)
        _leave(loop, state)


def _leave(loop: _Loop, state: State) -> NoReturn:
    """End as asked, with a checkpoint of this step."""
    checkpoints = loop.checkpoints
    if checkpoints and state.step not in (0, *checkpoints.steps()[-1:]):
        check_finite(loop.trainer, state)
        _keep(loop, state)
    kept = checkpoints.steps()[-1:] if checkpoints else []
    place = f"from step {kept[0]}" if kept else "from the start"
    total = loop.plan.total_steps(len(loop.train))
    raise PreemptedError(
        f"told to stop after step {state.step} of {total}; the same command goes on {place}"
    ) from None


@phase("checkpoint")
def _keep(loop: _Loop, state: State) -> None:
    """Write a checkpoint, unless the weights are such as nobody wants back."""
    if loop.checkpoints is not None:
        check_weights(loop.trainer, state)
        began = time.perf_counter()
        captured = capture(loop.trainer, state)
        loop.checkpoints.write(captured, step=state.step, best=state.fit.best_step)
        state.interval.pause(time.perf_counter() - began)


def _training_metrics(loop: _Loop, state: State) -> dict[str, float]:
    """The figures of the training since the last evaluation."""
    rates = [group["lr"] for group in loop.trainer.optimizer.param_groups]
    return {
        "epoch": state.step / loop.plan.steps_per_epoch(len(loop.train)),
        "step": float(state.step),
        "train/lr": max(rates),
        **state.interval.metrics(),
        **peak_memory(loop.trainer.forward.device),
    }


def _resource(plan: Plan, metrics: dict[str, float]) -> int:
    return math.ceil(metrics["epoch"]) if plan.eval_every is None else int(metrics["step"])
