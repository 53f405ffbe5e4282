"""The states of all random generators, so that a resumed training draws what it would have."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

__all__ = ["dropout_states", "random_states", "set_dropout_states", "set_random_states"]


def random_states() -> dict[str, Any]:
    """Of Python, NumPy, torch and each GPU; of plain values and tensors, to be loaded safely."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest),
        **dropout_states(),
    }


def dropout_states() -> dict[str, Any]:
    """Of torch and each GPU: all that a step draws from, in a tenth of the time."""
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Those of GPUs only where there are as many as before."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
    set_dropout_states(states)


def set_dropout_states(states: dict[str, Any]) -> None:
    """As :func:`set_random_states`, of torch and the GPUs."""
    torch.set_rng_state(states["torch"])
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
