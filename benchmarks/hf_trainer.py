"""The peer of the training benchmarks: HF Trainer on the same model, texts and batches."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from transformers import (
    AutoConfig,
    AutoModel,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_pt_utils import LengthGroupedSampler

from hpsearch.data import Tokens
from hpsearch.training.plan import Rows

__all__ = ["MeanPooled", "Peer", "build", "grouped_by_length"]


class MeanPooled(nn.Module):
    """Encoder, mean over the real tokens, linear layer: the mathematics of our ``head=linear``.

    transformers' own ``BertForSequenceClassification`` has another layer and tanh before its head.
    """

    def __init__(self, folder: Path, num_classes: int, *, dropout: float | None = None) -> None:
        super().__init__()
        config = AutoConfig.from_pretrained(folder)
        if dropout is not None:
            config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
        self.encoder = AutoModel.from_pretrained(
            folder, config=config, add_pooling_layer=False, attn_implementation="sdpa"
        )
        self.head = nn.Linear(config.hidden_size, num_classes)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Token ids and mask (batch, length) and labels (batch,) to the mean loss and logits."""
        states = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1)
        logits = self.head((states * mask).sum(1) / mask.sum(1))
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


class Peer(Trainer):
    """HF Trainer that is told its batches, and keeps each step's loss."""

    batches: Sequence[Rows] = ()

    def _get_train_sampler(self, train_dataset: Any = None) -> list[int]:
        return np.concatenate(self.batches).tolist()

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        loss = super().compute_loss(*args, **kwargs)
        self.losses.append(loss.detach())
        return loss

    def seconds(self) -> float:
        """Train; what all steps but the first took: loading, forward, backward, update."""
        self.losses: list[torch.Tensor] = []
        clock = _Clock()
        self.add_callback(clock)
        self.train()
        return clock.ended - clock.started


class _Clock(TrainerCallback):
    started = ended = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step in (1, state.max_steps):
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.ended = time.perf_counter()
            self.started = self.started or self.ended


def build(
    model: MeanPooled,
    tokenizer: PreTrainedTokenizerFast,
    tokens: Tokens,
    *,
    batches: Sequence[Rows],
    options: dict[str, Any],
) -> Peer:
    """With the defaults of ``TrainingArguments``, but for ``options`` and what only reports."""
    arguments = TrainingArguments(
        output_dir=str(Path(tempfile.gettempdir()) / "hpsearch-bench" / "hf"),
        per_device_train_batch_size=len(batches[0]),
        max_steps=len(batches),
        **{"save_strategy": "no", "logging_strategy": "no", "report_to": "none"},
        **{"disable_tqdm": True, "use_cpu": not torch.cuda.is_available(), **options},
    )
    rows = [
        {"input_ids": tokens.values[start:end].tolist(), "labels": int(label)}
        for start, end, label in zip(
            tokens.offsets, tokens.offsets[1:], tokens.labels, strict=False
        )
    ]
    peer = Peer(model, arguments, DataCollatorWithPadding(tokenizer), train_dataset=rows)
    peer.batches = batches
    peer.remove_callback(PrinterCallback)
    return peer


def grouped_by_length(tokens: Tokens, size: int, *, seed: int) -> list[Rows]:
    """The full batches of ``train_sampling_strategy="group_by_length"`` over all texts."""
    generator = torch.Generator().manual_seed(seed)
    sampler = LengthGroupedSampler(size, lengths=tokens.lengths.tolist(), generator=generator)
    rows = np.fromiter(sampler, dtype=np.int64)
    return [rows[at : at + size] for at in range(0, len(rows) - size + 1, size)]
