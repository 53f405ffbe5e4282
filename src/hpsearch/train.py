"""Train a text classifier: one run, or with ``-m`` a sweep.

    python -m hpsearch.train
    python -m hpsearch.train -m head.activation=tanh,relu
    python -m hpsearch.train -m experiment=sbert_imdb backbone=minilm data.path=DIR

Wiring only: configuration → objects → fit → objective.
"""

from __future__ import annotations

from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from hpsearch.config import CONF_DIR, check, register
from hpsearch.errors import one_line_errors

__all__ = ["check_job", "main"]

register()


@hydra.main(config_path=str(CONF_DIR), config_name="config", version_base="1.3")
def _job(config: DictConfig) -> float:
    from hpsearch.run import run_trial  # heavy: torch, transformers

    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return run_trial(config)
    # What leaves a single run as an exception gets a line of Hydra's before ours.
    with one_line_errors():
        return run_trial(config)


def check_job(config: DictConfig) -> None:
    """What can be checked before anything trains; the sweeper asks it for every searched value."""
    check(config)  # soon, and without torch
    from hpsearch.run import check_inputs

    check_inputs(config)


def main() -> Any:
    with one_line_errors():
        _job()


if __name__ == "__main__":
    main()
