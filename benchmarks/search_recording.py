"""The full grid, trained with several seeds by the real command, and its curves in the store."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from search_replay import Curves

from hpsearch.config import CONF_DIR

__all__ = ["SEARCH", "command", "read_root", "record"]

SEARCH = "head_grid"
METRIC = "val/accuracy"


def record(
    root: Path, *, data: Path | None, seeds: int, epochs: int, overrides: Sequence[str]
) -> Curves:
    """Train what is missing below `root` (the same call goes on there), then read the curves."""
    root.mkdir(parents=True, exist_ok=True)
    given = command(root, data=data, seeds=seeds, epochs=epochs, overrides=overrides)
    ended = subprocess.run([sys.executable, "-m", *given], cwd=root, check=False)
    if ended.returncode:
        sys.exit(f"search_efficiency: this failed: python -m {' '.join(given)}")
    return read_root(root, seeds=seeds, epochs=epochs)


def command(
    root: Path, *, data: Path | None, seeds: int, epochs: int, overrides: Sequence[str]
) -> list[str]:
    """What a user types for it; `overrides` take the place of what stands here."""
    source = ["data=reviews"] if data is None else ["data=imdb", f"data.path={data.resolve()}"]
    chosen = [
        *("backbone=minilm", "backbone.freeze=all", *source),
        *("data.train_size=2000", "data.val_size=2000", f"trainer.epochs={epochs}"),
        *(f"hydra.sweeper.seeds={seeds}", f"root={root.resolve()}", *overrides),
    ]
    by_key = {override.partition("=")[0]: override for override in chosen}
    return ["hpsearch.train", "-m", f"search={SEARCH}", *by_key.values()]


def read_root(root: Path, *, seeds: int, epochs: int) -> Curves:
    """The curves of all points and seeds; exits where one is missing, or is there twice."""
    keys, points = grid()
    found: dict[tuple[str, ...], list[float]] = {}
    for config, history in _results(root):
        run = (*(str(config[key]) for key in keys), str(config["seed"]))
        if len(history) != epochs or int(run[-1]) >= seeds:
            continue
        if run in found:
            sys.exit(f"search_efficiency: {root} holds trials of several set-ups, clear it")
        found[run] = [x[METRIC] for x in history]
    wanted = [(*point, str(seed)) for point, seed in product(points, range(seeds))]
    if missing := [run for run in wanted if run not in found]:
        sys.exit(f"search_efficiency: {len(missing)} runs are missing, the first: {missing[0]}")
    values = np.array([found[run] for run in wanted])
    return Curves(keys, tuple(points), values.reshape(len(points), seeds, epochs))


def grid() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The keys that are searched, and the points in the order in which the sweeper runs them."""
    import yaml

    params = yaml.safe_load((CONF_DIR / "search" / f"{SEARCH}.yaml").read_text())["hydra"]
    levels = {key: text.split(", ") for key, text in params["sweeper"]["params"].items()}
    return tuple(levels), list(product(*levels.values()))


def _results(root: Path) -> Iterator[tuple[dict[str, Any], list[dict[str, float]]]]:
    """Configuration and evaluations of each finished trial."""
    for file in sorted((root / "outputs" / "trials").glob("*/result.json")):
        result = json.loads(file.read_text())
        yield result["config"], result["history"]
