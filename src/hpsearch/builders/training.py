"""How a configuration is trained: plan, sizes, checkpoints, loss, optimiser and schedule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from omegaconf import DictConfig, OmegaConf

from hpsearch.builders.forwards import device_of
from hpsearch.builders.models import ENCODERS
from hpsearch.config import seconds
from hpsearch.errors import ConfigError
from hpsearch.timing import phase
from hpsearch.training import (
    Checkpoints,
    ClassificationLoss,
    Plan,
    Runs,
    Sizes,
    Split,
    Trainer,
    build_optimizer,
    build_schedule,
    class_weights,
)

__all__ = [
    "build_checkpoints",
    "build_head_sizes",
    "build_plan",
    "build_sizes",
    "build_trainer",
    "read_class_weights",
]

# A head that starts at random learns at 1e-3 and more, pretrained layers want some 1e-5.
PRETRAINED_LR_SCALE = 0.02
# A head evaluates thousands of vectors at once without noticing.
FEATURES_AT_ONCE = 4096
# Seconds between the checkpoints of evaluations: one takes 15 ms, a head's whole epoch 80.
BETWEEN_EVALUATIONS = 1.0
# Tokens of packed texts that go through an encoder at once on a CPU.
PACKED_TOKENS = 4096


def build_plan(config: DictConfig) -> Plan:
    trainer = config.trainer
    return Plan(
        epochs=trainer.epochs,
        max_steps=trainer.max_steps,
        batch_size=trainer.batch_size * trainer.accumulate,
        eval_every=None if trainer.eval_every == "epoch" else trainer.eval_every,
        patience=trainer.early_stopping.patience,
        metric=trainer.early_stopping.metric,
        clip_norm=trainer.clip_norm,
        seed=config.seed,
        max_rollbacks=trainer.max_rollbacks if trainer.on_divergence == "rollback" else 0,
    )


def build_sizes(config: DictConfig) -> Sizes:
    """The sizes to begin with."""
    trainer = config.trainer
    micro = min(trainer.micro_batch_size or _micro_batch_size(config), trainer.batch_size)
    return Sizes(micro, trainer.eval_batch_size or 2 * micro)


def build_head_sizes(config: DictConfig) -> Sizes:
    """Those of a head alone: whole batches, for there is no padding that pieces would save."""
    trainer = config.trainer
    micro = min(trainer.micro_batch_size or trainer.batch_size, trainer.batch_size)
    return Sizes(micro, trainer.eval_batch_size or FEATURES_AT_ONCE)


def _micro_batch_size(config: DictConfig) -> int:
    """A quarter of a batch on a CPU: texts of like length together are padded half as much.

    Packed ones have no padding, so a piece is as large as pays; each casts the weights anew and
    adds a gradient of the whole vocabulary. A recurrent net pays for each step of the longest text
    instead, and a GPU for each small batch.
    """
    size: int = config.trainer.batch_size
    kind, device = config.backbone.kind, device_of(config.trainer.device)
    if device.type != "cpu" or kind == "rnn":
        return size
    batching = OmegaConf.select(config, "trainer.batching", default="packed")
    packed = batching == "packed" and kind in ENCODERS
    return max(4, size // 4, PACKED_TOKENS // config.backbone.max_length if packed else 0)


def build_checkpoints(
    config: DictConfig, folder: Path, *, check: Callable[[], None] = lambda: None
) -> Checkpoints:
    """In this folder, as often as asked, and at evaluations that are not a moment apart."""
    every = config.checkpoint.every
    by_steps = isinstance(every, int)
    return Checkpoints(
        folder,
        every_steps=every if by_steps else None,
        every_seconds=None if by_steps or every is None else seconds(every),
        min_seconds=BETWEEN_EVALUATIONS,
        check=check,
    )


@phase("model")
def build_trainer(
    config: DictConfig,
    forward: Runs,
    plan: Plan,
    train: Split,
    *,
    num_classes: int,
    sizes: Sizes,
) -> Trainer:
    """Loss, optimiser and schedule around a model that stands on its device."""
    optimizer = build_optimizer(
        forward.model,
        lr=config.optimizer.lr,
        weight_decay=config.optimizer.weight_decay,
        backbone_lr_scale=_backbone_lr_scale(config),
    )
    schedule = build_schedule(
        optimizer,
        name=config.schedule.name,
        warmup=config.schedule.warmup,
        total_steps=plan.total_steps(len(train)),
    )
    loss = ClassificationLoss(
        label_smoothing=config.loss.label_smoothing,
        weights=read_class_weights(config, train.labels, num_classes=num_classes),
    )
    return Trainer(forward, optimizer, schedule, loss.to(forward.device), sizes)


def _backbone_lr_scale(config: DictConfig) -> float:
    scale = config.optimizer.backbone_lr_scale
    if scale == "auto":
        return PRETRAINED_LR_SCALE if config.backbone.kind == "pretrained" else 1.0
    return float(scale)


def read_class_weights(
    config: DictConfig, labels: npt.NDArray[np.int64], *, num_classes: int
) -> list[float] | None:
    """The weights that are asked for, one a class, or None."""
    given = config.loss.class_weights
    if given is None:
        return None
    if given == "balanced":
        return class_weights(labels, num_classes=num_classes)
    if isinstance(given, str | int | float) or len(given) != num_classes or min(given) <= 0:
        raise ConfigError(
            f"loss.class_weights={given}: allowed is null, balanced, or "
            f"{num_classes} numbers above 0"
        )
    return [float(weight) for weight in given]
