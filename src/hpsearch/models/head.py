"""The classification head, which is what a head search varies."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from hpsearch.models.dropout import ByteDropout

__all__ = ["ClassificationHead"]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class ClassificationHead(nn.Sequential):
    """dropout → Linear → activation → dropout → Linear; with ``dim=0`` dropout → Linear.

    Maps (batch, in_dim) to logits (batch, num_classes). The layout is that of RoBERTa's and
    Longformer's own head.

    Args:
        in_dim: size of the pooled text vector.
        num_classes: number of classes.
        dim: size of the hidden layer, 0 for none.
        activation: tanh, relu, gelu or silu.
        dropout: probability, before each Linear.
        init: ``he`` N(0, sqrt(2/in)) (He et al. 2015), ``xavier`` N(0, sqrt(2/(in+out))) (Glorot
            and Bengio 2010), ``auto`` xavier for tanh and he for the others, ``torch`` the
            library's default.
    """

    def __init__(
        self,
        in_dim: int,
        num_classes: int,
        *,
        dim: int,
        activation: str,
        dropout: float,
        init: str,
    ) -> None:
        layers: list[tuple[str, nn.Module]] = [("dropout_in", ByteDropout(dropout))]
        if dim:
            layers += [
                ("dense", nn.Linear(in_dim, dim)),
                ("activation", ACTIVATIONS[activation]()),
                ("dropout_out", ByteDropout(dropout)),
            ]
        layers.append(("out", nn.Linear(dim or in_dim, num_classes)))
        super().__init__(OrderedDict(layers))
        if init == "auto":
            init = "xavier" if activation == "tanh" else "he"
        if init != "torch":
            self._init_weights(init)

    @torch.no_grad()
    def _init_weights(self, init: str) -> None:
        for name, layer in self.named_children():
            if not isinstance(layer, nn.Linear):
                continue
            # No rectifier follows the output layer, so He's factor would be too large there.
            if init == "he" and name == "dense":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
