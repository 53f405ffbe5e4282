"""Data and tokenizer of a configuration."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig
from transformers import PreTrainedTokenizerFast

from hpsearch.builders.models import trusts
from hpsearch.data import Examples, Splits, load_splits, load_test, load_tokenizer
from hpsearch.data.tokenizers import has_tokenizer

__all__ = ["cache_folder", "read_splits", "read_test", "read_tokenizer"]


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
        trust_remote_code=trusts(backbone),
    )
