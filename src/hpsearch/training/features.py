"""A frozen backbone computed once: training and evaluation run the head alone, on its vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hpsearch.data.batches import Tokens
from hpsearch.models import ClassificationHead, Classifier
from hpsearch.timing import phase
from hpsearch.training.forward import Forward, StopRequested, in_order
from hpsearch.training.head_gradient import add_gradient
from hpsearch.training.loss import ClassificationLoss
from hpsearch.training.plan import Rows
from hpsearch.training.precision import Precision
from hpsearch.training.seams import backward, by_length
from hpsearch.training.sizes import Sizes

__all__ = ["FeatureBatch", "Features", "HeadForward", "Precomputed", "embed"]


@dataclass(frozen=True)
class FeatureBatch:
    """``vectors`` (batch, dim) float32 and ``labels`` (batch,) int64."""

    vectors: torch.Tensor
    labels: torch.Tensor


@dataclass(frozen=True)
class Features:
    """What a frozen backbone makes of a split, with the lengths of its texts.

    ``vectors`` (n, dim) float32, which may lie on the disk (memory-mapped); ``labels`` and
    ``lengths`` (n,) int64. The lengths keep the order of a step's rows that tokens have.
    """

    vectors: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def lengths_of(self, rows: Rows) -> npt.NDArray[np.int64]:
        return self.lengths[rows]


class Precomputed(nn.Module):
    """Stands where the backbone would, so that head and checkpoints keep their names."""

    pad_multiple = 1

    def __init__(self, out_dim: int) -> None:
        super().__init__()
        self.out_dim = out_dim

    def enable_packing(self) -> bool:
        """There are no texts any more."""
        return False

    def enable_gradient_checkpointing(self) -> bool:
        """There are no layers to recompute."""
        return False

    def save_pretrained(self, folder: Path) -> NoReturn:
        raise NotImplementedError("the backbone's own files are kept beside its features")


@dataclass
class HeadForward:
    """A head on its device, run on vectors as it would be behind the backbone."""

    model: Classifier
    precision: Precision
    device: torch.device

    def arranged(self, features: Features, rows: Rows) -> Rows:
        """As the texts would go through the backbone."""
        return by_length(features, rows)

    def first(self, features: Features, rows: Rows, *, size: int) -> Rows:
        return rows[:size]

    def batch(self, features: Features, rows: Rows) -> FeatureBatch:
        """The rows, on the device."""
        vectors = torch.from_numpy(features.vectors[rows])
        labels = torch.from_numpy(features.labels[rows])
        return FeatureBatch(vectors.to(self.device), labels.to(self.device))

    def logits(self, batch: FeatureBatch) -> torch.Tensor:
        """(batch, classes), in the precision's format."""
        with self.precision.autocast():
            logits = self.model.head(batch.vectors)
        assert isinstance(logits, torch.Tensor)
        return logits

    def backward(
        self, batch: FeatureBatch, loss: ClassificationLoss, divisor: float
    ) -> torch.Tensor:
        """Add the gradient of the batch's loss over ``divisor``, which is returned, a scalar."""
        head = self.model.head
        if self.device.type != "cpu" or self.precision.dtype is not None:
            return backward(self, batch, loss, divisor)
        assert isinstance(head, ClassificationHead)

        def gradient(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            value, change = loss.with_gradient(logits, batch.labels)
            return value / divisor, change.div_(divisor)

        return add_gradient(head, batch.vectors, gradient)


@phase("features")
def embed(
    forward: Forward, tokens: Tokens, *, sizes: Sizes, stop_requested: StopRequested = lambda: False
) -> torch.Tensor:
    """The backbone's vectors (n, out_dim) of every row, in float32 on the CPU, in their order.

    Raises:
        PreemptedError: it was to stop.
        TooLargeError: not even one row fits into memory.
    """
    return in_order(
        forward, tokens, sizes=sizes, call=forward.vectors, stop_requested=stop_requested
    )
