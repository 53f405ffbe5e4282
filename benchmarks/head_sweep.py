"""A sweep of heads on a frozen MiniLM: ours on cached features, and HF Trainer's search of it.

    python benchmarks/head_sweep.py [data.path=DIR] [--points 1] [--epochs 1] [--threads N]

The grid of `search=head_grid` (24 heads), 10 epochs each on 2,000 + 1,000 reviews of 256 tokens.
Ours is the whole command in a new folder, from its start to its end, features included. The peer is
`transformers.Trainer.hyperparameter_search(backend="optuna")` with Optuna's GridSampler and the
same frozen model and heads (fp32, HF's defaults, an evaluation an epoch, nothing saved). It is
measured on `--points` of the grid for `--epochs` and scaled to all of it: its steps are all alike.
Claimed: at least 200 times faster, and a head trial after the first, in a process of its own,
within 1 s. Needs `pip install accelerate`, and IMDB below `data.path` (without: made reviews).
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
from typing import Any, NamedTuple

import section

CLAIMED, CLAIMED_SECONDS = 200.0, 1.0
TRAIN, VAL, LENGTH, EPOCHS, LR = 2000, 1000, 256, 10, 1e-3
GRID: dict[str, list[Any]] = {
    "activation": ["tanh", "relu"],
    "dim": [50, 250, 768],
    "dropout": [0.1, 0.5],
    "smoothing": [0.0, 0.1],
}
POINTS = 24


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


def words(given: argparse.Namespace) -> list[str]:
    """What both train on, as hpsearch's overrides."""
    path = [f"data.path={Path(given.data).absolute()}"] if given.data else []
    return [
        *("backbone=minilm", "backbone.freeze=all", f"backbone.max_length={LENGTH}"),
        *("data=imdb" if given.data else "data=reviews", *path),
        *(f"data.train_size={TRAIN}", f"data.val_size={VAL}"),
        *(f"trainer.epochs={EPOCHS}", f"optimizer.lr={LR}", "trainer.device=cpu"),
    ]


def run_ours(given: argparse.Namespace) -> Ours:
    """The command, in a new folder; the seconds of all of it, and of each trial in its process."""
    with tempfile.TemporaryDirectory(prefix="head-sweep-") as root:
        command = [sys.executable, "-m", "hpsearch.train", "-m", "search=head_grid"]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, *words(given), *given.ours],
            cwd=root,
            env={**os.environ, "OMP_NUM_THREADS": str(given.threads)},
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
            [sys.executable, __file__, "--as-peer", *_words_of(given)],
            cwd=root,
            env={**os.environ, "OMP_NUM_THREADS": str(given.threads), "HF_HUB_OFFLINE": "1"},
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
{EPOCHS} epochs a trial, fp32, {given.threads} threads.

{table}

- Sweep: {ratio:,.0f} times faster, claimed at least {CLAIMED:.0f}: {_holds(ratio >= CLAIMED)}.
- A head trial after the first, in a process of its own: {later:.2f} s, claimed under
  {CLAIMED_SECONDS:.0f} s: {_holds(later < CLAIMED_SECONDS)}.
"""


def _holds(claim: bool) -> str:
    return "holds" if claim else "does NOT hold"


def peer_main(given: argparse.Namespace) -> None:
    """HF Trainer's search, in a process of its own; the trainer's own clock leaves loading out."""
    import numpy as np
    import optuna
    import torch
    from hydra import compose, initialize_config_dir
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments, set_seed

    from hpsearch import builders
    from hpsearch.config import CONF_DIR, register
    from hpsearch.data import read_tokenizer
    from hpsearch.run import find_weights

    register()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = compose("config", overrides=["root=.", *words(given)])
    splits, weights = builders.read_splits(config), find_weights(config)
    assert weights is not None
    tokenizer = read_tokenizer(weights)

    def rows(examples: Any) -> list[dict[str, Any]]:
        encoded = tokenizer(list(examples.texts), truncation=True, max_length=LENGTH)
        return [
            {"input_ids": ids, "attention_mask": mask, "labels": int(label)}
            for ids, mask, label in zip(
                encoded["input_ids"], encoded["attention_mask"], examples.labels, strict=True
            )
        ]

    class Model(torch.nn.Module):
        """The classifier of a point; the backbone is in eval mode, as ours."""

        def __init__(self, point: dict[str, Any]) -> None:
            super().__init__()
            config.head.update({k: v for k, v in point.items() if k != "smoothing"})
            set_seed(0)
            self.classifier = builders.build_classifier(
                config, tokenizer, num_classes=2, weights=weights
            )
            self.smoothing = point["smoothing"]

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
        ) -> dict[str, torch.Tensor]:
            with torch.no_grad():
                vectors = self.classifier.backbone(input_ids, attention_mask)
            logits = self.classifier.head(vectors)
            smoothing = self.smoothing if self.training else 0.0
            loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
            return {"loss": loss, "logits": logits}

    first = {name: values[0] for name, values in GRID.items()}
    arguments = TrainingArguments(
        *("peer",),
        num_train_epochs=given.epochs,
        learning_rate=LR,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = Trainer(
        args=arguments,
        model_init=lambda trial: Model(trial.params if trial else first),
        train_dataset=rows(splits.train),
        eval_dataset=rows(splits.val),
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda p: {"accuracy": float((np.argmax(p[0], 1) == p[1]).mean())},
    )

    def space(trial: optuna.Trial) -> dict[str, Any]:
        for name, values in GRID.items():
            trial.suggest_categorical(name, values)
        return {}

    began = time.perf_counter()
    best = trainer.hyperparameter_search(
        hp_space=space,
        compute_objective=lambda metrics: metrics["eval_accuracy"],
        n_trials=given.points,
        direction="maximize",
        backend="optuna",
        sampler=optuna.samplers.GridSampler(GRID, seed=0),
    )
    seconds = time.perf_counter() - began
    told = {"epoch": seconds / given.points / given.epochs, "accuracy": best.objective}
    print("PEER", json.dumps(told), flush=True)


def _command(given: argparse.Namespace) -> str:
    path = "data.path=DIR " if given.data else ""
    return f"python benchmarks/head_sweep.py {path}--points {given.points} --epochs {given.epochs}"


def _words_of(given: argparse.Namespace) -> list[str]:
    """The same arguments for another working directory."""
    path = [f"data.path={Path(given.data).absolute()}"] if given.data else []
    return [*path, *(f"--{key}={getattr(given, key)}" for key in ("points", "epochs", "threads"))]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("path", nargs="?", default="", metavar="data.path=DIR")
    parser.add_argument("--points", type=int, default=1, help="of the grid, for the peer")
    parser.add_argument("--epochs", type=int, default=1, help="of a trial, for the peer")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each")
    parser.add_argument("--ours", nargs="*", default=[], help="further overrides of our sweep")
    parser.add_argument("--as-peer", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.data = given.path.removeprefix("data.path=")
    return given


if __name__ == "__main__":
    try:
        import accelerate  # noqa: F401  HF Trainer asks for it
    except ImportError:
        sys.exit("head_sweep: HF Trainer needs accelerate: pip install accelerate")
    arguments = _arguments()
    peer_main(arguments) if arguments.as_peer else main()
