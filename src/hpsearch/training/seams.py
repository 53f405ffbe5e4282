"""Seams: what the loop needs of examples, and of what runs them through a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from hpsearch.models import Classifier
from hpsearch.training.loss import ClassificationLoss
from hpsearch.training.plan import Rows
from hpsearch.training.precision import Precision

__all__ = ["Runs", "Split", "backward", "by_length", "pieces"]


class Split(Protocol):
    """The examples of a split: :class:`Tokens`, or the :class:`Features` of a frozen backbone."""

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class indices, shape (n,)."""

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each row, shape (n,)."""

    def lengths_of(self, rows: Rows) -> npt.NDArray[np.int64]:
        """Tokens of these rows."""

    def __len__(self) -> int: ...


class Runs(Protocol):
    """A model with what it takes to run rows of a split through it."""

    model: Classifier
    precision: Precision
    device: torch.device

    def arranged(self, split: Any, rows: Rows, /) -> Rows:
        """The rows in the order in which they go through the model."""

    def first(self, split: Any, rows: Rows, /, *, size: int) -> Rows:
        """Those of the first rows that go through it together."""

    def batch(self, split: Any, rows: Rows, /) -> Any:
        """These rows on the device; the batch has their ``labels``."""

    def logits(self, batch: Any, /) -> torch.Tensor:
        """(batch, classes), in the precision's format."""

    def backward(self, batch: Any, loss: ClassificationLoss, divisor: float, /) -> torch.Tensor:
        """Add the gradient of the batch's loss over ``divisor``, which is returned, a scalar."""


def backward(forward: Runs, batch: Any, loss: ClassificationLoss, divisor: float) -> torch.Tensor:
    """:meth:`Runs.backward` by autograd; the gradient is scaled where the precision asks for it."""
    value = loss(forward.logits(batch), batch.labels) / divisor
    forward.precision.scaler.scale(value).backward()
    detached: torch.Tensor = value.detach()
    return detached


def by_length(split: Split, rows: Rows) -> Rows:
    """The rows from the shortest text to the longest."""
    return rows[np.argsort(split.lengths_of(rows), kind="stable")]


def pieces(forward: Runs, split: Split, rows: Rows, *, size: int) -> Iterator[Rows]:
    """The rows that go through the model together, one piece after the other."""
    rows = forward.arranged(split, rows)
    while len(rows):
        piece = forward.first(split, rows, size=size)
        yield piece
        rows = rows[len(piece) :]
