"""A study as a Markdown document that reads well as plain text too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hpsearch.reporting import notes
from hpsearch.reporting.gains import gains_notes, gains_table
from hpsearch.reporting.learning import learning_notes, learning_table
from hpsearch.reporting.points import points
from hpsearch.reporting.tables import FIGURES, full_table, hp_table
from hpsearch.reporting.verdict import verdict_notes, verdict_table
from hpsearch.tracking.study import Study

__all__ = ["document", "escape", "markdown_table"]

DIGITS = 5
SPECIAL = re.compile(r"[\\`|*]|(?<!\w)_|_(?!\w)|\](?=\()|~(?=~)")
HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def document(study: Study, root: Path, *, verdict: pd.DataFrame | None = None) -> str:
    """Title, table, caption, which differences are real, what did it, the trainings, the winner."""
    parts = [
        f"# {escape(study.name)}",
        body(study),
        *_verdict(study, verdict_table(study, root) if verdict is None else verdict),
        *_gains(study),
        *_learning(study),
        *_winner(study, root),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def body(study: Study) -> str:
    """The table and its caption: what is printed in the terminal too."""
    table = hp_table(study)
    shown = markdown_table(table) if len(table) else "No trial has finished yet."
    return "\n\n".join(part for part in [shown, *_caption(study)] if part)


def _caption(study: Study) -> list[str]:
    states = notes.state_notes(study)
    how = f"best first by validation accuracy, at the epoch chosen by {study.monitor}"
    data = notes.data_note(study)
    facts = [f"Trials: {states[0]}; {how}.", f"Data: {data}." if data else ""]
    lines = [notes.base_note(study), " ".join(filter(None, facts)), notes.seed_note(study)]
    return [*(escape(line) for line in lines if line), _bullets(states[1:])]


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {escape(line)}" for line in lines)


def _verdict(study: Study, table: pd.DataFrame) -> list[str]:
    lines = verdict_notes(study, table)
    if not lines:
        return []
    shown = [markdown_table(table)] if len(table) else []
    return ["## Which differences are real", *shown, *(escape(line) for line in lines)]


def _gains(study: Study) -> list[str]:
    table = gains_table(study)
    if table.empty:
        return []
    lines = gains_notes(study)
    return ["## What each setting does", markdown_table(table), *(escape(line) for line in lines)]


def _learning(study: Study) -> list[str]:
    table, finished = learning_table(study), len(study.finished())
    if table.empty:
        return []
    lines = learning_notes(study)
    if len(table) < finished:
        lines = [f"The first {len(table)} of {finished} trials.", *lines]
    return ["## How the trainings went", markdown_table(table), *(escape(line) for line in lines)]


def _winner(study: Study, root: Path) -> list[str]:
    found = points(study)
    if not found:
        return []
    best = study.runs.loc[found[0].rows[0]].to_dict()
    where = notes.model_folder(best, root)
    figures = full_table(study).iloc[0]
    numbers = ", ".join(f"{heading} {_cell(figures[heading])}" for heading in FIGURES)
    return [
        "## The best point",
        f"{escape(notes.best_name(study, found[0]))}: {numbers} (MLflow run {best['run_id']}). To "
        "train it again:",
        fenced(notes.command(study, best)),
        f"Its model lies in {code(where)}." if where else "",
    ]


def markdown_table(table: pd.DataFrame, *, digits: int = DIGITS) -> str:
    """A GitHub-flavoured table, its columns padded to line up; numbers to ``digits`` places."""
    heads = [escape(str(column)) for column in table.columns]
    rows = [[_cell(cell, digits=digits) for cell in row] for row in _rows(table)]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    ruler = ["-" * width for width in widths]
    return "\n".join(_line(cells, widths) for cells in [heads, ruler, *rows])


def _rows(table: pd.DataFrame) -> list[list[object]]:
    columns = [table[column].tolist() for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _cell(cell: object, *, digits: int = DIGITS) -> str:
    return f"{cell:.{digits}f}" if isinstance(cell, float) else escape(str(cell))


def escape(text: str) -> str:
    """A text that Markdown shows as it is: one line, no markup, no HTML, no control signs."""
    line = " ".join(text.split())
    line = "".join(sign if sign.isprintable() else "�" for sign in line)
    line = SPECIAL.sub(lambda found: "\\" + found[0], line)
    return "".join(HTML.get(sign, sign) for sign in line)


def code(text: str) -> str:
    """An inline code span that holds any backticks of the text."""
    ticks = "`" * (_longest_ticks(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def fenced(text: str) -> str:
    """A code block that no run of backticks in the text can close."""
    fence = "`" * max(3, _longest_ticks(text) + 1)
    return f"{fence}bash\n{text}\n{fence}"


def _longest_ticks(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
