"""A monkey that kills -9 a sweep, its server or a trial, spread over the whole of the work."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.commands import environment

__all__ = ["Monkey", "children"]

# How far a trial is, by the number of its last checkpoint: 0012-step-…
NUMBER = re.compile(r"(\d+)-step-")
# The share of kills that may come while nothing has begun yet.
EARLY = 0.2
VICTIMS = {"sweeper": 0.45, "trial": 0.45, "server": 0.1}


@dataclass
class Monkey:
    """Runs a command until it has been killed so often and has then ended by itself.

    Attributes:
        folder: where the command runs, and what it has done so far is seen.
        command: the words after ``python -m hpsearch.train``.
        kills: how often something is killed.
        work: the number of checkpoints that the whole work writes.
        per_trial: and one trial.
        seed: of the moments and the victims.
        complete: whether nothing is left to do; a command that ended may have given up a trial
            that was killed too often, which the next command takes up again.
    """

    folder: Path
    command: tuple[str, ...]
    kills: int
    work: int
    per_trial: int
    seed: int
    complete: Callable[[], bool]
    killed: list[str] = field(default_factory=list)
    starts: int = 0

    def run(self) -> str:
        """What the last of the commands, the one that ended by itself, wrote to stderr."""
        dice = random.Random(self.seed)
        moments = sorted(dice.sample(range(self.work), self.kills))
        while True:
            self.starts += 1
            log = self.folder / f"sweep-{self.starts}.log"
            with log.open("w") as file, self._start(file) as sweep:
                while moments and self._wait(sweep, moments[0], dice):
                    moments.pop(0)
                    self._kill(sweep, dice)
            told = log.read_text()
            if sweep.returncode == 0 and not moments and self.complete():
                return told
            assert sweep.returncode in (0, 1, -signal.SIGKILL), told
            assert self.starts < 3 * self.kills + 5, "the same command does not come to an end"

    def _wait(self, sweep: subprocess.Popen[bytes], moment: int, dice: random.Random) -> bool:
        """Until that much is done, and something since the last kill; False where it ended."""
        if dice.random() < EARLY:
            time.sleep(dice.uniform(0, 6))
            return sweep.poll() is None
        goal = min(max(moment, self.progress() + 1), self.work)
        while self.progress() < goal:
            if sweep.poll() is not None:
                return False
            time.sleep(0.002)
        time.sleep(dice.choice([0, dice.uniform(0, 0.5)]))  # amid a step, or a write
        return sweep.poll() is None

    def progress(self) -> int:
        """Checkpoints written so far, by trials that have ended and by those that have not."""
        trials = self.folder / "outputs" / "trials"
        done = len(list(trials.glob("*/result.json"))) * self.per_trial
        return done + sum(self._numbers(folder) for folder in trials.glob("*/checkpoints"))

    def _numbers(self, folder: Path) -> int:
        found = [NUMBER.match(name) for name in _names(folder)]
        return max((int(match[1]) for match in found if match), default=0)

    def _start(self, log: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "hpsearch.train", *self.command],
            cwd=self.folder,
            env=environment(self.folder),
            stdout=subprocess.DEVNULL,
            stderr=log,  # type: ignore[arg-type]
        )

    def _kill(self, sweep: subprocess.Popen[bytes], dice: random.Random) -> None:
        (victim,) = dice.choices(list(VICTIMS), list(VICTIMS.values()))
        servers = children(sweep.pid)
        trials = [pid for server in servers for pid in children(server)]
        pids = {"sweeper": [sweep.pid], "server": servers, "trial": trials}[victim]
        if not pids:
            victim, pids = "sweeper", [sweep.pid]
        try:
            os.kill(dice.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            os.kill(sweep.pid, signal.SIGKILL)
            victim = "sweeper"
        self.killed.append(victim)
        if victim == "sweeper":
            sweep.wait()


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:  # its trial has just ended
        return []


def children(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found
