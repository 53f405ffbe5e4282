"""The classifier of a configuration, new or from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf
from torch import nn
from transformers import PreTrainedTokenizerFast

from hpsearch.errors import ConfigError
from hpsearch.models import ClassificationHead, Classifier, CnnBackbone, RnnBackbone
from hpsearch.models.storage import HEAD_FILE, WEIGHTS_FILE, load_module
from hpsearch.timing import phase

if TYPE_CHECKING:  # it takes seconds, which a CNN need not wait for
    from hpsearch.models import EncoderBackbone

__all__ = [
    "ENCODERS",
    "build_classifier",
    "build_head",
    "check_encoder",
    "load_classifier",
    "trusts",
]

# The kinds of backbones that are transformers.
ENCODERS = ("pretrained", "transformer")


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
            trust_remote_code=trusts(backbone),
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
def check_encoder(config: DictConfig, weights: Path) -> None:
    """What a pretrained encoder's own configuration tells before it is loaded."""
    from hpsearch.encoders import check_fit

    backbone = config.backbone
    layers = check_fit(weights, max_length=backbone.max_length, trust_remote_code=trusts(backbone))
    if isinstance(backbone.freeze, int) and backbone.freeze > layers:
        raise ConfigError(
            f"backbone.freeze={backbone.freeze}: {backbone.name} has {layers} layers; allowed is "
            "none, all, or up to that"
        )


def trusts(backbone: DictConfig) -> bool:
    """Whether Python code that comes with a pretrained model may run; only those have the key."""
    return bool(OmegaConf.select(backbone, "trust_remote_code", default=False))
