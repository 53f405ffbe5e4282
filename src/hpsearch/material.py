"""What a fit works on: a model and tokens, or a head and the features of a frozen backbone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig

from hpsearch import builders, found_sizes
from hpsearch.cores import one_core
from hpsearch.data import LazyTokenizer, Splits, Tokens
from hpsearch.frozen import FrozenBackbone, is_cached
from hpsearch.model_folder import complete, save_head, save_model
from hpsearch.models import ClassificationHead
from hpsearch.training import Runs, Sizes, Split
from hpsearch.weights import digest

__all__ = ["Material", "material"]

ALONE = 50_000_000  # multiplications, some milliseconds


@dataclass(frozen=True)
class Material:
    """What is trained, and how it is kept.

    Attributes:
        forward: the model.
        sizes: to begin with.
        train: training examples.
        val: validation examples.
        keep: writes a model that is the best so far, with its metrics, into a folder.
        completed: the folder of the whole model, of one that was kept.
    """

    forward: Runs
    sizes: Sizes
    train: Split
    val: Split
    keep: Callable[[Path, dict[str, float]], None]
    completed: Callable[[Path], Path]


@contextmanager
def material(
    config: DictConfig,
    splits: Splits,
    tokenizer: LazyTokenizer,
    tokens: tuple[Tokens, Tokens],
    *,
    weights: Path | None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> Iterator[Material]:
    """For training on these training and validation tokens; ``weights`` as of a builder."""
    saved = config.copy()
    saved.data.classes = list(splits.classes)
    if weights is None or not is_cached(config, weights):
        yield _whole(saved, tokenizer, tokens, weights=weights)
        return
    backbone = FrozenBackbone(
        saved,
        tokenizer,
        weights,
        digest(weights, cache=builders.cache_folder(config)),
        num_classes=len(splits.classes),
        stop_requested=stop_requested,
    )
    with backbone.held:
        made = _head(saved, backbone, tokens)
        with one_core() if _is_small(made) else nullcontext():
            yield made


def _whole(
    config: DictConfig,
    tokenizer: LazyTokenizer,
    tokens: tuple[Tokens, Tokens],
    *,
    weights: Path | None,
) -> Material:
    """All of the model, at each step."""
    model = builders.build_classifier(
        config, tokenizer.loaded, num_classes=len(config.data.classes), weights=weights
    )
    if config.backbone.freeze == "all":  # the same first head as on cached features
        model.head = _first_head(config, in_dim=int(model.backbone.out_dim))  # type: ignore[arg-type]
    forward = builders.build_forward(config, model, int(tokenizer.loaded.pad_token_id))
    sizes = builders.build_sizes(config)
    found_sizes.remember(sizes, config, device=forward.device)
    if sizes.gradient_checkpointing:
        model.enable_gradient_checkpointing()
    if config.trainer.compile:
        from hpsearch.compiling import compile_backbone  # two seconds

        compile_backbone(model.backbone, cache=builders.cache_folder(config))

    def keep(folder: Path, metrics: dict[str, float]) -> None:
        save_model(folder, model, tokenizer.loaded, config, metrics)

    return Material(forward, sizes, *tokens, keep, completed=lambda kept: kept)


def _head(config: DictConfig, backbone: FrozenBackbone, tokens: tuple[Tokens, Tokens]) -> Material:
    """The head alone."""
    train = backbone.features(tokens[0], of="training")
    same = tokens[1] is tokens[0]  # debug=overfit
    val = train if same else backbone.features(tokens[1], of="validation")
    files = backbone.files()
    backbone.unload()
    in_dim = train.vectors.shape[1]
    head = _first_head(config, in_dim=in_dim)
    forward = builders.build_head_forward(config, head, in_dim=in_dim)

    def keep(folder: Path, metrics: dict[str, float]) -> None:
        save_head(folder, forward.model, metrics)

    def completed(kept: Path) -> Path:
        # Beside the kept head, which a checkpoint speaks of until the trial has its result.
        whole = kept.with_name("whole")
        complete(whole, head=kept, backbone=files, config=config)
        return whole

    sizes = builders.build_head_sizes(config)
    return Material(forward, sizes, train, val, keep, completed)


def _is_small(made: Material) -> bool:
    """Whether a layer of a step is too little to be shared by cores."""
    weights = sum(parameter.numel() for parameter in made.forward.model.parameters())
    return made.sizes.micro_batch_size * weights <= ALONE


def _first_head(config: DictConfig, *, in_dim: int) -> ClassificationHead:
    """Its weights do not depend on whether, or how, a backbone was loaded before."""
    torch.manual_seed(config.seed)
    return builders.build_head(config, in_dim=in_dim, num_classes=len(config.data.classes))
