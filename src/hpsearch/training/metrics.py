"""Metrics of a split, from all of its logits at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

__all__ = ["HIGHER_IS_BETTER", "classification_metrics", "is_better"]

HIGHER_IS_BETTER = {"val/accuracy": True, "val/f1": True, "val/loss": False}


def classification_metrics(logits: torch.Tensor, labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """Loss (nats an example), accuracy and macro F1 of logits (n, classes), labels (n,).

    The loss is the plain cross-entropy, without smoothing or weights, so that runs which differ in
    these can be compared.
    """
    from sklearn.metrics import f1_score

    predicted = logits.argmax(dim=1).numpy()
    loss = F.cross_entropy(logits.double(), torch.from_numpy(labels))
    return {
        "loss": float(loss),
        "accuracy": float((predicted == labels).mean()),
        "f1": float(f1_score(labels, predicted, average="macro", zero_division=0.0)),
    }


def is_better(metric: str, value: float, than: float | None) -> bool:
    """Whether ``value`` improves on the best so far; the first value does, NaN never does."""
    if value != value:
        return False
    if than is None:
        return True
    return value > than if HIGHER_IS_BETTER[metric] else value < than
