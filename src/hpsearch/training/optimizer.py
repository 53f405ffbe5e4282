"""AdamW with parameter groups: backbone and head, with and without weight decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.optim import AdamW

__all__ = ["build_optimizer", "parameter_groups"]


def build_optimizer(
    model: nn.Module, *, lr: float, weight_decay: float, backbone_lr_scale: float
) -> AdamW:
    """AdamW (Loshchilov and Hutter 2019) over the parameters that are trained."""
    groups = parameter_groups(
        model, lr=lr, weight_decay=weight_decay, backbone_lr_scale=backbone_lr_scale
    )
    return AdamW(groups, lr=lr, fused=True)


def parameter_groups(
    model: nn.Module, *, lr: float, weight_decay: float, backbone_lr_scale: float
) -> list[dict[str, Any]]:
    """Up to four groups: backbone and head, each with decay and without.

    Biases and norms have one dimension and get no decay: it would pull gains towards 0 for no gain
    in generalisation. The backbone learns at ``lr · backbone_lr_scale``.
    """
    parts: dict[tuple[bool, bool], list[torch.Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (name.startswith("backbone."), parameter.ndim > 1)
            parts.setdefault(key, []).append(parameter)
    return [
        {
            "name": f"{'backbone' if backbone else 'head'}{'' if decays else ', no decay'}",
            "params": parameters,
            "lr": lr * (backbone_lr_scale if backbone else 1.0),
            "weight_decay": weight_decay if decays else 0.0,
        }
        for (backbone, decays), parameters in parts.items()
    ]
