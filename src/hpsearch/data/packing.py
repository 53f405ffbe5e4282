"""Packing: texts one after another in a single row, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, groupby
from typing import NamedTuple

import torch

__all__ = ["Packing", "Run"]


class Run(NamedTuple):
    """Neighbouring texts of the same length."""

    first: int  # token of the first text
    texts: int
    length: int

    @property
    def tokens(self) -> slice:
        return slice(self.first, self.first + self.texts * self.length)


@dataclass(frozen=True)
class Packing:
    """Where the texts of a row lie; ``lengths`` has one number of tokens a text, each above 0."""

    lengths: tuple[int, ...]
    _boundaries: dict[torch.device, torch.Tensor] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Packing:
        return cls(tuple(lengths))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first token of each text."""
        return tuple(accumulate(self.lengths[:-1], initial=0))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """Neighbours of one length together, so that they are computed together."""
        groups = [(length, len(list(same))) for length, same in groupby(self.lengths)]
        starts = accumulate((length * count for length, count in groups[:-1]), initial=0)
        return tuple(Run(s, n, length) for s, (length, n) in zip(starts, groups, strict=True))

    def positions(self, *, first: int, device: torch.device) -> torch.Tensor:
        """(1, tokens) int64: each token's place in its text, counted from ``first``."""
        parts = [torch.arange(first, first + length) for length in self.lengths]
        return torch.cat(parts).unsqueeze(0).to(device, non_blocking=True)

    def boundaries(self, device: torch.device) -> torch.Tensor:
        """(texts + 1,) int64: where each text begins, and the end; all layers share one tensor."""
        if device not in self._boundaries:
            ends = tuple(accumulate(self.lengths, initial=0))
            self._boundaries[device] = torch.tensor(ends).to(device, non_blocking=True)
        return self._boundaries[device]
