"""What happens once a sweep, in the parent process: the database, and the study's own run."""

from __future__ import annotations

from typing import Any

from hydra.experimental.callback import Callback
from hydra_plugins.hpsearch_sweeper import resolve_study_name, search_keys
from omegaconf import DictConfig

from hpsearch.errors import one_line_errors

__all__ = ["StudyCallback"]


class StudyCallback(Callback):
    """Opens the study in MLflow before its first trial, and closes it after its last.

    ``conf/config.yaml`` tells it to Hydra (``hydra.callbacks.study``).
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from hpsearch.recording import open_study

        if _dry(config):
            return
        # Hydra turns what a callback raises into a warning and goes on; an exit it lets through.
        with one_line_errors():
            open_study(config, name=resolve_study_name(config), keys=search_keys(config))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from hpsearch.recording import close_study

        if _dry(config):
            return
        with one_line_errors():
            close_study(config, name=resolve_study_name(config))


def _dry(config: DictConfig) -> bool:
    return bool(config.hydra.sweeper.get("dry_run"))
