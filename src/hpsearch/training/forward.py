"""The forward pass, the same in training, evaluation and prediction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from hpsearch.data.batches import Batch, PackedBatch, Tokens
from hpsearch.models import Classifier
from hpsearch.training.memory import until_it_fits
from hpsearch.training.plan import Rows
from hpsearch.training.precision import Precision
from hpsearch.training.sizes import Sizes

__all__ = ["Forward", "evaluate"]


@dataclass
class Forward:
    """A model, with what it takes to run rows of tokens through it.

    Attributes:
        batching: how texts of unequal length go through the model together.

            ``packed``: one after another in a single row, without padding; the model must allow it
            (:meth:`Classifier.enable_packing`). ``bucketed``: padded, those of like length
            together. ``padded``: padded, in the order in which they come.
        max_length: tokens of the longest text; so many an example may be packed into one row.
    """

    model: Classifier
    precision: Precision
    device: torch.device
    pad_id: int
    batching: str = "bucketed"
    max_length: int = 1

    def pieces(self, tokens: Tokens, rows: Rows, *, size: int) -> Iterator[Rows]:
        """Rows that go through the model together, one piece after the other."""
        rows = self.arranged(tokens, rows)
        while len(rows):
            piece = self.first(tokens, rows, size=size)
            yield piece
            rows = rows[len(piece) :]

    def arranged(self, tokens: Tokens, rows: Rows) -> Rows:
        """The rows by length, unless they are to be padded as they come."""
        if self.batching == "padded":
            return rows
        return rows[np.argsort(tokens.lengths_of(rows), kind="stable")]

    def first(self, tokens: Tokens, rows: Rows, *, size: int) -> Rows:
        """As many of the first rows as go through the model together: ``size`` examples.

        Packed, it is as many as have together no more tokens than ``size`` of the longest texts.
        """
        if self.batching != "packed":
            return rows[:size]
        ends = np.cumsum(tokens.lengths_of(rows))
        return rows[: max(1, int(np.searchsorted(ends, size * self.max_length, side="right")))]

    def batch(self, tokens: Tokens, rows: Rows) -> Batch | PackedBatch:
        """The rows, on the device."""
        if self.batching == "packed":
            return tokens.packed(rows).to(self.device)
        batch = tokens.batch(rows, pad_id=self.pad_id, multiple_of=self.model.pad_multiple)
        return batch.to(self.device)

    def logits(self, batch: Batch | PackedBatch) -> torch.Tensor:
        """(batch, classes), in the precision's format."""
        with self.precision.autocast():
            if isinstance(batch, PackedBatch):
                return self.model.packed(batch.input_ids, batch.packing)
            logits = self.model(batch.input_ids, batch.attention_mask)
        assert isinstance(logits, torch.Tensor)
        return logits


@torch.inference_mode()
def evaluate(forward: Forward, tokens: Tokens, *, sizes: Sizes) -> torch.Tensor:
    """Logits (n, classes) of every row, in float32 on the CPU, in the rows' order.

    Rows go through the model by length, so that hardly any padding is computed. Raises
    :class:`TooLargeError` where not even one row fits into memory.
    """
    forward.model.eval()
    order = forward.arranged(tokens, np.arange(len(tokens)))
    parts: list[torch.Tensor] = []
    done = 0
    while done < len(order):
        rest = order[done:]
        part = until_it_fits(
            lambda rest=rest: _first_logits(forward, tokens, rest, sizes),  # type: ignore[misc]
            shrink=lambda reason, rest=rest: sizes.shrink_evaluation(  # type: ignore[misc]
                reason, rows=len(rest)
            ),
        )
        parts.append(part.float())
        done += len(part)
    arranged = torch.cat(parts).cpu()
    logits = torch.empty_like(arranged)
    logits[torch.from_numpy(order)] = arranged
    return logits


def _first_logits(forward: Forward, tokens: Tokens, rows: Rows, sizes: Sizes) -> torch.Tensor:
    piece = forward.first(tokens, rows, size=sizes.eval_batch_size)
    return forward.logits(forward.batch(tokens, piece))
