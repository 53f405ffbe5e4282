"""The texts of a batch, laid one after another without their padding."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch

from hpsearch.data.packing import Packing

__all__ = ["Texts"]


@dataclass(frozen=True, eq=False)
class Texts:
    """Where the real tokens of a padded batch are, and where they lie when packed.

    Attributes:
        lengths: real tokens of each text, each above 0.
        padded_length: what every text of the batch was padded to.
        device: where the batch is.
        masks: of windows, kept for the layers that come after, by window and type.
    """

    lengths: tuple[int, ...]
    padded_length: int
    device: torch.device
    masks: dict[tuple[int, torch.dtype], torch.Tensor] = field(default_factory=dict)

    @classmethod
    def packed(cls, packing: Packing, device: torch.device) -> Texts:
        """Of texts that have no padding already."""
        return cls(packing.lengths, max(packing.lengths), device)

    @classmethod
    def of(
        cls, attention_mask: torch.Tensor | None, global_attention_mask: torch.Tensor | None
    ) -> Texts:
        """From masks (batch, length) of 0 and 1.

        Raises:
            ValueError: no masks, padding before the end, or global attention on other than the
                first tokens.
        """
        if attention_mask is None or global_attention_mask is None:
            raise ValueError("attention_mask and global_attention_mask are needed")
        real = attention_mask.bool()
        lengths = real.sum(1)
        places = torch.arange(real.shape[1], device=real.device)
        fits = (real == (places < lengths[:, None])).all() & (lengths > 0).all()
        first = ((global_attention_mask != 0) == (places == 0)).all()
        # One read, so that a GPU is waited for once a forward.
        *read, fits_, first_ = torch.cat([lengths, torch.stack([fits, first]).long()]).tolist()
        if not fits_:
            raise ValueError("each text must have a token, and its padding at its end")
        if not first_:
            raise ValueError("global attention must be on each text's first token, and no other")
        return cls(tuple(read), real.shape[1], real.device)

    @property
    def tokens(self) -> int:
        return sum(self.lengths)

    @cached_property
    def text(self) -> torch.Tensor:
        """(tokens,) int64: which text each packed token is of."""
        numbers = torch.arange(len(self.lengths))
        return numbers.repeat_interleave(torch.tensor(self.lengths)).to(self.device)

    @cached_property
    def starts(self) -> torch.Tensor:
        """(texts,) int64: the place of each text's first token."""
        lengths = torch.tensor(self.lengths)
        return (lengths.cumsum(0) - lengths).to(self.device)

    @cached_property
    def others(self) -> torch.Tensor:
        """(texts, 1, tokens) bool: True where a token is of another text."""
        numbers = torch.arange(len(self.lengths), device=self.device)
        return (self.text != numbers[:, None]).unsqueeze(1)

    def pack(self, states: torch.Tensor) -> torch.Tensor:
        """(texts, padded length, dim) to (1, tokens, dim)."""
        states = states.flatten(0, 1)
        return (states if self._whole else states.index_select(0, self._places)).unsqueeze(0)

    def unpack(self, states: torch.Tensor) -> torch.Tensor:
        """(1, tokens, dim) to (texts, padded length, dim), zeros for padding."""
        shape = (len(self.lengths), self.padded_length)
        if self._whole:
            return states[0].reshape(*shape, -1)
        padded = states.new_zeros(shape[0] * shape[1], states.shape[2])
        return padded.index_copy(0, self._places, states[0]).view(*shape, -1)

    @property
    def _whole(self) -> bool:
        return self.tokens == len(self.lengths) * self.padded_length

    @cached_property
    def _places(self) -> torch.Tensor:
        """(tokens,) int64: each packed token's place among the padded ones."""
        places = torch.arange(self.tokens, device=self.device) - self.starts[self.text]
        return places + self.text * self.padded_length
