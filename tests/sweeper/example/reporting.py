"""A program that uses all of its trial: it reports x, may be stopped, and leaves notes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import hydra
import optuna
from hydra_plugins.hpsearch_sweeper import current_trial
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="reporting")
def main(config: DictConfig) -> float:
    trial = current_trial()
    (Path(config.out) / f"{trial.number}.json").write_text(json.dumps(dict(os.environ)))
    trial.set_user_attr("pid", os.getpid())
    trial.set_constraint("size", float(config.x))
    for step in range(config.steps):
        trial.report(float(config.x), step)
        if trial.should_prune():
            raise optuna.TrialPruned
        time.sleep(config.wait)
    return float(config.x)


if __name__ == "__main__":
    main()
