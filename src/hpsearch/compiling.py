"""``torch.compile``, where ``trainer.compile`` asks for it."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import nn
from transformers import AttentionInterface

from hpsearch.errors import ConfigError
from hpsearch.models.packed_attention import PACKED, packed_attention

__all__ = ["compile_backbone"]


def compile_backbone(backbone: nn.Module, *, cache: Path) -> None:
    """Compile a backbone in place, once for all lengths; its weights keep their names.

    The kernels are kept below ``cache``. Packed attention stays as it is: it goes through runs of
    texts, and each step has others.

    Raises:
        ConfigError: torch cannot compile here, for example without a C++ compiler.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache.absolute() / "compiled"))
    _require_compiler(next(backbone.parameters()).device)
    uncompiled = torch.compiler.disable(packed_attention)  # type: ignore[no-untyped-call]
    AttentionInterface.register(PACKED, uncompiled)
    network = getattr(backbone, "encoder", backbone)
    assert isinstance(network, nn.Module)
    network.compile(dynamic=True)


def _require_compiler(device: torch.device) -> None:
    """A function of one line tells sooner, and in less words, than a model does."""
    try:
        torch.compile(torch.neg)(torch.zeros(2, device=device))
    except Exception as error:  # whatever the compilers of this machine raise
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"trainer.compile=true: torch cannot compile here ({reason}); allowed is false"
        ) from error
