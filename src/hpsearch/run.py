"""One trial: checks, the store, MLflow, and in their midst the training."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydra_plugins.hpsearch_sweeper import TrialHandle, current_trial
from omegaconf import DictConfig

from hpsearch import builders, timing
from hpsearch.config import check, fingerprint, flatten
from hpsearch.data import Splits
from hpsearch.data_record import check_data
from hpsearch.errors import DivergedError, TooLargeError
from hpsearch.fitting import Listener, train
from hpsearch.preemption import heeded
from hpsearch.recording import record, replay, replay_history, summarise
from hpsearch.timing import phase
from hpsearch.tracking import TrialRun
from hpsearch.trials import Result, TrialFolder, TrialStore
from hpsearch.weights import digest, locate

__all__ = ["OBJECTIVE", "check_inputs", "run_trial"]

log = logging.getLogger(__name__)

# What a search maximises and a table is sorted by, at the checkpoint that early stopping keeps.
OBJECTIVE = "val/accuracy"


def run_trial(config: DictConfig) -> float:
    """Train, or answer from the store; the best checkpoint's validation accuracy."""
    timing.begin()
    splits, weights = check_inputs(config)
    name = fingerprint(
        config,
        data_digest=splits.digest,
        weights_digest="random" if weights is None else _digest(config, weights),
    )
    found, trial = TrialStore(Path(config.root)).open(name), current_trial()
    with (
        found.held() as folder,
        heeded() as stop,
        record(config, splits, folder, trial) as run,
    ):
        result = folder.result()
        if result is None:
            told = _Told(run, trial, stop, by_epoch=config.trainer.eval_every == "epoch")
            with _ends(trial, folder):
                result = train(config, splits, weights, folder, told.listener)
            _say_best(result, folder)
        else:
            log.info("finished before: its result stands in %s", folder.path)
            replay(run, result)
        summarise(run, result, folder, log_model=config.tracking.log_model)
    log.debug("seconds: %s", json.dumps(timing.phases()))
    return result.best[OBJECTIVE]


def check_inputs(config: DictConfig) -> tuple[Splits, Path | None]:
    """Everything that can be wrong and be seen before the training; the data and the weights."""
    check(config)
    splits, weights = builders.read_splits(config), find_weights(config)
    if study := current_trial().study_name:
        values, keep = flatten(config), current_trial().active
        check_data(Path(config.root), study, values, splits.digest, keep=keep)
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


def _digest(config: DictConfig, weights: Path) -> str:
    return digest(weights, cache=builders.cache_folder(config))


@dataclass(frozen=True)
class _Told:
    """Evaluations go to the terminal, to MLflow, and to the search, which may prune."""

    run: TrialRun
    trial: TrialHandle
    stop_requested: Callable[[], bool]
    by_epoch: bool

    @property
    def listener(self) -> Listener:
        return Listener(self.report, self.resumed, self.stop_requested)

    @phase("tracking")
    def report(self, step: int, metrics: dict[str, float]) -> None:
        _say_evaluation(metrics)
        self.run.log(metrics, step=step)
        self.trial.report(metrics[OBJECTIVE], step)
        self._prune(step)

    def resumed(self, history: list[dict[str, float]]) -> None:
        """What a killed process may not have come to tell."""
        replay_history(self.run, history, by_epoch=self.by_epoch)
        for number, metrics in enumerate(history, start=1):
            step = number if self.by_epoch else int(metrics["step"])
            self.trial.report(metrics[OBJECTIVE], step)
        if history:
            self._prune(step)

    def _prune(self, step: int) -> None:
        if self.trial.should_prune():
            import optuna

            self.run.pruned(step=step)
            raise optuna.TrialPruned(f"at step {step}")


@contextmanager
def _ends(trial: TrialHandle, folder: TrialFolder) -> Iterator[None]:
    """What follows where a training does not end with a result."""
    try:
        yield
    except TooLargeError:
        trial.set_constraint("out_of_memory", 1.0)  # so that the sampler keeps away
        raise
    except Exception as error:
        folder.check()  # what another process took from under this one fails in many ways
        if isinstance(error, DivergedError) or type(error).__name__ == "TrialPruned":
            folder.remove_checkpoints()  # it is given up: nobody goes on from them
        raise


def _say_evaluation(metrics: dict[str, float]) -> None:
    log.info(
        "epoch %-4.3g train/loss %.4f  val/loss %.4f  val/accuracy %.4f  val/f1 %.4f  "
        "%.0f examples/s  %.0f MiB",
        *(metrics[key] for key in ("epoch", "train/loss", "val/loss", "val/accuracy", "val/f1")),
        metrics["system/examples_per_second"],
        metrics["system/memory_mib"],
    )


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
