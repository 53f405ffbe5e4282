"""Peak memory of the process and of the GPU."""

from __future__ import annotations

import resource
import sys

import torch

__all__ = ["peak_memory"]

MIB = 2**20


def peak_memory(device: torch.device) -> dict[str, float]:
    """Peak resident memory of this process since its start, and of torch on the GPU, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts kibibytes, macOS bytes.
    figures = {"system/memory_mib": peak / MIB if sys.platform == "darwin" else peak / 1024}
    if device.type == "cuda":
        figures["system/gpu_memory_mib"] = torch.cuda.max_memory_allocated(device) / MIB
    return figures
