"""Data and tokenizer of a configuration."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import tokenizers
import transformers
from omegaconf import DictConfig

from hpsearch.builders.models import trusts
from hpsearch.data import Examples, LazyTokenizer, Splits, load_splits, load_test, load_tokenizer
from hpsearch.data.tokenizers import has_tokenizer
from hpsearch.weights import digest

__all__ = ["cache_folder", "find_tokenizer", "read_splits", "read_test"]


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


def find_tokenizer(config: DictConfig, splits: Splits, weights: Path | None) -> LazyTokenizer:
    """The one that is asked for, else the model's own, else a WordPiece one of its own making."""
    backbone = config.backbone
    which, content = backbone.tokenizer, None
    if which is None and weights is not None and has_tokenizer(weights):
        # The digest of the weights' folder covers it; how it is read is the libraries'.
        its = digest(weights, cache=cache_folder(config))
        which = str(weights)
        content = f"{its} {transformers.__version__} {tokenizers.__version__}"
    load = partial(
        load_tokenizer,
        which or "wordpiece",
        texts=splits.train.texts,
        vocab_size=backbone.vocab_size,
        lowercase=backbone.lowercase,
        cache=cache_folder(config),
        digest=splits.digest,
        trust_remote_code=trusts(backbone),
    )
    return LazyTokenizer(load, content)
