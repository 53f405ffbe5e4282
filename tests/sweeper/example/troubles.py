"""A program whose jobs end in every way there is; each writes when it began and when it ended."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import hydra
from hydra_plugins.hpsearch_sweeper import current_trial
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="troubles")
def main(config: DictConfig) -> float:
    log = Path(config.out) / f"{time.time():.6f}-{current_trial().number}"
    log.write_text(f"{time.time()} {os.getpid()}")
    print(f"how={config.how}", flush=True)
    for step in range(config.reports):
        time.sleep(config.seconds / config.reports)
        current_trial().report(float(config.seconds), step)
    time.sleep(0 if config.reports else config.seconds)
    end(config.how, log)
    log.write_text(f"{log.read_text()} {time.time()}")
    return float(config.seconds)


class StoppedError(Exception):
    """What a training raises after it has written how far it is."""

    retriable = True


def end(how: str, log: Path) -> None:
    """As told; `once` ways only where no other job of the same way has begun before."""
    first = sum(path.read_text().endswith(how) for path in log.parent.iterdir()) == 0
    log.write_text(f"{log.read_text()} {how}")
    if how == "raise":
        raise ValueError("told to fail")
    if how == "sys.exit":
        sys.exit(3)
    if how == "os._exit" or (how == "os._exit-once" and first):
        os._exit(137)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "kill" or (how == "kill-once" and first):
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "linger":
        atexit.register(time.sleep, 60)
    if how == "memory":
        bytearray(1 << 50)
    if how.startswith("stoppable"):
        signal.signal(signal.SIGTERM, stop)
        (log.parent.parent / "stoppable").touch()
        time.sleep(600 if first else 0)
    if how.startswith("hang") and (first or not how.endswith("-once")):
        HANGS[how.removesuffix("-once")]()


def stop(number: int, frame: object) -> None:
    time.sleep(1)  # it writes
    print("written", flush=True)
    raise StoppedError("after step 3")


HANGS: dict[str, Callable[[], object]] = {
    "hang": lambda: time.sleep(600),
    "hang-stopped": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "hang-deaf": lambda: (signal.signal(signal.SIGTERM, signal.SIG_IGN), time.sleep(600)),
    "hang-in-c": lambda: ctypes.PyDLL(None).sleep(600),  # C code that holds the interpreter
}


if __name__ == "__main__":
    main()
