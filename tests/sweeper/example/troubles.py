"""A program whose jobs end in every way there is; each writes when it began and when it ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

import hydra
from hydra_plugins.hpsearch_sweeper import current_trial
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="troubles")
def main(config: DictConfig) -> float:
    log = Path(config.out) / f"{time.time():.6f}-{current_trial().number}"
    log.write_text(f"{time.time()} {os.getpid()}")
    print(f"how={config.how}", flush=True)
    time.sleep(config.seconds)
    end(config.how, log)
    log.write_text(f"{log.read_text()} {time.time()}")
    return float(config.seconds)


def end(how: str, log: Path) -> None:
    """As told; `once` ways only where no other job of the same way has begun before."""
    first = sum(path.read_text().endswith(how) for path in log.parent.iterdir()) == 0
    log.write_text(f"{log.read_text()} {how}")
    if how == "raise":
        raise ValueError("told to fail")
    if how == "sys.exit":
        sys.exit(3)
    if how == "os._exit":
        os._exit(137)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "kill" or (how == "kill-once" and first):
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "memory":
        bytearray(1 << 50)
    if how == "hang":
        time.sleep(600)


if __name__ == "__main__":
    main()
