"""A sweep of heads on a frozen MiniLM: ours on cached features, and HF Trainer's search of it.

    python benchmarks/head_sweep.py [--data FOLDER] [--points 1] [--epochs 1] [--slots 1]

The grid of `search=head_grid` (24 heads), 10 epochs each on 2,000 + 1,000 reviews of 256 tokens.
Ours is the whole command in a new folder, from its start to its end, features included, one trial
after the other, since a small head trains on one core; both have all cores. The peer is
`transformers.Trainer.hyperparameter_search(backend="optuna")` with Optuna's GridSampler and the
same frozen model and heads (fp32, HF's defaults, an evaluation an epoch, nothing saved). It is
measured on `--points` of the grid for `--epochs` and scaled to all of it: its steps are all alike.
Claimed: at least 200 times faster, and a head trial after the first, in a process of its own,
within 1 s.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import section
from head_sweep_peer import EPOCHS, LENGTH, TRAIN, VAL, words

CLAIMED, CLAIMED_SECONDS = 200.0, 1.0
POINTS = 24
PEER = Path(__file__).with_name("head_sweep_peer.py")


class Ours(NamedTuple):
    seconds: float
    trials: list[float]
    accuracy: float


class Peer(NamedTuple):
    epoch: float  # seconds
    accuracy: float


def main() -> None:
    given = _arguments()
    ours = run_ours(given)
    peer = run_peer(given)
    section.write("head_sweep", report(ours, peer, given), command=_command(given))


def run_ours(given: argparse.Namespace) -> Ours:
    """The command, in a new folder; the seconds of all of it, and of each trial in its process."""
    with tempfile.TemporaryDirectory(prefix="head-sweep-") as root:
        command = [sys.executable, "-m", "hpsearch.train", "-m", "search=head_grid"]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, *words(given.data), f"hydra.sweeper.n_jobs={given.slots}", *given.ours],
            cwd=root,
            env={key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - began
        results = [
            json.loads(f.read_text()) for f in Path(root).glob("outputs/trials/*/result.json")
        ]
        if done.returncode or len(results) != POINTS:
            sys.exit(f"head_sweep: {len(results)} of {POINTS} trials\n{done.stderr[-3000:]}")
        trials = _trial_seconds(Path(root))
    best = max(result["best"]["val/accuracy"] for result in results)
    print(f"ours: {POINTS} trials in {seconds:.1f} s", file=sys.stderr, flush=True)
    return Ours(seconds, trials, best)


def _trial_seconds(root: Path) -> list[float]:
    """Of each trial in the order of the study, from its start to its end as Optuna has them."""
    import optuna

    (file,) = root.glob("outputs/**/*.db")
    storage = f"sqlite:///{file}"
    (name,) = optuna.get_all_study_names(storage)
    trials = optuna.load_study(study_name=name, storage=storage).get_trials()
    return [trial.duration.total_seconds() for trial in trials if trial.duration]


def run_peer(given: argparse.Namespace) -> Peer:
    """Seconds of an epoch with its evaluation, over some points of the grid."""
    with tempfile.TemporaryDirectory(prefix="head-sweep-peer-") as root:
        done = subprocess.run(
            [sys.executable, PEER, *_peer_arguments(given)],
            cwd=root,
            env={**os.environ, "OMP_NUM_THREADS": str(os.cpu_count()), "HF_HUB_OFFLINE": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    found = re.search(r"PEER (\{.*\})", done.stdout)
    if found is None:
        sys.exit(f"head_sweep: the peer failed\n{done.stdout[-3000:]}")
    return Peer(**json.loads(found[1]))


def report(ours: Ours, peer: Peer, given: argparse.Namespace) -> str:
    whole = peer.epoch * EPOCHS * POINTS
    ratio, later = whole / ours.seconds, statistics.median(ours.trials[1:])
    share = f"{given.points} × {given.epochs} of {POINTS} × {EPOCHS} epochs measured"
    data = "IMDB" if given.data else "made reviews"
    rows = [
        ["search", "whole sweep", "a trial", "best accuracy"],
        ["---", "---:", "---:", "---:"],
        [
            "HF Trainer, hyperparameter_search",
            f"{whole:,.0f} s ({share}, scaled)",
            f"{peer.epoch * EPOCHS:,.0f} s",
            f"{peer.accuracy:.3f} after {given.epochs}",
        ],
        [
            "hpsearch, features cached",
            f"{ours.seconds:,.1f} s",
            f"first {ours.trials[0]:.1f} s, then {later:.2f} s (median)",
            f"{ours.accuracy:.3f}",
        ],
    ]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    return f"""
{POINTS} heads on a frozen all-MiniLM-L6-v2, {TRAIN:,} + {VAL:,} texts of {LENGTH} tokens ({data}),
{EPOCHS} epochs a trial, fp32, all cores; ours {given.slots} at a time.

{table}

- Sweep: {ratio:,.0f} times faster, claimed at least {CLAIMED:.0f}: {_holds(ratio >= CLAIMED)}.
- A head trial after the first, in a process of its own: {later:.2f} s, claimed under
  {CLAIMED_SECONDS:.0f} s: {_holds(later < CLAIMED_SECONDS)}.
"""


def _holds(claim: bool) -> str:
    return "holds" if claim else "does NOT hold"


def _command(given: argparse.Namespace) -> str:
    data = "--data FOLDER " if given.data else ""
    return f"python benchmarks/head_sweep.py {data}--points {given.points} --epochs {given.epochs}"


def _peer_arguments(given: argparse.Namespace) -> list[str]:
    data = [f"--data={given.data.absolute()}"] if given.data else []
    return [*data, f"--points={given.points}", f"--epochs={given.epochs}"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="with IMDB's train.parquet; else made reviews")
    parser.add_argument("--points", type=int, default=1, help="of the grid, for the peer")
    parser.add_argument("--epochs", type=int, default=1, help="of a trial, for the peer")
    parser.add_argument("--slots", type=int, default=1, help="trials of ours at once")
    parser.add_argument("--ours", nargs="*", default=[], help="further overrides of our sweep")
    return parser.parse_args()


if __name__ == "__main__":
    main()
