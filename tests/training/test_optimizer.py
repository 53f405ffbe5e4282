"""Which parameters decay, at which rate they learn, and that a step is torch's."""

import math

import pytest
import torch
from torch import nn
from torch.optim import AdamW

from hpsearch.training.optimizer import build_optimizer, parameter_groups
from hpsearch.training.step import clip


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4))
        self.head = nn.Linear(4, 2)


def test_biases_and_norms_do_not_decay_and_the_backbone_learns_slower() -> None:
    groups = parameter_groups(Tiny(), lr=1.0, weight_decay=0.1, backbone_lr_scale=0.5)
    told = {g["name"]: (len(g["params"]), g["lr"], g["weight_decay"]) for g in groups}
    assert told == {
        "backbone": (2, 0.5, 0.1),  # the embedding and the linear weight
        "backbone, no decay": (3, 0.5, 0.0),  # a bias, a gain, a shift
        "head": (1, 1.0, 0.1),
        "head, no decay": (1, 1.0, 0.0),
    }


def test_frozen_parameters_are_left_out() -> None:
    model = Tiny()
    model.backbone.requires_grad_(False)
    groups = parameter_groups(model, lr=1.0, weight_decay=0.1, backbone_lr_scale=1.0)
    assert [g["name"] for g in groups] == ["head", "head, no decay"]


def test_every_trained_parameter_is_in_exactly_one_group() -> None:
    model = Tiny()
    optimizer = build_optimizer(model, lr=1e-3, weight_decay=0.0, backbone_lr_scale=1.0)
    inside = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(inside) == sorted(id(p) for p in model.parameters())
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-3)


def test_a_step_is_not_wrapped_for_a_profiler() -> None:
    model = Tiny()
    optimizer = build_optimizer(model, lr=1e-3, weight_decay=0.0, backbone_lr_scale=1.0)
    model.head(torch.ones(1, 4)).sum().backward()
    with torch.autograd.profiler.profile() as profiled:
        optimizer.step()
    names = [event.name for event in profiled.function_events]
    assert "aten::_fused_adamw_" in names
    assert not [name for name in names if name.startswith("Optimizer.step")]


def test_each_step_is_torchs_at_any_rate_after_a_restore_and_without_a_gradient() -> None:
    """Ours goes straight to the kernel from its second step on."""
    torch.manual_seed(0)
    ours, theirs = Tiny(), Tiny()
    theirs.load_state_dict(ours.state_dict())
    settings = {"lr": 0.1, "weight_decay": 0.1, "backbone_lr_scale": 0.5}
    mine = build_optimizer(ours, **settings)
    plain = AdamW(parameter_groups(theirs, **settings), fused=True)
    for step in range(8):
        for left, right in zip(ours.parameters(), theirs.parameters(), strict=True):
            left.grad = torch.randn_like(left)
            right.grad = left.grad.clone()
        if step == 5:  # a layer that had no part in the loss
            ours.head.weight.grad = theirs.head.weight.grad = None
        for optimizer in (mine, plain):
            optimizer.param_groups[0]["lr"] = 0.1 / (step + 1)
        if step == 3:
            state = mine.state_dict()
            mine = build_optimizer(ours, **settings)
            mine.load_state_dict(state)
        mine.step()
        plain.step()
        for left, right in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(left, right)
    for left, right in zip(mine.state.values(), plain.state.values(), strict=True):
        assert all(torch.equal(left[name], right[name]) for name in ("step", "exp_avg_sq"))


@pytest.mark.parametrize("most", [None, 0.5, 100.0])
def test_the_gradient_is_clipped_as_by_torch(most: float | None) -> None:
    torch.manual_seed(0)
    ours, theirs = ([nn.Parameter(torch.zeros(n)) for n in (3, 4, 5)] for _ in range(2))
    for left, right in zip(ours[:2], theirs[:2], strict=True):  # the last one has none
        left.grad = torch.randn_like(left)
        right.grad = left.grad.clone()
    norm = nn.utils.clip_grad_norm_(theirs, most or math.inf)
    assert torch.allclose(clip(ours, most), norm)
    for left, right in zip(ours[:2], theirs[:2], strict=True):
        assert left.grad is not None
        assert right.grad is not None
        assert torch.allclose(left.grad, right.grad)


def test_only_the_first_step_looks_at_what_a_kernel_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Tiny()
    optimizer = build_optimizer(model, lr=0.1, weight_decay=0.0, backbone_lr_scale=1.0)
    looked = []
    plain = AdamW.step
    monkeypatch.setattr(AdamW, "step", lambda *given: looked.append(1) or plain(*given))
    for _ in range(3):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
    assert len(looked) == 1
