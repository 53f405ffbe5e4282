"""Builders: from configuration to objects. They unpack it, so that models never see it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn
from transformers import PreTrainedTokenizerFast

from hpsearch.config import seconds
from hpsearch.data import Examples, Splits, load_splits, load_test, load_tokenizer
from hpsearch.data.tokenizers import has_tokenizer
from hpsearch.errors import ConfigError
from hpsearch.models import (
    ClassificationHead,
    Classifier,
    CnnBackbone,
    RnnBackbone,
)
from hpsearch.models.storage import HEAD_FILE, WEIGHTS_FILE, load_module
from hpsearch.timing import phase
from hpsearch.training import (
    Checkpoints,
    ClassificationLoss,
    Forward,
    HeadForward,
    Plan,
    Precision,
    Precomputed,
    Runs,
    Sizes,
    Split,
    Trainer,
    build_optimizer,
    build_schedule,
    class_weights,
)

if TYPE_CHECKING:  # it takes seconds, which a CNN need not wait for
    from hpsearch.models import EncoderBackbone

__all__ = [
    "build_checkpoints",
    "build_classifier",
    "build_forward",
    "build_head",
    "build_head_forward",
    "build_head_sizes",
    "build_plan",
    "build_precision",
    "build_sizes",
    "build_trainer",
    "cache_folder",
    "check_encoder",
    "load_classifier",
    "read_class_weights",
    "read_splits",
    "read_test",
    "read_tokenizer",
]


log = logging.getLogger(__name__)

# A head that starts at random learns at 1e-3 and more, pretrained layers want some 1e-5.
PRETRAINED_LR_SCALE = 0.02
# The kinds of backbones that are transformers.
ENCODERS = ("pretrained", "transformer")
# A head evaluates thousands of vectors at once without noticing.
FEATURES_AT_ONCE = 4096
# Seconds between the checkpoints of evaluations: one takes 15 ms, a head's whole epoch 80.
BETWEEN_EVALUATIONS = 1.0
# Tokens of packed texts that go through an encoder at once on a CPU.
PACKED_TOKENS = 4096


def cache_folder(config: DictConfig) -> Path:
    return Path(config.root) / "cache"


def read_splits(config: DictConfig) -> Splits:
    """Training and validation examples."""
    data = config.data
    return load_splits(
        name=data.name,
        path=data.path,
        columns=(data.text_column, data.label_column),
        classes=None if data.classes is None else list(data.classes),
        train_size=data.train_size,
        val_size=data.val_size,
        seed=data.seed,
        cache=cache_folder(config),
    )


def read_test(config: DictConfig) -> Examples:
    """The test split; the classes must be resolved ones."""
    data = config.data
    return load_test(
        name=data.name,
        path=data.path,
        columns=(data.text_column, data.label_column),
        classes=list(data.classes),
        test_size=data.test_size,
        seed=data.seed,
        cache=cache_folder(config),
    )


def read_tokenizer(
    config: DictConfig, splits: Splits, weights: Path | None
) -> PreTrainedTokenizerFast:
    """The one that is asked for, else the model's own, else a WordPiece one of its own making."""
    backbone = config.backbone
    which = backbone.tokenizer
    if which is None:
        which = str(weights) if weights is not None and has_tokenizer(weights) else "wordpiece"
    return load_tokenizer(
        which,
        texts=splits.train.texts,
        vocab_size=backbone.vocab_size,
        lowercase=backbone.lowercase,
        cache=cache_folder(config),
        digest=splits.digest,
        trust_remote_code=_trusts(backbone),
    )


@phase("model")
def build_classifier(
    config: DictConfig,
    tokenizer: PreTrainedTokenizerFast,
    *,
    num_classes: int,
    weights: Path | None,
) -> Classifier:
    """A classifier; ``weights`` is the folder of a pretrained encoder, None to start at random."""
    backbone = _build_backbone(config.backbone, tokenizer, weights)
    in_dim = int(backbone.out_dim)  # type: ignore[arg-type]
    return Classifier(backbone, build_head(config, in_dim=in_dim, num_classes=num_classes))


