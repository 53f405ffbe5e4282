"""The forward pass, the same in training, evaluation and prediction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from hpsearch.data.batches import Batch, PackedBatch, Tokens
from hpsearch.errors import PreemptedError
from hpsearch.models import Classifier
from hpsearch.timing import phase
from hpsearch.training.loss import ClassificationLoss
from hpsearch.training.memory import until_it_fits
from hpsearch.training.plan import Rows
from hpsearch.training.precision import Precision
from hpsearch.training.seams import Runs, Split, backward, by_length
from hpsearch.training.sizes import Sizes

__all__ = ["Forward", "StopRequested", "evaluate", "in_order"]

# Asked between batches and steps: whether to end now, before more is computed.
StopRequested = Callable[[], bool]


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

    def arranged(self, tokens: Tokens, rows: Rows) -> Rows:
        """The rows by length, unless they are to be padded as they come."""
        return rows if self.batching == "padded" else by_length(tokens, rows)

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
            logits = self.model.head(self._vectors(batch))
        assert isinstance(logits, torch.Tensor)
        return logits

    def backward(
        self, batch: Batch | PackedBatch, loss: ClassificationLoss, divisor: float
    ) -> torch.Tensor:
        """Add the gradient of the batch's loss over ``divisor``, which is returned, a scalar."""
        return backward(self, batch, loss, divisor)

    def vectors(self, batch: Batch | PackedBatch) -> torch.Tensor:
        """The backbone's (batch, out_dim), in the precision's format."""
        with self.precision.autocast():
            return self._vectors(batch)

    def _vectors(self, batch: Batch | PackedBatch) -> torch.Tensor:
        backbone: Any = self.model.backbone
        if isinstance(batch, PackedBatch):
            vectors = backbone.packed(batch.input_ids, batch.packing)
        else:
            vectors = backbone(batch.input_ids, batch.attention_mask)
        assert isinstance(vectors, torch.Tensor)
        return vectors


@phase("evaluate")
def evaluate(
    forward: Runs, split: Split, *, sizes: Sizes, stop_requested: StopRequested = lambda: False
) -> torch.Tensor:
    """Logits (n, classes) of every row, in float32 on the CPU, in the rows' order.

    Raises:
        PreemptedError: it was to stop.
        TooLargeError: not even one row fits into memory.
    """
    return in_order(forward, split, sizes=sizes, call=forward.logits, stop_requested=stop_requested)


@torch.inference_mode()
def in_order(
    forward: Runs,
    split: Split,
    *,
    sizes: Sizes,
    call: Callable[[Any], torch.Tensor],
    stop_requested: StopRequested = lambda: False,
) -> torch.Tensor:
    """What ``call`` gives for every row (n, …), in float32 on the CPU, in the rows' order.

    Rows go through the model by length, so that hardly any padding is computed.
    """
    forward.model.eval()
    order = forward.arranged(split, np.arange(len(split)))

    def first(rows: Rows) -> torch.Tensor:
        piece = forward.first(split, rows, size=sizes.eval_batch_size)
        return call(forward.batch(split, piece))

    parts: list[torch.Tensor] = []
    done = 0
    while done < len(order):
        if stop_requested():
            raise PreemptedError(f"told to stop after {done} of {len(order)} texts")
        rest = order[done:]
        part = until_it_fits(
            lambda rest=rest: first(rest),  # type: ignore[misc]
            shrink=lambda reason, rest=rest: sizes.shrink_evaluation(  # type: ignore[misc]
                reason, rows=len(rest)
            ),
        )
        parts.append(part.float())
        done += len(part)
    arranged = torch.cat(parts).cpu()
    found = torch.empty_like(arranged)
    found[torch.from_numpy(order)] = arranged
    return found
