"""Sizes that fit into memory: found by trying, and told to whoever remembers them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from hpsearch.errors import TooLargeError

__all__ = ["Sizes"]

log = logging.getLogger(__name__)


@dataclass
class Sizes:
    """How many examples go through the model at once; smaller changes the memory, not the sums.

    Attributes:
        micro_batch_size: examples of one forward pass in training.
        eval_batch_size: examples of one forward pass in evaluation.
        gradient_checkpointing: whether it was switched on to save memory.
        on_change: told each size that was found.
    """

    micro_batch_size: int
    eval_batch_size: int
    gradient_checkpointing: bool = False
    on_change: Callable[[Sizes], None] = field(default=lambda sizes: None, compare=False)

    def __post_init__(self) -> None:
        self._first = self.micro_batch_size

    def shrink_training(self, reason: str, *, rows: int, checkpointing: Callable[[], bool]) -> None:
        """Halve the micro-batch of a step of so many rows; at one example recompute activations.

        ``checkpointing`` switches that on and tells whether the model can do it.

        Raises:
            TooLargeError: a single example does not fit, with all that saves memory.
        """
        size = min(self.micro_batch_size, rows)
        if size > 1:
            self.micro_batch_size = -(-size // 2)
        elif not self.gradient_checkpointing and checkpointing():
            # It leaves room for many examples again: their number is found from above as before.
            self.gradient_checkpointing, self.micro_batch_size = True, self._first
        else:
            raise TooLargeError(f"out of memory with a single example: {reason}")
        self._tell(f"micro-batches of {self.micro_batch_size}", reason)

    def shrink_evaluation(self, reason: str, *, rows: int) -> None:
        """Halve the batch of an evaluation. Raises :class:`TooLargeError` at one example."""
        size = min(self.eval_batch_size, rows)
        if size == 1:
            raise TooLargeError(f"out of memory in evaluating a single example: {reason}")
        self.eval_batch_size = -(-size // 2)
        self._tell(f"evaluation in batches of {self.eval_batch_size}", reason)

    def as_dict(self) -> dict[str, int | bool]:
        """Of plain values, for a file."""
        return {k: v for k, v in asdict(self).items() if k != "on_change"}

    def lower(self, found: dict[str, int | bool]) -> None:
        """Take over what was found elsewhere, where it is less."""
        self.micro_batch_size = min(self.micro_batch_size, int(found["micro_batch_size"]))
        self.eval_batch_size = min(self.eval_batch_size, int(found["eval_batch_size"]))
        self.gradient_checkpointing |= bool(found["gradient_checkpointing"])

    def _tell(self, what: str, reason: str) -> None:
        also = ", activations recomputed" if self.gradient_checkpointing else ""
        log.warning("out of memory: going on with %s%s (%s)", what, also, reason)
        self.on_change(self)
