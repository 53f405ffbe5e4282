"""One trial: configuration → objects → fit → objective."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from hydra_plugins.hpsearch_sweeper import TrialHandle, current_trial
from omegaconf import DictConfig

from hpsearch import builders
from hpsearch.config import check, fingerprint, flatten
from hpsearch.data import Splits, Tokens, tokenise
from hpsearch.data.batches import epoch_order
from hpsearch.model_folder import save_model
from hpsearch.progress import track
from hpsearch.recording import record, replay, summarise
from hpsearch.tracking import TrialRun
from hpsearch.training import Fit, Plan, fit
from hpsearch.trials import Result, TrialFolder, TrialStore, versions
from hpsearch.weights import digest, locate

__all__ = ["OBJECTIVE", "check_inputs", "run_trial"]

log = logging.getLogger(__name__)

# What a search maximises and a table is sorted by, at the checkpoint that early stopping keeps.
OBJECTIVE = "val/accuracy"


def run_trial(config: DictConfig) -> float:
    """Train, or answer from the store; the best checkpoint's validation accuracy."""
    splits, weights = check_inputs(config)
    name = fingerprint(
        config,
        data_digest=splits.digest,
        weights_digest="random" if weights is None else digest(weights),
    )
    folder = TrialStore(Path(config.root)).open(name)
    trial = current_trial()
    with folder.held(), record(config, splits, folder, trial) as run:
        result = folder.result()
        if result is None:
            report = partial(_report, run, trial)
            result = train(config, splits, weights, folder, report)
            _say_best(result, folder)
        else:
            log.info("finished before: its result stands in %s", folder.path)
            replay(run, result)
        summarise(run, result, folder, log_model=config.tracking.log_model)
    return result.best[OBJECTIVE]


def check_inputs(config: DictConfig) -> tuple[Splits, Path | None]:
    """Everything that can be wrong and be seen before the training; the data and the weights."""
    check(config)
    splits, weights = builders.read_splits(config), find_weights(config)
    builders.build_precision(config)
    builders.read_class_weights(config, splits.train.labels, num_classes=len(splits.classes))
    if weights is not None:
        builders.check_encoder(config, weights)
    return splits, weights


def find_weights(config: DictConfig) -> Path | None:
    """The local folder of a pretrained backbone; None where it starts from random weights."""
    if config.backbone.kind != "pretrained":
        return None
    return locate(config.backbone.name, cache=builders.cache_folder(config))


def train(
    config: DictConfig,
    splits: Splits,
    weights: Path | None,
    folder: TrialFolder,
    report: Callable[[int, dict[str, float]], None],
) -> Result:
    """Train one configuration; its folder then holds the best model and the result."""
    started = time.perf_counter()
    torch.manual_seed(config.seed)
    torch.use_deterministic_algorithms(config.trainer.deterministic)
    tokenizer = builders.read_tokenizer(config, splits, weights)
    tokens = partial(
        tokenise,
        tokenizer=tokenizer,
        max_length=config.backbone.max_length,
        cache=builders.cache_folder(config),
    )
    model = builders.build_classifier(
        config, tokenizer, num_classes=len(splits.classes), weights=weights
    )
    plan = builders.build_plan(config)
    train_tokens, val_tokens = tokens(splits.train), tokens(splits.val)
    if config.trainer.overfit:
        train_tokens = val_tokens = _first_batch(train_tokens, plan)
    forward = builders.build_forward(config, model, int(tokenizer.pad_token_id))
    trainer = builders.build_trainer(
        config, forward, plan, train_tokens, num_classes=len(splits.classes)
    )
    saved = config.copy()
    saved.data.classes = list(splits.classes)
    with _profiled(config, folder):
        result = fit(
            trainer,
            plan,
            train=train_tokens,
            val=val_tokens,
            keep_best=lambda metrics: save_model(folder.best, model, tokenizer, saved, metrics),
            report=report,
            progress=track,
        )
    return _finish(config, splits, folder, result, seconds=time.perf_counter() - started)


def _first_batch(tokens: Tokens, plan: Plan) -> Tokens:
    """What ``debug=overfit`` trains and evaluates on."""
    rows = epoch_order(len(tokens), seed=plan.seed, epoch=0)[: plan.batch_size]
    return tokens.take(rows.astype(np.int64))


def _finish(
    config: DictConfig, splits: Splits, folder: TrialFolder, fitted: Fit, *, seconds: float
) -> Result:
    assert fitted.best_probabilities is not None
    result = Result(
        fingerprint=folder.path.name,
        best=fitted.best,
        history=fitted.history,
        stopped_early=fitted.stopped_early,
        seconds=seconds,
        config=flatten(config),
        data={
            "digest": splits.digest,
            "classes": list(splits.classes),
            "train": len(splits.train),
            "val": len(splits.val),
        },
        versions=versions(),
    )
    folder.finish(result, fitted.best_probabilities)
    return result


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


def _report(run: TrialRun, trial: TrialHandle, step: int, metrics: dict[str, float]) -> None:
    """One evaluation: to the terminal, to MLflow, and to the search, which may prune."""
    log.info(
        "epoch %-4.3g train/loss %.4f  val/loss %.4f  val/accuracy %.4f  val/f1 %.4f  "
        "%.0f examples/s  %.0f MiB",
        *(metrics[key] for key in ("epoch", "train/loss", "val/loss", "val/accuracy", "val/f1")),
        metrics["system/examples_per_second"],
        metrics["system/memory_mib"],
    )
    run.log(metrics, step=step)
    trial.report(metrics[OBJECTIVE], step)
    if trial.should_prune():
        import optuna

        run.pruned(step=step)
        raise optuna.TrialPruned(f"at step {step}")


def _say_best(result: Result, folder: TrialFolder) -> None:
    stop = ", stopped early" if result.stopped_early else ""
    log.info(
        "best: val/accuracy %.4f  val/loss %.4f  at epoch %.3g of %.3g%s  (%.1f s)  %s",
        result.best["val/accuracy"],
        result.best["val/loss"],
        result.best["epoch"],
        result.history[-1]["epoch"],
        stop,
        result.seconds,
        folder.best,
    )
