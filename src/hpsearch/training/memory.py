"""Memory: how much is used, what an allocation error looks like, and a limit to stay below."""

from __future__ import annotations

import gc
import re
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch

__all__ = ["is_out_of_memory", "limited", "peak_memory", "reason_of", "until_it_fits"]

MIB = 2**20
T = TypeVar("T")

# torch has a class of its own for CUDA's allocator alone; the others are told by their words.
WORDS = (
    "can't allocate memory",
    "out of memory",
    "bad_alloc",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "could not create a primitive",  # oneDNN, which has no word for it
)


def peak_memory(device: torch.device) -> dict[str, float]:
    """Peak resident memory of this process since its start, and of torch on the GPU, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kibibytes, macOS bytes.
    figures = {"system/memory_mib": peak / MIB if sys.platform == "darwin" else peak / 1024}
    if device.type == "cuda":
        figures["system/gpu_memory_mib"] = torch.cuda.max_memory_allocated(device) / MIB
    return figures


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, on the GPU or on the processor."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in WORDS)


def until_it_fits(attempt: Callable[[], T], *, shrink: Callable[[str], None]) -> T:
    """Try again after each failed allocation; ``shrink`` is told what failed, and may give up."""
    while True:
        try:
            return attempt()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            reason = reason_of(error)
        # Only here: the exception's trace holds the activations of the attempt.
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        shrink(reason)


def reason_of(error: BaseException) -> str:
    """What a failed allocation says, in one line."""
    line = str(error).strip().partition("\n")[0]
    return re.sub(r"^\[enforce fail at [^]]*\] err == 0\. ", "", line) or type(error).__name__


@contextmanager
def limited(mib: int | None, device: torch.device) -> Iterator[None]:
    """Let training take so many MiB and no more; beyond it, allocations fail as on a full device.

    On a GPU it is torch's share of the whole memory; on the processor what comes on top of the
    address space that the process has now (Linux only).
    """
    if mib is None:
        yield
    elif device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, mib * MIB / total), device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, device)
    else:
        with _limited_address_space(mib * MIB):
            yield


@contextmanager
def _limited_address_space(more: int) -> Iterator[None]:
    # The threads of matrix products reserve address space once, when they first run.
    torch.ones(64, 64) @ torch.ones(64, 64)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
