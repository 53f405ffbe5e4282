"""Train a text classifier: one run, or with ``-m`` a sweep.

    python -m hpsearch.train
    python -m hpsearch.train -m head.activation=tanh,relu
    python -m hpsearch.train -m experiment=sbert_imdb backbone=minilm data.path=DIR

Wiring only: configuration → objects → fit → objective.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NoReturn

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from hpsearch.config import CONF_DIR, check, register
from hpsearch.errors import ConfigError, one_line_errors
from hpsearch.preemption import terminable
from hpsearch.redaction import redacted_output

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
    with one_line_errors(), terminable(), redacted_output() if _prints() else nullcontext():
        _job()


def _prints() -> bool:
    """Whether Hydra will print a configuration and run nothing; refuses wrong flags."""
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]
    given = parser.parse_args()
    return bool(given.help or given.hydra_help or given.cfg or given.info)


def _refuse(message: str) -> NoReturn:
    raise ConfigError(f"{message}; flags come first, then key=value: -m head.dim=0,50")


if __name__ == "__main__":
    main()
