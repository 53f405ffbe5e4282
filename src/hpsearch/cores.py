"""The processor's cores, which a sweep divides among its slots."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from hydra_plugins.hpsearch_sweeper import slots

__all__ = ["all_cores", "one_core"]


@contextmanager
def all_cores() -> Iterator[None]:
    """Compute on the shares of all slots, for what the other trials are waiting for."""
    share = torch.get_num_threads()
    with _threads(max(share, min(share * slots(), os.cpu_count() or 1))):
        yield


@contextmanager
def one_core() -> Iterator[None]:
    """Compute on one: what takes microseconds is done before another core has woken up.

    And where other programs want the cores too, the threads of each call wait for the last of them.
    """
    with _threads(1):
        yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
