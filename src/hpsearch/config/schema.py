"""Every key that a user can set, with its type, its range, and whether it changes a result.

The values stand in ``conf/``; what is allowed stands here, once: the checks, the fingerprint of a
trial and the error messages all read it from the fields' metadata.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from hpsearch.config.rules import (
    at_least,
    between,
    count_or,
    file_name,
    flag,
    folder,
    free,
    irrelevant,
    items,
    number_or,
    one_of,
    share_or_count,
    steps_or_time,
    within,
)

__all__ = ["Config", "register"]


@dataclass
class BackboneConfig:
    """What turns a text into one vector."""

    kind: str = one_of("cnn", "rnn", "transformer", "pretrained")
    max_length: int = at_least(2)  # tokens, special ones included
    freeze: Any = count_or("none", "all")
    gradient_checkpointing: bool = flag()


@dataclass
class FromScratchConfig(BackboneConfig):
    """A backbone without pretrained weights: its tokenizer is trained on the training split."""

    tokenizer: str = free("wordpiece, bpe, or a folder")
    vocab_size: int = at_least(100)
    lowercase: bool = flag()


@dataclass
class CnnConfig(FromScratchConfig):
    embedding_dim: int = at_least(1)
    num_filters: int = at_least(1)
    filter_widths: list[int] = items(at_least(1))
    embedding_dropout: float = between(0, 1)


@dataclass
class RnnConfig(FromScratchConfig):
    cell: str = one_of("rnn", "lstm", "gru")
    embedding_dim: int = at_least(1)
    hidden_size: int = at_least(1)
    num_layers: int = at_least(1)
    nonlinearity: str = one_of("tanh", "relu")
    bidirectional: bool = flag()
    embedding_dropout: float = between(0, 1)
    dropout: float = between(0, 1)


@dataclass
class TransformerConfig(FromScratchConfig):
    hidden_size: int = at_least(1)
    num_layers: int = at_least(1)
    num_heads: int = at_least(1)
    intermediate_size: int = at_least(1)
    dropout: float = between(0, 1)
    pooling: str = one_of("cls", "mean", "max")


@dataclass
class PretrainedConfig(BackboneConfig):
    name: str = free("a hub id, a local folder, or pkg://PACKAGE/FOLDER")
    pooling: str = one_of("cls", "mean", "max")
    attention: str | None = one_of("sdpa", "eager", "flash_attention_2", "flex_attention", None)
    dropout: float | None = between(0, 1, none=True)
    tokenizer: str | None = free("null for the model's own, wordpiece, bpe, or a folder")
    vocab_size: int = at_least(100)
    lowercase: bool = flag()
    trust_remote_code: bool = flag()


@dataclass
class HeadConfig:
    """dropout → Linear → activation → dropout → Linear, or with ``dim=0`` dropout → Linear."""

    dim: int = at_least(0)
    activation: str = one_of("tanh", "relu", "gelu", "silu")
    dropout: float = between(0, 1)
    init: str = one_of("auto", "he", "xavier", "torch")


@dataclass
class LossConfig:
    label_smoothing: float = between(0, 1)
    class_weights: Any = free("null, balanced, or a list with one weight a class")


@dataclass
class OptimizerConfig:
    lr: float = between(0, None, open_low=True)
    weight_decay: float = between(0, None)
    backbone_lr_scale: Any = number_or("auto")


@dataclass
class ScheduleConfig:
    name: str = one_of("linear", "constant", "cosine")
    warmup: Any = share_or_count()


@dataclass
class PrecisionConfig:
    name: str = one_of("fp32", "bf16", "fp16", "tf32")


@dataclass
class DataConfig:
    """Where texts and labels come from, and how they are split."""

    name: str = one_of("reviews", "imdb", "files")
    # The content's digest names a trial, not the place where the content lies.
    path: str | None = irrelevant(free("a folder with train.* and test.*, or a file"))
    text_column: str = irrelevant(free("the column of the texts"))
    label_column: str = irrelevant(free("the column of the labels"))
    classes: list[str] | None = free("null for those of the training file, or a list")
    train_size: Any = irrelevant(share_or_count(none=True))
    val_size: Any = irrelevant(share_or_count())
    test_size: Any = irrelevant(share_or_count(none=True))
    seed: int = irrelevant(at_least(0))


@dataclass
class EarlyStoppingConfig:
    patience: int | None = at_least(1, none=True)
    metric: str = one_of("val/accuracy", "val/loss", "val/f1")


@dataclass
class TrainerConfig:
    epochs: int = at_least(1)
    max_steps: int | None = at_least(1, none=True)
    batch_size: int = at_least(1)
    batching: str = irrelevant(one_of("packed", "bucketed", "padded"))
    micro_batch_size: int | None = irrelevant(at_least(1, none=True))
    accumulate: int = at_least(1)
    eval_batch_size: int | None = irrelevant(at_least(1, none=True))
    eval_every: Any = count_or("epoch", low=1)
    early_stopping: EarlyStoppingConfig = field(default_factory=EarlyStoppingConfig)
    clip_norm: float | None = between(0, None, none=True, open_low=True)
    on_divergence: str = one_of("fail", "rollback")
    max_rollbacks: int = at_least(1)
    memory_limit: int | None = irrelevant(at_least(1, none=True))  # MiB
    feature_cache: int | None = irrelevant(at_least(0, none=True))  # MiB
    compile: bool = irrelevant(flag())
    deterministic: bool = flag()
    overfit: bool = flag()
    profile: bool = irrelevant(flag())
    device: str = irrelevant(one_of("auto", "cpu", "cuda"))


@dataclass
class CheckpointConfig:
    """When a training's state is kept, besides at each evaluation."""

    every: Any = irrelevant(steps_or_time(none=True))


