"""The forward pass, the same in training, evaluation and prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from hpsearch.data.batches import Batch, Tokens
from hpsearch.models import Classifier
from hpsearch.training.memory import until_it_fits
from hpsearch.training.precision import Precision
from hpsearch.training.sizes import Sizes

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
def evaluate(forward: Forward, tokens: Tokens, *, sizes: Sizes) -> torch.Tensor:
    """Logits (n, classes) of every row, in float32 on the CPU, in the rows' order.

    Rows go through the model by length, so that hardly any padding is computed. Raises
    :class:`TooLargeError` where not even one row fits into memory.
    """
    forward.model.eval()
    order = np.argsort(tokens.lengths, kind="stable")
    parts: list[torch.Tensor] = []
    done = 0
    while done < len(order):
        rest = order[done:]
        part = until_it_fits(
            lambda rest=rest: forward.logits(  # type: ignore[misc]
                forward.batch(tokens, rest[: sizes.eval_batch_size])
            ),
            shrink=lambda reason, rest=rest: sizes.shrink_evaluation(  # type: ignore[misc]
                reason, rows=len(rest)
            ),
        )
        parts.append(part.float())
        done += len(part)
    by_length = torch.cat(parts).cpu()
    logits = torch.empty_like(by_length)
    logits[torch.from_numpy(order)] = by_length
    return logits
