"""Which parameters decay, and at which rate they learn."""

import pytest
from torch import nn

from hpsearch.training.optimizer import build_optimizer, parameter_groups


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
