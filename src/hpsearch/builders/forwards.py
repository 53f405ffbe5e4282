"""A model on its device, in its precision."""

from __future__ import annotations

import logging

import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn

from hpsearch.builders.models import ENCODERS
from hpsearch.errors import ConfigError
from hpsearch.models import Classifier
from hpsearch.timing import phase
from hpsearch.training import Forward, HeadForward, Precision, Precomputed

__all__ = ["build_forward", "build_head_forward", "build_precision", "device_of"]

log = logging.getLogger(__name__)


@phase("model")
def build_forward(config: DictConfig, model: Classifier, pad_id: int) -> Forward:
    """The model on its device, in its precision."""
    precision = build_precision(config)
    model.to(precision.device)
    return Forward(
        model,
        precision,
        precision.device,
        pad_id,
        batching=_batching(config, model),
        max_length=config.backbone.max_length,
    )


def build_head_forward(config: DictConfig, head: nn.Module, *, in_dim: int) -> HeadForward:
    """A head alone, for features, on the device and in the precision."""
    precision = build_precision(config)
    model = Classifier(Precomputed(in_dim), head).to(precision.device)
    return HeadForward(model, precision, precision.device)


def _batching(config: DictConfig, model: Classifier) -> str:
    """What is asked for, if the model allows it."""
    # Models that were saved before there was a choice do not have the key.
    asked: str = OmegaConf.select(config, "trainer.batching", default="packed")
    if asked != "packed" or model.enable_packing():
        return asked
    if config.backbone.kind in ENCODERS:
        log.info("trainer.batching=packed: this encoder cannot be packed, so texts are bucketed")
    return "bucketed"


def build_precision(config: DictConfig) -> Precision:
    """The number format, which knows the device."""
    return Precision(config.precision.name, device_of(config.trainer.device))


def device_of(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("trainer.device=cuda: no CUDA device here; allowed are auto, cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