def build_head(config: DictConfig, *, in_dim: int, num_classes: int) -> ClassificationHead:
    """The head of a classifier whose text vectors have ``in_dim`` numbers."""
    head = config.head
    return ClassificationHead(
        in_dim,
        num_classes,
        dim=head.dim,
        activation=head.activation,
        dropout=head.dropout,
        init=head.init,
    )


def build_head_forward(config: DictConfig, head: nn.Module, *, in_dim: int) -> HeadForward:
    """A head alone, for features, on the device and in the precision."""
    precision = build_precision(config)
    model = Classifier(Precomputed(in_dim), head).to(precision.device)
    return HeadForward(model, precision, precision.device)


def _build_backbone(
    backbone: DictConfig, tokenizer: PreTrainedTokenizerFast, weights: Path | None
) -> nn.Module:
    vocabulary = {"vocab_size": len(tokenizer), "pad_id": tokenizer.pad_token_id}
    if backbone.kind == "cnn":
        return CnnBackbone(
            **vocabulary,
            embedding_dim=backbone.embedding_dim,
            num_filters=backbone.num_filters,
            filter_widths=list(backbone.filter_widths),
            embedding_dropout=backbone.embedding_dropout,
        )
    if backbone.kind == "rnn":
        return RnnBackbone(
            **vocabulary,
            cell=backbone.cell,
            embedding_dim=backbone.embedding_dim,
            hidden_size=backbone.hidden_size,
            num_layers=backbone.num_layers,
            nonlinearity=backbone.nonlinearity,
            bidirectional=backbone.bidirectional,
            embedding_dropout=backbone.embedding_dropout,
            dropout=backbone.dropout,
        )
    return _build_encoder_backbone(backbone, tokenizer, weights)


def _build_encoder_backbone(
    backbone: DictConfig, tokenizer: PreTrainedTokenizerFast, weights: Path | None
) -> EncoderBackbone:
    from hpsearch.encoders import build_encoder, load_encoder
    from hpsearch.models.encoder import EncoderBackbone

    if weights is None:
        encoder = build_encoder(
            tokenizer,
            max_length=backbone.max_length,
            hidden_size=backbone.hidden_size,
            num_layers=backbone.num_layers,
            num_heads=backbone.num_heads,
            intermediate_size=backbone.intermediate_size,
            dropout=backbone.dropout,
        )
    else:
        encoder = load_encoder(
            weights,
            tokenizer,
            attention=OmegaConf.select(backbone, "attention"),
            dropout=backbone.dropout,
            trust_remote_code=_trusts(backbone),
        )
    return EncoderBackbone(
        encoder,
        pooling=backbone.pooling,
        freeze=backbone.freeze,
        gradient_checkpointing=backbone.gradient_checkpointing,
        own_attention=OmegaConf.select(backbone, "attention") == "eager",
    )


def load_classifier(
    folder: Path, config: DictConfig, tokenizer: PreTrainedTokenizerFast
) -> Classifier:
    """The classifier that was saved in a folder."""
    encoder = config.backbone.kind in ENCODERS
    model = build_classifier(
        config,
        tokenizer,
        num_classes=len(config.data.classes),
        weights=folder if encoder else None,
    )
    if not encoder:
        load_module(model.backbone, folder / WEIGHTS_FILE)
    load_module(model.head, folder / HEAD_FILE)
    return model


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
    return Precision(config.precision.name, _device(config.trainer.device))


@phase("model")
def check_encoder(config: DictConfig, weights: Path) -> None:
    """What a pretrained encoder's own configuration tells before it is loaded."""
    from hpsearch.encoders import check_fit

    backbone = config.backbone
    layers = check_fit(weights, max_length=backbone.max_length, trust_remote_code=_trusts(backbone))
    if isinstance(backbone.freeze, int) and backbone.freeze > layers:
        raise ConfigError(
            f"backbone.freeze={backbone.freeze}: {backbone.name} has {layers} layers; allowed is "
            "none, all, or up to that"
        )


