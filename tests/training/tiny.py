"""A trainer and a plan so small that a training takes milliseconds."""

from __future__ import annotations

from typing import Any

import torch

from hpsearch.models import ClassificationHead, Classifier, CnnBackbone
from hpsearch.training import (
    ClassificationLoss,
    Forward,
    Plan,
    Precision,
    Sizes,
    Trainer,
    build_optimizer,
    build_schedule,
)

__all__ = ["CPU", "PLAN", "trainer", "weights"]

CPU = torch.device("cpu")
PLAN = Plan(
    epochs=4,
    max_steps=None,
    batch_size=4,
    eval_every=None,
    patience=None,
    metric="val/accuracy",
    clip_norm=None,
    seed=0,
)


def cnn(*, dropout: float = 0.0) -> CnnBackbone:
    return CnnBackbone(
        vocab_size=20,
        pad_id=0,
        embedding_dim=8,
        num_filters=8,
        filter_widths=[1, 2],
        embedding_dropout=dropout,
    )


def trainer(
    *,
    lr: float = 1e-2,
    smoothing: float = 0.0,
    dropout: float = 0.0,
    precision: str = "fp32",
    backbone: Any = None,
    schedule: str = "constant",
) -> Trainer:
    """A CNN of 20 words unless told otherwise, class weights 1 and 3, micro-batches of 4."""
    torch.manual_seed(0)
    backbone = backbone or cnn(dropout=dropout)
    head = ClassificationHead(
        backbone.out_dim, 2, dim=4, activation="tanh", dropout=dropout, init="auto"
    )
    forward = Forward(Classifier(backbone, head), Precision(precision, CPU), CPU, 0)
    optimizer = build_optimizer(forward.model, lr=lr, weight_decay=0.01, backbone_lr_scale=1.0)
    rates = build_schedule(optimizer, name=schedule, warmup=0, total_steps=100)
    loss = ClassificationLoss(label_smoothing=smoothing, weights=[1, 3])
    return Trainer(forward, optimizer, rates, loss, Sizes(4, 2))


def weights(made: Trainer) -> list[torch.Tensor]:
    return [p.detach().clone() for p in made.forward.model.parameters()]
