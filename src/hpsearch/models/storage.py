"""Weights on disk: safetensors beside a ``config.json``, the ``save_pretrained`` layout."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

__all__ = ["HEAD_FILE", "WEIGHTS_FILE", "load_module", "save_module", "save_weights"]

WEIGHTS_FILE = "model.safetensors"
HEAD_FILE = "head.safetensors"


def save_module(module: nn.Module, folder: Path, *, kind: str) -> None:
    """Write ``model.safetensors`` and a ``config.json`` that names the kind of model."""
    (folder / "config.json").write_text(json.dumps({"architectures": [kind]}, indent=2) + "\n")
    save_weights(module, folder / WEIGHTS_FILE)


def save_weights(module: nn.Module, file: Path) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    save_file(tensors, file, metadata={"format": "pt"})


def load_module(module: nn.Module, file: Path) -> None:
    """Fill a module with the weights of a file; every tensor must be there and fit."""
    tensors: dict[str, torch.Tensor] = load_file(file)
    module.load_state_dict(tensors)
