"""The variants of `train_throughput.py`: their texts, and what one run takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import hf_trainer
import numpy as np
import ours
import torch

from hpsearch import builders
from hpsearch.data import Tokens
from hpsearch.data.batches import Batch
from hpsearch.training.plan import Rows

__all__ = [
    "BATCH",
    "VARIANTS",
    "Sample",
    "draw_sample",
    "faster_precision",
    "has_bf16",
    "time_variant",
]

BATCH = 16
VARIANTS = ("hf-default", "hf-best", "ours", "ours-no-attention-dropout", "bare")


@dataclass
class Sample:
    """The texts that are timed, and their batches of each kind; the first one only warms up."""

    task: ours.Task
    tokens: Tokens
    random: list[Rows]
    grouped: list[Rows]
    precision: str
    packed: list[list[Batch]] = field(default_factory=list)  # ours, as they came

    def batches(self, name: str) -> list[Rows]:
        """Those of a variant."""
        return self.grouped if name == "hf-best" else self.random

    def real_tokens(self, name: str) -> int:
        """In the batches of a variant that are timed."""
        return int(self.tokens.lengths_of(np.concatenate(self.batches(name)[1:])).sum())

    def padding(self, name: str) -> float:
        """The share of padding in a variant's batches, each padded to its longest text."""
        timed = self.batches(name)[1:]
        widths = [int(self.tokens.lengths_of(rows).max()) * len(rows) for rows in timed]
        return 1 - self.real_tokens(name) / sum(widths)


def draw_sample(task: ours.Task, *, steps: int, precision: str) -> Sample:
    """As many texts for random batches as in batches that HF Trainer groups by length.

    Both are spread evenly from the shortest to the longest, so that few stand for all: neither the
    padding of random batches nor that of grouped ones is less or more than in a whole epoch.
    """
    lengths = task.tokens.lengths
    texts = _spread(np.argsort(lengths, kind="stable"), steps * BATCH)
    groups = np.stack(hf_trainer.grouped_by_length(task.tokens, BATCH, seed=0))
    groups = _spread(groups[np.argsort(lengths[groups].sum(1), kind="stable")], steps)
    tokens = task.tokens.take(np.concatenate([texts, groups.flatten()]))
    random = list(builders.build_plan(task.like("trainer.epochs=1")).batches(len(texts)))
    grouped = list(np.arange(len(texts), len(tokens)).reshape(steps, BATCH))
    # What a process does once is done on the shortest text, which takes least time.
    warm = np.full(BATCH, tokens.lengths.argmin())
    return Sample(task, tokens, [warm, *random], [warm, *grouped], precision)


def _spread(ordered: Rows, count: int) -> Rows:
    """So many of them, in equal distances."""
    return ordered[((np.arange(count) + 0.5) / count * len(ordered)).astype(int)]


def has_bf16() -> bool:
    """Whether the device has instructions for it, and does not merely emulate them."""
    return torch.cuda.is_available() or bool(torch.cpu._is_avx512_bf16_supported())


def faster_precision(task: ours.Task) -> str:
    """What HF Trainer is faster with here."""
    if has_bf16():
        return "bf16"
    batches = [np.arange(4)] * 2
    seconds = {}
    for name in ("fp32", "bf16"):
        sample = Sample(task, task.tokens.take(np.arange(4)), batches, batches, name)
        seconds[name] = _time_peer(sample, best=True)
    return min(seconds, key=lambda name: seconds[name])


def time_variant(sample: Sample, name: str) -> float:
    """The seconds of all steps but the first; model and optimiser are new each time."""
    if name.startswith("hf"):
        return _time_peer(sample, best=name == "hf-best")
    config = sample.task.like(f"precision.name={sample.precision}")
    if name == "bare" and not sample.packed:
        time_variant(sample, "ours")
    trainer = ours.build(sample.task, sample.tokens, config=config)
    if name == "bare":
        return _time(ours.bare_steps(trainer, sample.packed))
    if name == "ours-no-attention-dropout":
        ours.forget_attention_dropout(trainer)
    seconds = _time(ours.steps(trainer, sample.tokens, batches=sample.random))
    sample.packed = trainer.forward.recorded
    return seconds


def _time_peer(sample: Sample, *, best: bool) -> float:
    options: dict[str, Any] = {}
    if best:
        options = {"bf16": sample.precision == "bf16", "optim": "adamw_torch_fused"}
        if torch.cuda.is_available():  # else a worker only takes a core from the training
            options |= {"dataloader_num_workers": 2, "dataloader_prefetch_factor": 4}
    peer = hf_trainer.build(
        hf_trainer.MeanPooled(sample.task.weights, sample.task.num_classes),
        sample.task.tokenizer,
        sample.tokens,
        batches=sample.grouped if best else sample.random,
        options=options,
    )
    return peer.seconds()


def _time(steps: Iterator[torch.Tensor]) -> float:
    """The seconds of all but the first; the last one's loss is waited for."""
    next(steps).item()
    started = time.perf_counter()
    for _ in steps:
        pass
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
