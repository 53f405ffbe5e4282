"""The forward pass, the same in training, evaluation and prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hpsearch.data.batches import Batch, Tokens
from hpsearch.models import Classifier
from hpsearch.training.plan import pieces
from hpsearch.training.precision import Precision

__all__ = ["Forward", "evaluate"]


@dataclass
class Forward:
    """A model, with what it takes to run rows of tokens through it."""

    model: Classifier
    precision: Precision
    device: torch.device
    pad_id: int

    def batch(self, tokens: Tokens, rows: npt.NDArray[np.int64]) -> Batch:
        """The padded rows, on the device."""
        batch = tokens.batch(rows, pad_id=self.pad_id, multiple_of=self.model.pad_multiple)
        return batch.to(self.device)

    def logits(self, batch: Batch) -> torch.Tensor:
        """(batch, classes), in the precision's format."""
        with self.precision.autocast():
            logits = self.model(batch.input_ids, batch.attention_mask)
        assert isinstance(logits, torch.Tensor)
        return logits


@torch.inference_mode()
def evaluate(forward: Forward, tokens: Tokens, *, batch_size: int) -> torch.Tensor:
    """Logits (n, classes) of every row, in float32 on the CPU, in the rows' order.

    Rows go through the model by length, so that hardly any padding is computed.
    """
    forward.model.eval()
    order = np.argsort(tokens.lengths, kind="stable")
    parts = [
        forward.logits(forward.batch(tokens, rows)).float() for rows in pieces(order, batch_size)
    ]
    by_length = torch.cat(parts).cpu()
    logits = torch.empty_like(by_length)
    logits[torch.from_numpy(order)] = by_length
    return logits
