"""A program that counts, and goes on where it had come to when it was told to end."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import hydra
from hydra_plugins.hpsearch_sweeper import current_trial
from omegaconf import DictConfig


class ToldToEndError(Exception):
    retriable = True


@hydra.main(version_base="1.3", config_path="conf", config_name="counting")
def main(config: DictConfig) -> float:
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: told.append(number))
    kept, log = (Path(config.out, f"{config.x}.{suffix}") for suffix in ("json", "log"))
    step, value = json.loads(kept.read_text()) if kept.exists() else (0, float(config.x))
    note(log, f"begins {current_trial().number} {os.environ.get('SLURM_JOB_ID')} {step}")
    try:
        while step < config.steps:
            time.sleep(config.seconds)
            step, value = step + 1, following(value)
            if config.reports:
                current_trial().report(value, step)
            if told:
                kept.write_text(json.dumps([step, value]))
                raise ToldToEndError(f"after step {step}")
    finally:
        note(log, "ends")
    return value


def following(value: float) -> float:
    """Rounding makes a second way to the same step another value."""
    return value * 1.1 + 0.3


def note(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(f"{time.time():.3f} {os.getpid()} {text}\n")


if __name__ == "__main__":
    main()
