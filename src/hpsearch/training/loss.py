"""The loss, as a sum and its divisor, so that a batch may be cut into micro-batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["ClassificationLoss", "class_weights"]


class ClassificationLoss(nn.Module):
    """Cross-entropy with label smoothing (Szegedy et al. 2016) and class weights.

    ``sum over micro-batches / divisor(all labels)`` equals torch's weighted mean over the whole
    batch, whatever the cut.

    Args:
        label_smoothing: share of the target in [0, 1) spread evenly over the classes.
        weights: one weight a class, or None.
    """

    weights: torch.Tensor | None

    def __init__(self, *, label_smoothing: float, weights: Sequence[float] | None) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        tensor = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.register_buffer("weights", tensor, persistent=False)
        self._targets: torch.Tensor | None = None
        self._host_weights = None if weights is None else np.asarray(weights)

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The summed loss, a scalar, of logits (batch, classes) and labels (batch,)."""
        return F.cross_entropy(
            logits.float(),
            labels,
            weight=self.weights,
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )

    @torch.no_grad()
    def with_gradient(
        self, logits: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The summed loss, and its gradient (batch, classes) with respect to the logits.

        Both are functions of what the probabilities are compared with, a row a class: its weight,
        of which smoothing spreads a share over all classes.
        """
        if self._targets is None or len(self._targets) != logits.shape[1]:
            self._targets = self._make_targets(logits.shape[1])
        targets = self._targets[labels]
        logs = logits.float().log_softmax(dim=1)
        total = targets.sum(dim=1, keepdim=True)
        return -(logs * targets).sum(), logs.exp().mul_(total).sub_(targets)

    def _make_targets(self, classes: int) -> torch.Tensor:
        weights = torch.ones(classes) if self.weights is None else self.weights
        own = torch.diag(weights * (1.0 - self.label_smoothing))
        return own + weights * (self.label_smoothing / classes)

    def divisor(self, labels: npt.NDArray[np.int64]) -> float:
        """What the sum is divided by: the number of examples, or the sum of their weights."""
        if self._host_weights is None:
            return float(len(labels))
        return float(self._host_weights[labels].sum())


def class_weights(labels: npt.NDArray[np.int64], *, num_classes: int) -> list[float]:
    """``n / (classes · count)`` a class, so that every class weighs the same in the loss."""
    counts = np.bincount(labels, minlength=num_classes)
    return [float(len(labels) / (num_classes * count)) for count in counts]
