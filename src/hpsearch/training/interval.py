"""The training since the last evaluation: its losses, gradient norms and throughput."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hpsearch.training.plan import Rows

__all__ = ["Interval", "spikes"]

# A spike stands out from the steps just before it by so many of their robust standard deviations.
WINDOW, DEVIATIONS = 20, 6.0
# The median absolute deviation of a normal distribution, in standard deviations.
MAD = 0.6745


@dataclass
class Interval:
    """Figures of each step; on CUDA the tensors are read only now and then, in one go."""

    losses: list[torch.Tensor] = field(default_factory=list)  # mean loss an example
    norms: list[torch.Tensor] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    tokens: int = 0
    checked: int = 0  # of so many steps it is known that they are finite
    started: float = field(default_factory=time.perf_counter)

    def add(self, loss: torch.Tensor, norm: torch.Tensor, *, rows: Rows, tokens: int) -> None:
        self.losses.append(loss)
        self.norms.append(norm)
        self.rows.append(len(rows))
        self.tokens += tokens

    def pause(self, seconds: float) -> None:
        """Leave out time that was not spent on training."""
        self.started += seconds

    def first_not_finite(self, *, norms: bool) -> tuple[int, str, float] | None:
        """Of the steps not looked at yet: the first one's index, what it was, its value."""
        found = []
        series = {"train/loss": self.losses, **({"train/grad_norm": self.norms} if norms else {})}
        for name, values in series.items():
            new = values[self.checked :]
            figures = torch.stack(new).tolist() if new else []
            bad = (n for n, figure in enumerate(figures) if not math.isfinite(figure))
            found += [(self.checked + n, name, figures[n]) for n in islice(bad, 1)]
        self.checked = len(self.losses)
        return min(found, key=lambda entry: entry[0], default=None)

    def metrics(self) -> dict[str, float]:
        """Mean loss an example, mean gradient norm a step, throughput of the training alone."""
        losses = torch.stack(self.losses).double().cpu().numpy()
        examples = sum(self.rows)
        seconds = time.perf_counter() - self.started
        return {
            "train/loss": float(losses @ np.asarray(self.rows)) / examples,
            "train/loss_max": float(losses.max()),
            "train/loss_spikes": float(len(spikes(losses))),
            "train/grad_norm": float(torch.stack(self.norms).double().mean()),
            "system/examples_per_second": examples / seconds,
            "system/tokens_per_second": self.tokens / seconds,
        }

    def capture(self) -> dict[str, Any]:
        """Of plain values and tensors."""
        return {
            "losses": torch.stack(self.losses) if self.losses else None,
            "norms": torch.stack(self.norms) if self.norms else None,
            "rows": list(self.rows),
            "tokens": self.tokens,
            "seconds": time.perf_counter() - self.started,
        }

    @classmethod
    def restored(cls, captured: dict[str, Any], *, device: torch.device) -> Interval:
        def steps(values: torch.Tensor | None) -> list[torch.Tensor]:
            return [] if values is None else list(values.to(device))

        return cls(
            losses=steps(captured["losses"]),
            norms=steps(captured["norms"]),
            rows=captured["rows"],
            tokens=captured["tokens"],
            checked=len(captured["rows"]),
            started=time.perf_counter() - captured["seconds"],
        )


def spikes(losses: npt.NDArray[np.float64]) -> list[int]:
    """Steps whose loss stands out from the :data:`WINDOW` before it (robust z-score).

    Iglewicz and Hoaglin (1993), with a window, since the loss falls in the course of a training.
    """
    if len(losses) <= WINDOW:
        return []
    before = np.lib.stride_tricks.sliding_window_view(losses, WINDOW)[:-1]
    median = np.median(before, axis=1)
    spread = np.median(np.abs(before - median[:, None]), axis=1) / MAD
    # Losses that stood still have no spread: then a hundredth of them has to do.
    limit = median + DEVIATIONS * np.maximum(spread, np.abs(median) / 100)
    return [int(step) for step in WINDOW + np.flatnonzero(losses[WINDOW:] > limit)]
