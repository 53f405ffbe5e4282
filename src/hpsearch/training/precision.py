"""Number formats of matrix products; weights and optimiser state stay in 32 bits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch

from hpsearch.errors import ConfigError

__all__ = ["Precision"]

log = logging.getLogger(__name__)

AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}
CUDA_ONLY = ("fp16", "tf32")


class Precision:
    """Autocast, and for fp16 the scaling of the loss (Micikevicius et al. 2018).

    Args:
        name: fp32, bf16, fp16 or tf32.
        device: where the model is.

    Raises:
        ConfigError: fp16 or tf32 without CUDA.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        if name in CUDA_ONLY and device.type != "cuda":
            raise ConfigError(
                f"precision={name}: it needs CUDA; on {device.type} allowed are fp32, bf16"
            )
        if name == "bf16" and device.type == "cpu":
            _warn_of_emulation()
        self.dtype = AUTOCAST.get(name)
        self.device = device
        self.scaler = torch.amp.GradScaler(device.type, enabled=name == "fp16")
        if device.type == "cuda":
            torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")

    def autocast(self) -> AbstractContextManager[Any]:
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)


@cache
def _warn_of_emulation() -> None:
    """Once, where matrix products in bf16 are computed in 32 bits and rounded."""
    can: Mapping[str, Any] = torch.cpu.get_capabilities()
    if can["architecture"] == "x86_64" and not (can["avx512_bf16"] or can["amx_bf16"]):
        log.warning("precision=bf16: this processor has no bf16 instructions; fp32 is faster")
