"""The processor's cores, which a sweep divides among its slots."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from hydra_plugins.hpsearch_sweeper import slots

__all__ = ["all_cores"]


@contextmanager
def all_cores() -> Iterator[None]:
    """Compute on the shares of all slots, for what the other trials are waiting for."""
    share = torch.get_num_threads()
    torch.set_num_threads(max(share, min(share * slots(), os.cpu_count() or 1)))
    try:
        yield
    finally:
        torch.set_num_threads(share)
