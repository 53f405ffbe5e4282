"""A program to sweep: returns x² + y² + size, and leaves what it got in `seen.json`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra_plugins.hpsearch_sweeper import current_trial
from omegaconf import DictConfig, OmegaConf


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> float:
    trial = current_trial()
    seen = {"config": OmegaConf.to_container(config), "number": trial.number}
    folder = Path(HydraConfig.get().runtime.output_dir)
    (folder / "seen.json").write_text(json.dumps(seen))
    if config.label == "modules":
        print("optuna loaded:", "optuna" in sys.modules)
    if config.z == "fail":
        raise ValueError("told to fail")
    if config.z == "kill" and not (marker := Path(config.out)).exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(config.wait)
    value = float(config.x**2 + config.y**2 + config.model.size)
    if not config.quiet:
        trial.report(value, step=1)
        trial.set_user_attr("folder", str(folder))
    return value


if __name__ == "__main__":
    main()
