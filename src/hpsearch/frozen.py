"""A frozen backbone: its features from the cache, and loaded only to compute what is not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

from hpsearch import builders, found_sizes
from hpsearch.config.fingerprint import code_version
from hpsearch.cores import all_cores
from hpsearch.data import LazyTokenizer, Tokens
from hpsearch.feature_cache import FeatureCache, stamp, stamp_break
from hpsearch.models import Classifier
from hpsearch.training import Features, Forward, HeadForward, Precomputed, embed, evaluate
from hpsearch.training.memory import limited
from hpsearch.trials import versions
from hpsearch.weights import has_weights

__all__ = ["FrozenBackbone", "cached_logits", "feature_cache", "is_cached"]

MIB = 2**20
VECTORS = "vectors.npy"


def is_cached(config: DictConfig, weights: Path | None) -> bool:
    """Whether it trains on features; those of random weights would serve one seed only."""
    if config.backbone.freeze != "all" or weights is None or not has_weights(weights):
        return False
    return feature_cache(config) is not None


def feature_cache(config: DictConfig) -> FeatureCache | None:
    """Where features are kept; None where ``trainer.feature_cache`` is 0."""
    mib = OmegaConf.select(config, "trainer.feature_cache")  # models of before have no such key
    if mib == 0:
        return None
    folder = builders.cache_folder(config) / "features"
    return FeatureCache(folder, None if mib is None else mib * MIB)


@dataclass
class FrozenBackbone:
    """The frozen backbone of a configuration, loaded when something is to be computed.

    Attributes:
        config: of the trial.
        tokenizer: of the backbone.
        weights: the backbone's folder.
        digest: names the content of ``weights``.
        num_classes: of the head that ``load`` puts on it.
        held: the cache's entries that are in use; closing it gives them free.
        stop_requested: asked at each batch of texts that is computed.
    """

    config: DictConfig
    tokenizer: LazyTokenizer
    weights: Path
    digest: str
    num_classes: int
    held: ExitStack = field(default_factory=ExitStack)
    stop_requested: Callable[[], bool] = lambda: False

    @cached_property
    def cache(self) -> FeatureCache:
        cache = feature_cache(self.config)
        assert cache is not None
        return replace(cache, stop_requested=self.stop_requested)

    @cached_property
    def forward(self) -> Forward:
        """The whole model, through which tokens go."""
        model = builders.build_classifier(
            self.config, self.tokenizer.loaded, num_classes=self.num_classes, weights=self.weights
        )
        return builders.build_forward(self.config, model, int(self.tokenizer.loaded.pad_token_id))

    def features(self, tokens: Tokens, *, of: str) -> Features:
        """Of a split's tokens; ``of`` names the split in the log."""
        what = f"features of {len(tokens):,} {of} texts"
        key = _key({**self._of(), "tokens": _digest(tokens)})
        entry = self.cache.entry(key, partial(self._compute, tokens), what=what)
        folder = self.held.enter_context(entry)
        vectors = np.asarray(np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False))
        return Features(vectors, np.asarray(tokens.labels), tokens.lengths)

    def files(self) -> Path:
        """A folder with backbone and tokenizer as ``save_pretrained`` writes them."""
        key = _key({"backbone": self.digest, "tokenizer": self.tokenizer.digest, **_code()})
        entry = self.cache.entry(
            key, self._save, what="the frozen backbone's own files", check=stamp_break
        )
        return self.held.enter_context(entry)

    def unload(self) -> None:
        """What it took to compute has no use in training."""
        self.__dict__.pop("forward", None)

    def _compute(self, tokens: Tokens, folder: Path) -> None:
        sizes = builders.build_sizes(self.config)
        found_sizes.remember(sizes, self.config, device=self.forward.device)
        with all_cores(), limited(self.config.trainer.memory_limit, self.forward.device):
            stop = self.stop_requested
            vectors = embed(self.forward, tokens, sizes=sizes, stop_requested=stop).numpy()
        with (folder / VECTORS).open("wb") as file:
            header = np.lib.format.header_data_from_array_1_0(vectors)
            np.lib.format.write_array_header_1_0(file, header)
            # `np.save` tells of a full disk without its number.
            file.write(vectors.data.cast("B"))

    def _save(self, folder: Path) -> None:
        self.forward.model.backbone.save_pretrained(folder)  # type: ignore[operator]
        self.tokenizer.loaded.save_pretrained(folder)
        stamp(folder)

    def _of(self) -> dict[str, Any]:
        """All that decides what the features are, but for the tokens."""
        backbone = self.config.backbone
        return {
            "backbone": self.digest,
            "pooling": backbone.pooling,
            "attention": OmegaConf.select(backbone, "attention"),
            "max_length": backbone.max_length,
            "precision": self.config.precision.name,
            "device": builders.build_precision(self.config).device.type,
            **_code(),
        }


def cached_logits(
    folder: Path,
    config: DictConfig,
    tokenizer: LazyTokenizer,
    forward: Forward,
    tokens: Tokens,
) -> torch.Tensor:
    """The logits (n, classes) of a saved model; winners with the same backbone share features."""
    classes = len(config.data.classes)
    backbone = FrozenBackbone(config, tokenizer, folder, _files_digest(folder), classes)
    backbone.forward = forward
    with backbone.held:
        features = backbone.features(tokens, of="test")
        model = Classifier(Precomputed(features.vectors.shape[1]), forward.model.head)
        head = HeadForward(model, forward.precision, forward.device)
        return evaluate(head, features, sizes=builders.build_head_sizes(config))


def _files_digest(folder: Path) -> str:
    """Of the backbone in a saved model, which has files of its trial too."""
    digest = hashlib.sha256()
    for file in sorted([folder / "config.json", *folder.glob("model*.safetensors")]):
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def _code() -> dict[str, str]:
    """The code that computes features, ours and others'."""
    return {"code": code_version(), **versions()}


def _digest(tokens: Tokens) -> str:
    """Of the token ids of every text, so of texts, tokenizer and length."""
    digest = hashlib.sha256(np.ascontiguousarray(tokens.lengths).tobytes())
    first, last = int(tokens.offsets[0]), int(tokens.offsets[-1])
    digest.update(np.ascontiguousarray(tokens.values[first:last]).tobytes())
    return digest.hexdigest()


def _key(of: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]
