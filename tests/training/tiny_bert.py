"""A BERT of some layers, and texts of 256 tokens, whose need for memory is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from transformers import BertConfig, BertModel

from hpsearch.data import Tokens
from hpsearch.models import EncoderBackbone
from hpsearch.training import Sizes, State, Trainer, fit
from tests.training import tiny

__all__ = ["TEXTS", "bert", "make", "run"]

LENGTH = 256
PLAN = replace(tiny.PLAN, epochs=1, batch_size=16)


def texts() -> Tokens:
    """16 texts of 256 tokens."""
    random = np.random.default_rng(0)
    values = random.integers(1, 20, 16 * LENGTH).astype(np.int32)
    return Tokens(values, np.arange(17) * LENGTH, np.arange(16) % 2)


def bert(*, layers: int = 4, attention: str = "eager") -> EncoderBackbone:
    """Without dropout. Attention in full (eager) takes 1.5 MiB an example and layer, and some MiB
    for the states."""
    config = BertConfig(
        vocab_size=20,
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=LENGTH,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    config._attn_implementation = attention
    return EncoderBackbone(
        BertModel(config, add_pooling_layer=False),
        pooling="mean",
        freeze="none",
        gradient_checkpointing=False,
    )


def make(sizes: Sizes, *, layers: int = 4) -> Trainer:
    torch.manual_seed(0)
    made = tiny.trainer(backbone=bert(layers=layers), smoothing=0.1, lr=1e-3)
    made.sizes = sizes
    return made


def run(made: Trainer, texts: Tokens) -> State:
    return fit(
        made,
        PLAN,
        train=texts,
        val=texts,
        keep_best=lambda step, metrics: None,
        report=lambda step, metrics: None,
    )


TEXTS = texts()
