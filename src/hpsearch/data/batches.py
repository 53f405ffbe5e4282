"""Batches: rows of ragged token arrays, packed into one or padded to the longest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hpsearch.data.packing import Packing

__all__ = ["Batch", "PackedBatch", "Tokens", "epoch_order"]


@dataclass(frozen=True)
class Batch:
    """One padded batch.

    ``input_ids`` (batch, length) int64, ``attention_mask`` (batch, length) int64 with 1 at real
    tokens, ``labels`` (batch,) int64.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        """A copy on the device; from pinned memory it does not wait for the copy to end."""
        if device.type == "cpu":
            return self
        tensors = (self.input_ids, self.attention_mask, self.labels)
        return Batch(*(t.pin_memory().to(device, non_blocking=True) for t in tensors))


@dataclass(frozen=True)
class PackedBatch:
    """Texts one after another: ``input_ids`` (1, tokens) int64, ``labels`` (texts,) int64."""

    input_ids: torch.Tensor
    packing: Packing
    labels: torch.Tensor

    def to(self, device: torch.device) -> PackedBatch:
        """A copy on the device; from pinned memory it does not wait for the copy to end."""
        if device.type == "cpu":
            return self
        tensors = (self.input_ids, self.labels)
        ids, labels = (t.pin_memory().to(device, non_blocking=True) for t in tensors)
        return PackedBatch(ids, self.packing, labels)


@dataclass(frozen=True)
class Tokens:
    """All texts of a split: row i is ``values[offsets[i]:offsets[i + 1]]``.

    ``values`` (tokens,) int32, ``offsets`` (n + 1,) integers, ``labels`` (n,) int64.
    """

    values: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.integer]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each row, shape (n,)."""
        return np.diff(self.offsets).astype(np.int64)

    def take(self, rows: npt.NDArray[np.int64]) -> Tokens:
        """The same rows only, in this order."""
        parts = [self.values[self.offsets[row] : self.offsets[row + 1]] for row in rows]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        return Tokens(np.concatenate(parts), offsets, self.labels[rows])

    def batch(self, rows: npt.NDArray[np.int64], *, pad_id: int, multiple_of: int = 1) -> Batch:
        """Rows padded with ``pad_id`` to the longest of them, rounded up to a multiple."""
        lengths = self.lengths_of(rows)
        width = -(-int(lengths.max()) // multiple_of) * multiple_of
        mask = np.arange(width) < lengths[:, None]
        ids = np.full(mask.shape, pad_id, dtype=np.int64)
        ids[mask] = self._joined(rows)
        return Batch(
            torch.from_numpy(ids),
            torch.from_numpy(mask.astype(np.int64)),
            torch.from_numpy(self.labels[rows]),
        )

    def packed(self, rows: npt.NDArray[np.int64]) -> PackedBatch:
        """Rows one after another, without padding."""
        return PackedBatch(
            torch.from_numpy(self._joined(rows).astype(np.int64)).unsqueeze(0),
            Packing.of(self.lengths_of(rows).tolist()),
            torch.from_numpy(self.labels[rows]),
        )

    def _joined(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        return np.concatenate(
            [self.values[self.offsets[row] : self.offsets[row + 1]] for row in rows]
        )

    def lengths_of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return (self.offsets[rows + 1] - self.offsets[rows]).astype(np.int64)


def epoch_order(n: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """The order of ``n`` examples in an epoch: a function of seed and epoch alone.

    So a resumed run needs no record of the shuffling, only its position inside the epoch.
    """
    return np.random.default_rng([seed, epoch]).permutation(n)