@dataclass
class TrackingConfig:
    uri: str = irrelevant(free("an MLflow tracking URI"))
    experiment: str = irrelevant(free("the name of the MLflow experiment"))
    log_model: bool = irrelevant(flag())


@dataclass
class ReportConfig:
    """The report that a sweep ends with, and what ``python -m hpsearch.report`` starts from."""

    auto: bool = irrelevant(flag())
    columns: list[str] | None = irrelevant(free("null, or a list of keys, metrics, seeds, ±, 95 %"))
    digits: int = irrelevant(within(0, 15))


@dataclass
class Config:
    """The whole configuration of a trial; the groups of ``conf/`` fill it."""

    name: str = irrelevant(file_name())  # the first part of the study's
    root: str = irrelevant(folder())  # everything is written below it
    seed: int = at_least(0)
    backbone: BackboneConfig = MISSING
    head: HeadConfig = field(default_factory=HeadConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    precision: PrecisionConfig = field(default_factory=PrecisionConfig)
    data: DataConfig = field(default_factory=DataConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    report: ReportConfig = field(default_factory=ReportConfig)


BACKBONES = {
    "cnn": CnnConfig,
    "rnn": RnnConfig,
    "transformer": TransformerConfig,
    "pretrained": PretrainedConfig,
}


WARM, CLIENT = "hpsearch.warm", "hpsearch.tracking.client"
ITS = "hpsearch.train"  # it is this program's, not its sweeper's


def warm_modules(uri: str) -> list[str]:
    """What the trials' server imports first: ``${hpsearch.warm:${tracking.uri}}``."""
    return [WARM] if uri.startswith("sqlite:///") else [WARM, CLIENT]


def register() -> None:
    """Make the schema known to Hydra; ``conf/`` names its parts as ``/schema/…``.

    A file there cannot have a name that a plugin stores, so its set-up for Ray has another. Once a
    process: it takes 30 ms, and what runs a trial imports the main module again.
    """
    OmegaConf.register_new_resolver("hpsearch.warm", warm_modules, replace=True)
    store = ConfigStore.instance()
    if "config.yaml" in store.repo.get("schema", {}):
        return
    store.store(group="hydra/launcher", name="ray", node={"defaults": ["warm_ray"]}, provider=ITS)
    store.store(group="schema", name="config", node=Config)
    for name, node in BACKBONES.items():
        store.store(group="schema/backbone", name=name, node=node)
