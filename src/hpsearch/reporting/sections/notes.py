"""What must be said beside a table: the data, the states of the trials, what it cannot claim."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hpsearch.reporting.analysis.points import (
    SEED,
    Point,
    is_replicated,
    point_keys,
    points,
    varied_keys,
)
from hpsearch.reporting.analysis.tables import DEVIATION, base_point
from hpsearch.tracking import names
from hpsearch.tracking.study import Study, figure

__all__ = [
    "base_note",
    "best_name",
    "command",
    "data_note",
    "half_width",
    "hydra_text",
    "model_folder",
    "seed_note",
    "state_notes",
]

ENTRY = "python -m hpsearch.train"
Z95 = 1.96  # the normal distribution's 97.5 % point
MOST_LISTED = 10
STATES = ("FAILED", "KILLED", "PRUNED", "RUNNING", "SCHEDULED")
LISTED = ("FAILED", "KILLED")  # these are named one by one, with what went wrong
SAFE_WORD = re.compile(r"[\w.+/:%@-]+")


def base_note(study: Study) -> str:
    """What a blank cell stands for; names the base where no row shows it."""
    keys = [key for key in point_keys(study) if key in study.base]
    if not keys:
        return ""
    if base_point(study, points(study)) is not None:
        return "Blank: as in the base configuration, whose own row is shown in full."
    text = ", ".join(f"{key}={study.base[key]}" for key in keys)
    return f"Blank: as in the base configuration ({text}), which is not among the finished trials."


def data_note(study: Study) -> str:
    """Which data, how many examples; several where the study has several."""
    columns = ["data", "digest", "n_train", "n_val"]
    sets = study.runs[columns].dropna().drop_duplicates().to_numpy().tolist()
    return "; ".join(
        f"{name} (digest {digest}), {_count(train)} training and {_count(val)} validation examples"
        for name, digest, train, val in sets
    )


def _count(text: str) -> str:
    return f"{int(text):,}" if str(text).isdecimal() else str(text)


def state_notes(study: Study) -> list[str]:
    """One line a state: ``7 finished``, then what failed and why, and what still runs."""
    left = _unfinished(study)
    lines = [f"{len(study.finished())} finished"]
    for state in STATES:
        some = left[left["status"] == state]
        if len(some):
            lines.append(f"{len(some)} {state.lower()}{_listed(study, some, state)}")
    return lines


def _unfinished(study: Study) -> pd.DataFrame:
    """Trials without figures; not those whose point another attempt finished."""
    done = set(study.points(study.finished()))
    return study.runs[~study.points(study.runs).isin(done)]


def _listed(study: Study, runs: pd.DataFrame, state: str) -> str:
    if state not in LISTED:
        return ""
    shown = runs.head(MOST_LISTED).to_dict("records")
    texts = [f"{point(study, row)} — {row['error'] or 'no message'}" for row in shown]
    more = [f"and {len(runs) - MOST_LISTED} more"] if len(runs) > MOST_LISTED else []
    return ": " + "; ".join([*texts, *more])


def point(study: Study, row: Mapping[Hashable, Any]) -> str:
    """``head.activation=relu head.dropout=0.1`` of one row; its name where nothing varied."""
    words = [f"{key}={row[f'params.{key}']}" for key in varied_keys(study)]
    return " ".join(words) or str(row["name"])


def best_name(study: Study, best: Point) -> str:
    """Of the best point; where it has several seeds, which of them the model is of."""
    row = study.runs.loc[best.rows[0]].to_dict()
    if len(best.rows) == 1:
        return point(study, row)
    words = " ".join(f"{key}={cell}" for key, cell in best.cells.items())
    seed = f"{SEED}={row[f'params.{SEED}']}"
    return f"{words or row['name']}, mean of {len(best.rows)} seeds, of which {seed} is the best"


def half_width(accuracy: float, n: int) -> float:
    """Half of the 95 % interval of an accuracy over n examples: 1.96·√(p(1−p)/n).

    The normal approximation to the binomial distribution (Laplace, 1812); it counts the
    sampling of the examples, not the spread between seeds.
    """
    return Z95 * math.sqrt(accuracy * (1.0 - accuracy) / n)


def seed_note(study: Study) -> str:
    """What one seed cannot claim, with the number, or what several are; empty without figures."""
    if is_replicated(study):
        return f"Figures are means over seeds; {DEVIATION} is the standard deviation (n − 1)."
    best = study.finished().head(1)
    accuracy = float(figure(best, "val/accuracy").max()) if len(best) else math.nan
    n = pd.to_numeric(best["n_val"], errors="coerce").max() if len(best) else math.nan
    if not (0.0 <= accuracy <= 1.0 and n > 0):
        return ""
    note = (
        f"One seed: over {int(n):,} validation examples an accuracy of {accuracy:.5f} is uncertain "
        f"by ± {half_width(accuracy, int(n)):.5f} (95 %, 1.96·√(p(1−p)/n)) from the choice of "
        "examples alone, and by more from the seed"
    )
    return f"{note}."


def command(study: Study, row: Mapping[Hashable, Any]) -> str:
    """The command that trains this row's point again."""
    words = row.get("command")
    if not isinstance(words, str):  # the trial did not say, but its study may
        keys = [key for key in study.keys if isinstance(row.get(f"params.{key}"), str)]
        searched = [_override(key, row[f"params.{key}"]) for key in keys]
        words = " ".join([study.tags.get(names.COMMAND, ""), *searched])
    return f"{ENTRY} {words.strip()}".strip()


def _override(key: str, value: str) -> str:
    return shlex.quote(f"{key}={hydra_text(value)}")


def hydra_text(value: str) -> str:
    """A value of MLflow's as Hydra's grammar takes it."""
    return value if _hydra_reads(value) else _quoted(value)


def _hydra_reads(value: str) -> bool:
    """Whether Hydra's grammar takes the value as it is: a word, a number, a list, a dict."""
    if SAFE_WORD.fullmatch(value):
        return True
    try:
        return value[:1] in ("[", "{") and json.loads(value) is not None
    except ValueError:
        return False


def _quoted(value: str) -> str:
    """Hydra's quotation: backslashes count only before a quotation mark and at the end."""
    escaped = re.sub(r'(\\*)("|\Z)', lambda m: m[1] * 2 + ('\\"' if m[2] else ""), value)
    return f'"{escaped}"'


def model_folder(row: Mapping[Hashable, Any], root: Path) -> str:
    """Where the row's model lies, from the output root if it is below it; empty if unknown."""
    folder = row.get("folder")
    if not isinstance(folder, str) or not folder:
        return ""
    path, top = Path(folder).absolute(), root.absolute()
    return str(path.relative_to(top)) if path.is_relative_to(top) else str(path)
