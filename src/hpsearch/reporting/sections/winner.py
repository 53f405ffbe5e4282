"""The section on the winner: its figures on validation and test, its command, where it lies."""

from __future__ import annotations

import math
import shlex
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from hpsearch.reporting.analysis.differences import FINGERPRINT
from hpsearch.reporting.analysis.points import is_replicated, points
from hpsearch.reporting.analysis.tables import DEVIATION
from hpsearch.reporting.sections import notes, tested
from hpsearch.tested import TestResult, read_test_result
from hpsearch.tracking import names
from hpsearch.tracking.study import Study, figure
from hpsearch.trials import TrialFolder, TrialStore

__all__ = [
    "confusion_table",
    "looked_at",
    "stored_test",
    "test_table",
    "winner_commands",
    "winner_figures",
    "winner_folder",
    "winner_notes",
    "winner_run",
]

PREDICT = "python -m hpsearch.predict"
REPORT = "python -m hpsearch.report"


def winner_run(study: Study) -> dict[Hashable, Any]:
    """The row of the winner in ``Study.runs``: the best point's best seed; empty where none is."""
    found = points(study)
    return study.runs.loc[found[0].rows[0]].to_dict() if found else {}


def winner_figures(study: Study) -> tuple[dict[str, float], dict[str, str]]:
    """For the study's run in MLflow: the best point's means over its seeds, and which trial won.

    The best trial of all may be a lucky one of another point. No figures where the trials have
    one seed, for they are those of the best trial then; nothing of a run alone, or where none has
    finished.
    """
    best = next(iter(points(study)), None)
    if best is None or study.run_id is None:
        return {}, {}
    means = {metric: best.mean(metric) for metric in ("val/accuracy", "val/loss")}
    figures = {**means, "val/accuracy_std": best.deviation, "seeds": float(len(best.rows))}
    known = {f"{names.BEST_POINT}{k}": x for k, x in figures.items() if not math.isnan(x)}
    return known if is_replicated(study) else {}, {names.WINNER_RUN: winner_run(study)["run_id"]}


def winner_folder(study: Study, root: Path) -> TrialFolder | None:
    """Where the winner keeps what it has; None where it has no such name, or none has finished."""
    name = str(winner_run(study).get("fingerprint"))
    return TrialStore(root).look(name) if FINGERPRINT.fullmatch(name) else None


def stored_test(study: Study, root: Path) -> TestResult | None:
    """What the winner's model does on the test split, where that was computed before."""
    folder = winner_folder(study, root)
    return None if folder is None else read_test_result(folder)


def looked_at(study: Study, root: Path) -> int:
    """How many of the study's models have been evaluated on the test split."""
    names = {str(name) for name in study.runs["fingerprint"] if FINGERPRINT.fullmatch(str(name))}
    store = TrialStore(root)
    return sum(read_test_result(store.look(name)) is not None for name in names)


def winner_notes(study: Study, root: Path) -> list[str]:
    """Which one it is, what its figures may claim, and where it lies; sentences."""
    found = points(study)
    if not found:
        return []
    run = winner_run(study)
    where = notes.model_folder(run, root)
    lies = f"Its model lies in {where}/best." if where else "Where its model lies is not known."
    name = f"{notes.best_name(study, found[0])} (MLflow run {run['run_id']})."
    return [name, *_spread(study), *_test_notes(study, root), lies]


def _spread(study: Study) -> list[str]:
    """The seeds' mean, which is what ranks the points."""
    best = points(study)[0]
    if len(best.rows) < 2:
        return []
    mean, deviation = best.mean("val/accuracy"), best.deviation
    text = f"{mean:.5f} {DEVIATION} {deviation:.5f} over {len(best.rows)} seeds"
    return [f"The point's validation accuracy is {text}; the figures here are of that one model."]


def _test_notes(study: Study, root: Path) -> list[str]:
    result = stored_test(study, root)
    if result is None:
        folder = winner_folder(study, root)
        if folder is None or not (folder.best / "config.yaml").is_file():
            return [
                "The test split has not been looked at: the model is not in this output folder."
            ]
        how = f"{REPORT} study={shlex.quote(study.name)}{_root(root)}"
        return [f"The test split has not been looked at for this model; {how} does it once."]
    what = f"{result.examples:,} examples (digest {result.digest})"
    lines = [
        f"Test: {what}, evaluated once and stored. 95 %: for the accuracy Wilson's interval, for "
        "F1 the percentile bootstrap over examples. The validation split chose the model, so its "
        "figures there are optimistic."
    ]
    count = looked_at(study, root)
    if count > 1:
        lines.append(
            f"The test split has been looked at for {count} models of this study, so this figure "
            "is no longer untouched: choosing by it would make it optimistic too."
        )
    if len(result.classes) > tested.MOST_CLASSES:
        lines.append(f"The confusion matrix of {len(result.classes)} classes is in test.json.")
    return lines


def winner_commands(study: Study, root: Path) -> dict[str, str]:
    """What to do with it → the command; empty where no trial has finished."""
    run = winner_run(study)
    if not run:
        return {}
    use = f'{PREDICT} study={shlex.quote(study.name)}{_root(root)} text="A film to remember"'
    return {"To train it again:": notes.command(study, run), "To use it:": use}


def _root(root: Path) -> str:
    """The word that a command needs which is not typed in the output folder."""
    return "" if root == Path() else f" root={shlex.quote(str(root))}"


def test_table(study: Study, root: Path) -> pd.DataFrame:
    """Accuracy, macro F1 and loss of the winner's model, texts; the test's where it is known.

    Empty where no trial has finished.
    """
    run = winner_run(study)
    if not run:
        return pd.DataFrame()
    row = pd.DataFrame([run])
    metrics = ("val/accuracy", "val/f1", "val/loss")
    validation = {metric: float(figure(row, metric).iloc[0]) for metric in metrics}
    return tested.figures(validation, stored_test(study, root))


def confusion_table(study: Study, root: Path) -> pd.DataFrame:
    """Counts of test examples: a row a true class, a column a predicted one.

    Empty where the test split has not been looked at, or for too many classes.
    """
    result = stored_test(study, root)
    if result is None or len(result.classes) > tested.MOST_CLASSES:
        return pd.DataFrame()
    return tested.confusion(result)
