"""Our side of the training benchmarks: configuration, tokens, and steps as the loop takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import hydra
import torch
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig
from torch.nn import functional as F
from transformers import PreTrainedTokenizerFast

from hpsearch import builders
from hpsearch.config import CONF_DIR, register
from hpsearch.data import Tokens, tokenise
from hpsearch.data.batches import Batch
from hpsearch.training import Forward, Trainer
from hpsearch.training.plan import Rows
from hpsearch.training.step import train_step
from hpsearch.weights import locate

__all__ = ["Task", "bare_steps", "build", "compose", "forget_attention_dropout", "read", "steps"]

TEXTS = 4000  # so many, that HF Trainer's grouping by length has its full reach of 50 batches


@dataclass(frozen=True)
class Task:
    """What every variant trains: texts of one length, and where the encoder's weights lie."""

    config: DictConfig
    tokenizer: PreTrainedTokenizerFast
    weights: Path
    tokens: Tokens
    num_classes: int

    def like(self, *words: str) -> DictConfig:
        """Its configuration with some keys set, each ``key=value``."""
        config = self.config.copy()
        config.merge_with_dotlist(list(words))
        return config


@dataclass
class RecordingForward(Forward):
    """Keeps the batches of every step, so that the bare model can be given the very same."""

    recorded: list[list[Batch]] = field(default_factory=list)

    def batch(self, tokens: Tokens, rows: Rows) -> Batch:
        batch = super().batch(tokens, rows)
        self.recorded[-1].append(batch)
        return batch


def compose(*words: str, root: Path, data: Path | None) -> DictConfig:
    """MiniLM with a linear head on a folder's texts, else on the embedded reviews."""
    fixed = [f"root={root}", "backbone=minilm", "head=linear", "data=reviews"]
    if data is not None:
        fixed[-1:] = ["data=files", f"data.path={data.resolve()}", f"data.train_size={TEXTS}"]
    register()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        return hydra.compose("config", overrides=[*fixed, *words])


def read(config: DictConfig) -> Task:
    """The training texts as tokens; they are cached below ``root``."""
    cache = builders.cache_folder(config)
    weights = locate(config.backbone.name, cache=cache)
    splits = builders.read_splits(config)
    tokenizer = builders.find_tokenizer(config, splits, weights)
    tokens = tokenise(splits.train, tokenizer, max_length=config.backbone.max_length, cache=cache)
    return Task(config, tokenizer.loaded, weights, tokens, len(splits.classes))


def build(task: Task, tokens: Tokens, *, config: DictConfig) -> Trainer:
    """As ``hpsearch.train`` builds it; the configuration's seed decides the head's weights."""
    torch.manual_seed(config.seed)
    model = builders.build_classifier(
        config, task.tokenizer, num_classes=task.num_classes, weights=task.weights
    )
    forward = builders.build_forward(config, model, int(task.tokenizer.pad_token_id))
    trainer = builders.build_trainer(
        config,
        RecordingForward(**vars(forward)),
        builders.build_plan(config),
        tokens,
        num_classes=task.num_classes,
        sizes=builders.build_sizes(config),
    )
    torch.manual_seed(config.seed)  # dropout's, whatever the model took before
    return trainer


def forget_attention_dropout(trainer: Trainer) -> None:
    """Keep the other dropouts: flash and packed kernels are often faster without this one."""
    for name, module in trainer.forward.model.named_modules():
        if name.endswith("attention.self.dropout"):
            module.p = 0.0


def steps(trainer: Trainer, tokens: Tokens, *, batches: list[Rows]) -> Iterator[torch.Tensor]:
    """The mean loss of each of our steps; their batches are kept by the forward."""
    forward = trainer.forward
    assert isinstance(forward, RecordingForward)
    for rows in batches:
        forward.recorded.append([])
        loss, _ = train_step(trainer, tokens, rows, clip_norm=1.0)
        yield loss


def bare_steps(trainer: Trainer, batches: list[list[Batch]]) -> Iterator[torch.Tensor]:
    """The model on ready batches, with nothing of the loop: no clipping, schedule or figures."""
    forward, optimizer = trainer.forward, trainer.optimizer
    forward.model.train()
    for parts in batches:
        count = sum(len(part.labels) for part in parts)
        for part in parts:
            logits = forward.logits(part).float()
            loss = F.cross_entropy(logits, part.labels, reduction="sum") / count
            loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield loss.detach()
