"""Train one configuration: objects from the builders, a fit, a result in the trial's folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from omegaconf import DictConfig

from hpsearch import builders
from hpsearch.config import flatten
from hpsearch.data import LazyTokenizer, Splits, Tokens, tokenise
from hpsearch.data.batches import epoch_order
from hpsearch.errors import TooLargeError
from hpsearch.material import Material, material
from hpsearch.progress import track
from hpsearch.redaction import redacted
from hpsearch.timing import phases
from hpsearch.training import Checkpoints, Plan, State, Trainer, fit
from hpsearch.training.memory import limited, peak_memory
from hpsearch.trials import Result, TrialFolder, versions

__all__ = ["Listener", "train"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Listener:
    """Who is told of a training's evaluations, and says whether it shall stop.

    Attributes:
        report: each one with the epochs, or steps, spent; it may raise to end the training.
        resumed: those of before, where a training is taken up from a checkpoint.
        stop_requested: asked at each step.
    """

    report: Callable[[int, dict[str, float]], None]
    resumed: Callable[[list[dict[str, float]]], None]
    stop_requested: Callable[[], bool] = lambda: False


def train(
    config: DictConfig,
    splits: Splits,
    weights: Path | None,
    folder: TrialFolder,
    listener: Listener,
) -> Result:
    """Train, from the trial's last checkpoint if it has one; its folder then holds the result.

    Raises:
        PreemptedError: it was to stop; its checkpoint holds how far it was.
        TrainingError: it diverged, or does not fit into memory.
    """
    torch.manual_seed(config.seed)
    _make_deterministic(config.trainer.deterministic)
    tokenizer = builders.find_tokenizer(config, splits, weights)
    plan = builders.build_plan(config)
    tokens = _tokens(config, splits, tokenizer, plan)
    checkpoints = builders.build_checkpoints(config, folder.checkpoints, check=folder.check)
    folder.reopen(checkpoints.best)
    device = builders.build_precision(config).device
    with (
        _profiled(config, folder),
        _figures_of_memory(config, device),
        material(
            *(config, splits, tokenizer, tokens),
            weights=weights,
            stop_requested=listener.stop_requested,
        ) as made,
    ):
        trainer = builders.build_trainer(
            config,
            made.forward,
            plan,
            made.train,
            num_classes=len(splits.classes),
            sizes=made.sizes,
        )
        with limited(config.trainer.memory_limit, device):
            state = _fit(trainer, plan, made, checkpoints=checkpoints, listener=listener)
        assert state.fit.best_step is not None
        model = made.completed(checkpoints.best(state.fit.best_step))
    labels = made.val.labels
    return _finish(config, splits, folder, trainer, state, labels=labels, model=model)


def _fit(
    trainer: Trainer, plan: Plan, made: Material, *, checkpoints: Checkpoints, listener: Listener
) -> State:
    def keep_best(step: int, metrics: dict[str, float]) -> None:
        checkpoints.check()
        made.keep(checkpoints.best(step), metrics)

    return fit(
        trainer,
        plan,
        train=made.train,
        val=made.val,
        keep_best=keep_best,
        report=listener.report,
        resumed=listener.resumed,
        progress=track,
        checkpoints=checkpoints,
        stop_requested=listener.stop_requested,
    )


def _make_deterministic(wanted: bool) -> None:
    if wanted:
        # CUDA's matrix products are told by this alone, when they are first used.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if wanted != torch.are_deterministic_algorithms_enabled():  # to say so takes two seconds
        torch.use_deterministic_algorithms(wanted)


def _tokens(
    config: DictConfig, splits: Splits, tokenizer: LazyTokenizer, plan: Plan
) -> tuple[Tokens, Tokens]:
    """Of the training and the validation split."""
    tokens = partial(
        tokenise,
        tokenizer=tokenizer,
        max_length=config.backbone.max_length,
        cache=builders.cache_folder(config),
    )
    train_tokens, val_tokens = tokens(splits.train), tokens(splits.val)
    if config.trainer.overfit:
        train_tokens = val_tokens = _first_batch(train_tokens, plan)
    return train_tokens, val_tokens


def _first_batch(tokens: Tokens, plan: Plan) -> Tokens:
    """What ``debug=overfit`` trains and evaluates on."""
    rows = epoch_order(len(tokens), seed=plan.seed, epoch=0)[: plan.batch_size]
    return tokens.take(rows.astype(np.int64))


def _finish(
    config: DictConfig,
    splits: Splits,
    folder: TrialFolder,
    trainer: Trainer,
    state: State,
    *,
    labels: npt.NDArray[np.int64],
    model: Path,
) -> Result:
    fitted = state.fit
    assert fitted.best_probabilities is not None
    result = Result(
        fingerprint=folder.path.name,
        best=fitted.best,
        history=fitted.history,
        stopped_early=fitted.stopped_early,
        seconds=state.elapsed,
        config=redacted(flatten(config)),
        data={
            "digest": splits.digest,
            "classes": list(splits.classes),
            "train": len(splits.train),
            "val": len(splits.val),
        },
        versions=versions(),
        rollbacks=fitted.rollbacks,
        sizes=trainer.sizes.as_dict(),
        phases=phases(),
    )
    folder.finish(result, fitted.best_probabilities, labels, model=model)
    return result


@contextmanager
def _figures_of_memory(config: DictConfig, device: torch.device) -> Iterator[None]:
    """What does not fit is told with how much there was, and what needs less."""
    try:
        yield
    except TooLargeError as error:
        peak = "  ".join(f"{k} {v:.0f}" for k, v in peak_memory(device).items())
        raise TooLargeError(
            f"{error}; peak: {peak}, trainer.memory_limit={config.trainer.memory_limit}; "
            f"lower backbone.max_length={config.backbone.max_length} or take a smaller backbone"
        ) from None


@contextmanager
def _profiled(config: DictConfig, folder: TrialFolder) -> Iterator[None]:
    """With ``trainer.profile``, print where the time went and leave a trace for chrome://tracing."""
    if not config.trainer.profile:
        yield
        return
    with torch.profiler.profile(record_shapes=True) as profiler:
        yield
    trace = folder.path / "trace.json"
    profiler.export_chrome_trace(str(trace))
    sort = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    print(profiler.key_averages().table(sort_by=sort, row_limit=15, max_name_column_width=40))
    log.info("trace: %s", trace)
