"""What Hydra lets us do around its runs: check first, open the study, hide passwords on disk."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from hydra.types import RunMode
from hydra_plugins.hpsearch_sweeper import (
    check_search,
    resolve_study_name,
    search_keys,
    warm_up,
)
from omegaconf import DictConfig

from hpsearch.config import check, check_keys
from hpsearch.disk import require_writable
from hpsearch.errors import HpsearchError, one_line_errors
from hpsearch.redaction import redact_file

__all__ = ["StudyCallback"]

log = logging.getLogger(__name__)


class StudyCallback(Callback):
    """Opens the study in MLflow before its first trial, and closes it after its last.

    ``conf/config.yaml`` tells it to Hydra (``hydra.callbacks.study``), which turns what a callback
    raises into a warning and goes on. An exit it lets through.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Before Hydra makes any folder."""
        with one_line_errors():
            check(config)
            require_writable(config.root)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Hydra has just saved the configuration as it is."""
        with one_line_errors():
            _hide_passwords(config)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from hpsearch.recording import open_study

        if _dry(config):
            return
        with one_line_errors():
            check_keys(config, ["name", "root"])  # the search may fill in others
            require_writable(config.root)
            name, keys = resolve_study_name(config), search_keys(config)
            check_search(config, check)  # a mistyped value begins nothing
            warm_up(config)  # the trials' server imports torch while MLflow's store is opened
            open_study(config, name=name, keys=keys)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from hpsearch.recording import close_study

        if _dry(config):
            return
        with one_line_errors():
            name = resolve_study_name(config)
            redact_file(_multirun_file(config))
            close_study(config, name=name)
            if config.report.auto:
                _report(config, study=name)


def _report(config: DictConfig, *, study: str) -> None:
    """The table, unasked; the sweep is done and well even where it cannot be written."""
    from hpsearch.publishing import publish
    from hpsearch.recording import tracker_of
    from hpsearch.reporting import Layout

    tracker = tracker_of(config)
    if tracker.is_away():  # a server that hangs would be waited for
        log.warning("no report: MLflow is away; later: python -m hpsearch.report")
        return
    try:
        layout = Layout(tuple(config.report.columns or ()), config.report.digits)
        publish(tracker.read_study(study), Path(config.root), tracker, layout=layout)
    except HpsearchError as error:
        log.warning("no report: %s", error)


def _hide_passwords(config: DictConfig) -> None:
    hydra = config.hydra
    if hydra.output_subdir is not None:
        for file in Path(hydra.runtime.output_dir, hydra.output_subdir).glob("*.yaml"):
            redact_file(file)
    if hydra.mode == RunMode.MULTIRUN:
        redact_file(_multirun_file(config))


def _multirun_file(config: DictConfig) -> Path:
    """What a sweeper of Hydra's own leaves; ours hides the passwords in it itself."""
    return Path(config.hydra.sweep.dir, "multirun.yaml")


def _dry(config: DictConfig) -> bool:
    return bool(config.hydra.sweeper.get("dry_run"))
