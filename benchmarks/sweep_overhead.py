"""What a trial costs beside its own work: our sweeper and the official Optuna plugin, in turns.

    python benchmarks/sweep_overhead.py [--trials 10 310] [--repeats 2] [--venv FOLDER]

With an objective that does nothing, sqlite storage and TPE, the slope of wall time over the number
of trials is the overhead of one. Claimed: in this process (`basic`) ours is at most half of the
official's, and with a process for every trial (`local`) at most the official's.
"""

from __future__ import annotations

import argparse
import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import section

OFFICIAL = (
    "hydra-core>=1.3.2,<1.4",
    "hydra-optuna-sweeper==1.3.0",
    "optuna<3",  # 1.3.0 works with no newer ones
    "sqlalchemy<2",
)
TASK = Path(__file__).with_name("sweep_overhead_task.py")


class Variant(NamedTuple):
    name: str
    overrides: tuple[str, ...]
    limit: float | None  # claimed: at most so much of the official's overhead


VARIANTS = (
    Variant("official", ("hydra/sweeper=optuna",), None),
    Variant("ours-basic", ("hydra/sweeper=hpsearch", "hydra/launcher=basic"), 0.5),
    Variant("ours-local", ("hydra/sweeper=hpsearch", "hydra/launcher=local"), 1.0),
)


def main() -> None:
    given = _arguments()
    python = {v.name: sys.executable for v in VARIANTS}
    if "official" in given.variants:
        python["official"] = str(make_environment(given.venv))
    chosen = [v for v in VARIANTS if v.name in given.variants]
    few, many = given.trials
    slopes: dict[str, list[float]] = {v.name: [] for v in chosen}
    for _ in range(given.repeats):
        seconds = {
            (v.name, trials): run_sweep(v, trials, python=python[v.name])
            for trials in (few, many)
            for v in chosen
        }
        for name, found in slopes.items():
            found.append((seconds[name, many] - seconds[name, few]) / (many - few))
    report(chosen, slopes)


def make_environment(folder: Path) -> Path:
    """A virtual environment with the official plugin, kept for the next time; its interpreter."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = folder / "ready"
    if not ready.exists():
        print(f"installing {', '.join(OFFICIAL)} into {folder}", file=sys.stderr)
        _install([sys.executable, "-m", "venv", "--clear", str(folder)])
        _install([str(python), "-m", "pip", "install", "-q", *OFFICIAL])
        ready.touch()
    return python


def run_sweep(variant: Variant, trials: int, *, python: str) -> float:
    """The seconds that a whole command takes, in a new folder with a new database."""
    with tempfile.TemporaryDirectory(prefix="sweep-overhead-") as name:
        folder = Path(name)
        subprocess.run([sys.executable, str(TASK), "--write", str(folder / "conf")], check=True)
        database = folder / "study.db"
        command = [
            *(python, str(TASK), "--config-path", str(folder / "conf"), "--multirun"),
            *variant.overrides,
            *("hydra/sweeper/sampler=tpe", "hydra.sweeper.sampler.seed=1"),
            *(f"hydra.sweeper.n_trials={trials}", f"hydra.sweeper.storage=sqlite:///{database}"),
        ]
        seconds = _timed(command, folder=folder, official=variant.limit is None)
        _require(finished(database) == trials, f"{variant.name} did not finish {trials} trials")
    print(f"{variant.name}: {trials} trials in {seconds:.1f} s", file=sys.stderr)
    return seconds


def finished(database: Path) -> int:
    """The number of completed trials in Optuna's tables."""
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT count(*) FROM trials WHERE state = 'COMPLETE'"
        return int(connection.execute(query).fetchone()[0])


def report(chosen: Sequence[Variant], slopes: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(found) for name, found in slopes.items()}
    base = medians.get("official")
    lines = [
        "A trial that does nothing: sqlite, TPE, slope of wall time over the number of trials.\n",
        "| sweeper | ms a trial | each run | of the official | claimed | holds |",
        "|---|---:|---|---:|---:|---|",
    ]
    for v in chosen:
        runs = " ".join(f"{1000 * x:.1f}" for x in slopes[v.name])
        ratio = medians[v.name] / base if base else None
        holds = None if ratio is None or v.limit is None else ratio <= v.limit
        cells = [v.name, f"{1000 * medians[v.name]:.1f}", runs]
        cells += [f"{ratio:.2f}" if ratio is not None else "", f"≤ {v.limit}" if v.limit else ""]
        lines.append(
            f"| {' | '.join(cells)} | {'' if holds is None else 'yes' if holds else 'NO'} |"
        )
    section.write("sweep_overhead", "\n".join(lines), command=_command())


def _command() -> str:
    """What was typed; where the environment lies on this machine is nobody else's concern."""
    words = " ".join(["python", "benchmarks/sweep_overhead.py", *sys.argv[1:]])
    return re.sub(r"--venv[= ]\S+", "--venv FOLDER", words)


def _timed(command: Sequence[str], *, folder: Path, official: bool) -> float:
    environment = dict(os.environ)
    if official:  # else our sweeper could be found there too
        environment.pop("PYTHONPATH", None)
    log = folder / "log.txt"
    with log.open("w", encoding="utf-8") as output:
        started = time.perf_counter()
        ended = subprocess.run(
            command, cwd=folder, env=environment, stdout=output, stderr=output, check=False
        )
        seconds = time.perf_counter() - started
    _require(ended.returncode == 0, f"{' '.join(command)}\n{log.read_text()[-2000:]}")
    return seconds


def _install(command: Sequence[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (ended.stderr or ended.stdout).strip().splitlines()
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
    _require(ended.returncode == 0, f"cannot install the official plugin: {' '.join(errors)}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        sys.exit(f"sweep_overhead: {message}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", nargs=2, type=int, default=[10, 310], metavar=("FEW", "MANY"))
    parser.add_argument("--repeats", type=int, default=2)
    names = [v.name for v in VARIANTS]
    parser.add_argument("--variants", nargs="+", choices=names, default=names)
    default = Path(tempfile.gettempdir()) / "hpsearch-bench" / "official"
    parser.add_argument("--venv", type=Path, default=default, help="where the official plugin is")
    return parser.parse_args()


if __name__ == "__main__":
    main()
