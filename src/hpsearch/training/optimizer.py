"""AdamW with parameter groups: backbone and head, with and without weight decay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW

__all__ = ["FusedAdamW", "build_optimizer", "parameter_groups"]


class FusedAdamW(AdamW):
    """torch's fused AdamW, whose later steps on a processor go straight to the kernel.

    A step looks first whether weights, formats and devices are still those of the last one, which
    takes a small head longer than its update.
    """

    _groups: list[_Group] | None = None

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        gradients = [[p.grad for p in group["params"]] for group in self.param_groups]
        lacking = any(gradient is None for some in gradients for gradient in some)
        if self._groups is None or closure is not None or lacking:
            loss = super().step(closure)
            self._groups = self._collect()
            return loss
        for group, found in zip(self._groups, gradients, strict=True):
            group.step(found)
        return None

    def _collect(self) -> list[_Group] | None:
        """None where there is more to see to than a processor's kernel does."""
        parameters = [p for group in self.param_groups for p in group["params"]]
        if any(p.device.type != "cpu" or p not in self.state for p in parameters):
            return None
        return [
            _Group(group, [self.state[p] for p in group["params"]]) for group in self.param_groups
        ]

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        self._groups = None
        super().add_param_group(param_group)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._groups = None
        super().load_state_dict(state_dict)


# torch would wrap it, to tell hooks and a profiler of each step: as long again as the step.
FusedAdamW.step.hooked = True  # type: ignore[attr-defined]


class _Group:
    """A parameter group, with what the kernel takes besides its gradients."""

    def __init__(self, settings: dict[str, Any], states: list[dict[str, torch.Tensor]]) -> None:
        self.settings = settings
        self.steps = [state["step"] for state in states]
        self.averages = [[state[name] for state in states] for name in ("exp_avg", "exp_avg_sq")]

    def step(self, gradients: list[torch.Tensor]) -> None:
        chosen = self.settings
        torch._foreach_add_(self.steps, 1)
        torch._fused_adamw_(
            *(chosen["params"], gradients, *self.averages, [], self.steps),
            lr=chosen["lr"],
            beta1=chosen["betas"][0],
            beta2=chosen["betas"][1],
            weight_decay=chosen["weight_decay"],
            eps=chosen["eps"],
            amsgrad=False,
            maximize=False,
        )


def build_optimizer(
    model: nn.Module, *, lr: float, weight_decay: float, backbone_lr_scale: float
) -> FusedAdamW:
    """AdamW (Loshchilov and Hutter 2019) over the parameters that are trained."""
    groups = parameter_groups(
        model, lr=lr, weight_decay=weight_decay, backbone_lr_scale=backbone_lr_scale
    )
    return FusedAdamW(groups, lr=lr, fused=True)


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
