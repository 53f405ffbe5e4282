"""What is said of a model's figures on the test split: rows, intervals, and lines to print."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from hpsearch.reporting.analysis.statistics import Interval, f1_interval, wilson_interval
from hpsearch.reporting.sections import cells
from hpsearch.tested import TestResult

__all__ = ["MOST_CLASSES", "confusion", "figures", "tested_text"]

# Heading of a row → its metric, which MLflow has for ``val/`` and ``test/``.
FIGURES = {"accuracy": "accuracy", "macro F1": "f1", "loss": "loss"}
MOST_CLASSES = 20  # more make a confusion matrix that nobody reads


def figures(validation: Mapping[str, float], result: TestResult | None) -> pd.DataFrame:
    """Accuracy, macro F1 and loss, texts: on validation, and where it is known on test.

    ``validation`` has them by their names in MLflow.
    """
    shown = [_number(validation.get(f"val/{of}", math.nan)) for of in FIGURES.values()]
    table = pd.DataFrame({"figure": list(FIGURES), "validation": shown})
    if result is None:
        return table
    tested = [_number(result.figures[f"test/{of}"]) for of in FIGURES.values()]
    return table.assign(test=tested, **{"95 % (test)": _intervals(result)})


def _intervals(result: TestResult) -> list[str]:
    """Of accuracy, macro F1 and loss, which has none."""
    accuracy = wilson_interval(int(result.counts.trace()), result.examples)
    return [_ends(accuracy), _ends(f1_interval(result.counts)), cells.BLANK]


def _ends(ends: Interval) -> str:
    return cells.BLANK if math.isnan(ends.low) else f"{ends.low:.5f} to {ends.high:.5f}"


def _number(value: float) -> str:
    return cells.BLANK if math.isnan(value) else f"{value:.5f}"


def confusion(result: TestResult) -> pd.DataFrame:
    """Counts of test examples: a row a true class, a column a predicted one."""
    heads = [f"predicted {name}" for name in result.classes]
    table = pd.DataFrame(result.confusion, columns=heads)
    table.insert(0, "true class", result.classes, allow_duplicates=True)
    return table


def tested_text(result: TestResult, how: str) -> str:
    """For a terminal; ``how`` says where the figures come from."""
    accuracy, f1, _ = _intervals(result)
    lines = [
        f"test/examples {result.examples}  digest {result.digest}  {how}",
        f"test/accuracy {result.accuracy:.5f}  95 % {accuracy} (Wilson)",
        f"test/f1       {result.f1:.5f}  95 % {f1} (macro; bootstrap over examples)",
        f"test/loss     {result.loss:.5f}",
    ]
    if len(result.classes) <= MOST_CLASSES:
        lines.append(confusion(result).to_string(index=False))
    return "\n".join(lines)