def _trusts(backbone: DictConfig) -> bool:
    """Whether Python code that comes with a pretrained model may run; only those have the key."""
    return bool(OmegaConf.select(backbone, "trust_remote_code", default=False))


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("trainer.device=cuda: no CUDA device here; allowed are auto, cpu")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def build_plan(config: DictConfig) -> Plan:
    trainer = config.trainer
    return Plan(
        epochs=trainer.epochs,
        max_steps=trainer.max_steps,
        batch_size=trainer.batch_size * trainer.accumulate,
        eval_every=None if trainer.eval_every == "epoch" else trainer.eval_every,
        patience=trainer.early_stopping.patience,
        metric=trainer.early_stopping.metric,
        clip_norm=trainer.clip_norm,
        seed=config.seed,
        max_rollbacks=trainer.max_rollbacks if trainer.on_divergence == "rollback" else 0,
    )


def build_sizes(config: DictConfig) -> Sizes:
    """The sizes to begin with."""
    trainer = config.trainer
    micro = min(trainer.micro_batch_size or _micro_batch_size(config), trainer.batch_size)
    return Sizes(micro, trainer.eval_batch_size or 2 * micro)


def build_head_sizes(config: DictConfig) -> Sizes:
    """Those of a head alone: whole batches, for there is no padding that pieces would save."""
    trainer = config.trainer
    micro = min(trainer.micro_batch_size or trainer.batch_size, trainer.batch_size)
    return Sizes(micro, trainer.eval_batch_size or FEATURES_AT_ONCE)


def _micro_batch_size(config: DictConfig) -> int:
    """A quarter of a batch on a CPU: texts of like length together are padded half as much.

    Packed ones have no padding, so a piece is as large as pays; each casts the weights anew and
    adds a gradient of the whole vocabulary. A recurrent net pays for each step of the longest text
    instead, and a GPU for each small batch.
    """
    size: int = config.trainer.batch_size
    kind, device = config.backbone.kind, _device(config.trainer.device)
    if device.type != "cpu" or kind == "rnn":
        return size
    batching = OmegaConf.select(config, "trainer.batching", default="packed")
    packed = batching == "packed" and kind in ENCODERS
    return max(4, size // 4, PACKED_TOKENS // config.backbone.max_length if packed else 0)


def build_checkpoints(
    config: DictConfig, folder: Path, *, check: Callable[[], None] = lambda: None
) -> Checkpoints:
    """In this folder, as often as asked, and at evaluations that are not a moment apart."""
    every = config.checkpoint.every
    by_steps = isinstance(every, int)
    return Checkpoints(
        folder,
        every_steps=every if by_steps else None,
        every_seconds=None if by_steps or every is None else seconds(every),
        min_seconds=BETWEEN_EVALUATIONS,
        check=check,
    )


@phase("model")
def build_trainer(
    config: DictConfig,
    forward: Runs,
    plan: Plan,
    train: Split,
    *,
    num_classes: int,
    sizes: Sizes,
) -> Trainer:
    """Loss, optimiser and schedule around a model that stands on its device."""
    optimizer = build_optimizer(
        forward.model,
        lr=config.optimizer.lr,
        weight_decay=config.optimizer.weight_decay,
        backbone_lr_scale=_backbone_lr_scale(config),
    )
    schedule = build_schedule(
        optimizer,
        name=config.schedule.name,
        warmup=config.schedule.warmup,
        total_steps=plan.total_steps(len(train)),
    )
    loss = ClassificationLoss(
        label_smoothing=config.loss.label_smoothing,
        weights=read_class_weights(config, train.labels, num_classes=num_classes),
    )
    return Trainer(forward, optimizer, schedule, loss.to(forward.device), sizes)


def _backbone_lr_scale(config: DictConfig) -> float:
    scale = config.optimizer.backbone_lr_scale
    if scale == "auto":
        return PRETRAINED_LR_SCALE if config.backbone.kind == "pretrained" else 1.0
    return float(scale)


def read_class_weights(
    config: DictConfig, labels: npt.NDArray[np.int64], *, num_classes: int
) -> list[float] | None:
    """The weights that are asked for, one a class, or None."""
    given = config.loss.class_weights
    if given is None:
        return None
    if given == "balanced":
        return class_weights(labels, num_classes=num_classes)
    if isinstance(given, str | int | float) or len(given) != num_classes or min(given) <= 0:
        raise ConfigError(
            f"loss.class_weights={given}: allowed is null, balanced, or "
            f"{num_classes} numbers above 0"
        )
    return [float(weight) for weight in given]
