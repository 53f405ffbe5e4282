"""Where the time of a trial goes, from the free slot to the result in the study.

    python benchmarks/trial_anatomy.py [--data FOLDER] [--only head tuning] [--epochs 1]

Runs a sweep of two trials of each kind with the warm launcher, on the reviews of FOLDER, and takes
apart the second: what a sweep pays again and again. The head trial trains a head on a frozen
MiniLM, the other one tunes all of it. Claimed: of a fine-tuning trial of about two minutes, all but
training and evaluation takes under a tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import section

WORK = ("train", "evaluate", "features")
PHASES = ("start", "other", "data", "model", *WORK, "checkpoint", "tracking", "rest")
MEANS = {
    "start": "from the fork to the task function: the process, its configuration, Hydra's folders",
    "other": "checks, fingerprint, the trial's lock",
    "data": "split, tokenizer, tokens",
    "model": "digest of the weights, loading them, optimiser",
    "train": "steps",
    "evaluate": "validation",
    "features": "of a frozen backbone",
    "checkpoint": "checkpoints, the best model, result.json",
    "tracking": "MLflow, and Optuna's reports",
    "rest": "asking, telling, and the end of the process",
}
LIMIT = 0.1  # claimed of the fine-tuning trial


class Anatomy(NamedTuple):
    kind: str
    total: float  # from ask to tell
    phases: dict[str, float]

    @property
    def beside(self) -> float:
        """Seconds that are neither training nor evaluation."""
        return self.total - sum(self.phases.get(name, 0.0) for name in WORK)


def main() -> None:
    given = _arguments()
    found = [run_sweep(kind, given) for kind in given.only]
    section.write("trial_anatomy", body(found), command=_command(given))


def run_sweep(kind: str, given: argparse.Namespace) -> Anatomy:
    """The second trial of a sweep of two, in a new folder."""
    sizes = (given.train, given.val) if kind == "tuning" else (2000, 1000)
    epochs = given.epochs if kind == "tuning" else given.head_epochs
    words = [
        *(*_source(given.data), "seed=0,1"),
        *(f"data.train_size={sizes[0]}", f"data.val_size={sizes[1]}", f"trainer.epochs={epochs}"),
        *(f"backbone={given.backbone}", f"backbone.max_length={given.length}"),
        f"backbone.freeze={'none' if kind == 'tuning' else 'all'}",
    ]
    with tempfile.TemporaryDirectory(prefix="trial-anatomy-") as name:
        command = [sys.executable, "-m", "hpsearch.train", "-m", f"root={name}", *words]
        ended = subprocess.run(
            [*command, "hydra.verbose=hpsearch.run", *given.words],
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if ended.returncode:
            sys.exit(f"trial_anatomy: {ended.stdout[-2000:]}")
        print(ended.stdout, file=sys.stderr)
        return _take_apart(kind, Path(name), ended.stdout)


def _source(data: Path | None) -> list[str]:
    return ["data=reviews"] if data is None else ["data=imdb", f"data.path={data.absolute()}"]


def _take_apart(kind: str, root: Path, output: str) -> Anatomy:
    lines = [line for line in output.splitlines() if line.startswith("seconds: ")]
    phases = json.loads(lines[-1].removeprefix("seconds: "))
    total = _seconds(root / "outputs" / "optuna.db")
    return Anatomy(kind, total, {**phases, "rest": total - sum(phases.values())})


def _seconds(database: Path) -> float:
    """Of the last trial, as Optuna has noted its beginning and end."""
    query = "SELECT datetime_start, datetime_complete FROM trials ORDER BY number DESC"
    with closing(sqlite3.connect(database)) as connection:
        start, end = (datetime.fromisoformat(each) for each in connection.execute(query).fetchone())
    return (end - start).total_seconds()


def body(found: list[Anatomy]) -> str:
    head = " | ".join(f"{one.kind}, s | share" for one in found)
    rows = [
        f"| phase | {head} | what |",
        f"|---|{'---:|---:|' * len(found)}---|",
        *(_row(name, found) for name in PHASES if any(name in one.phases for one in found)),
        _sum("all", [one.total for one in found], found),
        _sum("**beside the work**", [one.beside for one in found], found),
    ]
    return "\n".join([*rows, "", *(_claim(one) for one in found)])


def _row(name: str, found: list[Anatomy]) -> str:
    return _sum(name, [one.phases.get(name, 0.0) for one in found], found, MEANS[name])


def _sum(name: str, seconds: list[float], found: list[Anatomy], what: str = "") -> str:
    cells = [f"{s:.2f} | {s / a.total:.1%}" for s, a in zip(seconds, found, strict=True)]
    return f"| {name} | {' | '.join(cells)} | {what} |"


def _claim(one: Anatomy) -> str:
    if one.kind != "tuning":
        return f"A {one.kind} trial costs {one.beside:.2f} s beside its training and evaluation.\n"
    share = one.beside / one.total
    holds = "holds" if share < LIMIT else "DOES NOT HOLD"
    return (
        f"Claim: all but training and evaluation takes under {LIMIT:.0%} of a fine-tuning trial of "
        f"two minutes (here {one.total:.0f} s): {share:.1%}, {holds}.\n"
    )


def _command(given: argparse.Namespace) -> str:
    words = " ".join(["python", "benchmarks/trial_anatomy.py", *sys.argv[1:]])
    return words.replace(str(given.data), "FOLDER")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="with IMDB's train.parquet; else made reviews")
    parser.add_argument("--only", nargs="+", choices=["head", "tuning"], default=["head", "tuning"])
    parser.add_argument("--backbone", default="minilm")
    parser.add_argument("--length", type=int, default=128, help="tokens of a review")
    parser.add_argument("--train", type=int, default=2000, help="reviews that are tuned on")
    parser.add_argument("--val", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=1, help="of the tuning")
    parser.add_argument("--head-epochs", type=int, default=1)
    parser.add_argument("--words", nargs="*", default=[], help="more key=value of hpsearch.train")
    return parser.parse_args()


if __name__ == "__main__":
    main()
