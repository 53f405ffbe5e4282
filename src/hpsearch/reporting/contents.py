"""What the report of a study contains, in the order of a reader's questions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hpsearch.reporting.analysis.tables import hp_table
from hpsearch.reporting.document import (
    Bullets,
    Command,
    Document,
    Part,
    Picture,
    Section,
    Table,
    Text,
    texts,
)
from hpsearch.reporting.layout import Layout
from hpsearch.reporting.sections import notes
from hpsearch.reporting.sections.gains import gains_notes, gains_table
from hpsearch.reporting.sections.learning import learning_notes, learning_table
from hpsearch.reporting.sections.verdict import verdict_notes, verdict_table
from hpsearch.reporting.sections.winner import (
    confusion_table,
    test_table,
    winner_commands,
    winner_notes,
)
from hpsearch.tracking.study import Study

__all__ = ["study_document", "summary"]

VERDICT = "Which differences are real"

TESTED = "The best point's model, evaluated on the test split once:"

# Figure → the title of its section.
GAINS, LEARNING, WINNER = "What each setting does", "How the trainings went", "The best point"
PLACES = {
    "factor-effects": GAINS,
    "heat-map": GAINS,
    "parallel-coordinates": GAINS,
    "learning-curves": LEARNING,
    "optimisation-history": LEARNING,
    "time-line": LEARNING,
    "confusion-matrix": WINNER,
}


def study_document(
    study: Study, root: Path, *, layout: Layout | None = None, pictures: Sequence[Picture] = ()
) -> Document:
    """The table of points, which differences are real, what did it, the trainings, the winner.

    ``root`` is the output folder with the trials' predictions.
    """
    layout = layout or Layout()
    parts = {
        "": _points(study, layout),
        VERDICT: _verdict(study, verdict_table(study, root, digits=layout.digits)),
        GAINS: _gains(study, layout),
        LEARNING: _learning(study),
        WINNER: _winner(study, root),
    }
    for picture in pictures:
        parts[PLACES[picture.name]].append(picture)
    found = [Section(title, some) for title, some in parts.items() if some]
    return Document(study.name, found, layout.digits)


def summary(document: Document) -> Section:
    """What is printed: the table of points, the first claim of the verdict, and the winner's
    figures once the test split has been looked at."""
    first = list(document.sections[0].parts)
    verdicts = (each for each in document.sections if each.title == VERDICT)
    claims = [part for each in verdicts for part in each.parts if isinstance(part, Text)]
    winner = document.frame("winner")
    tested: list[Part] = [Text(TESTED), Table("winner", winner)] if "test" in winner else []
    return Section("", [*first, *claims[:1], *tested])


def _points(study: Study, layout: Layout) -> list[Part]:
    table = hp_table(study, layout.columns)
    states = notes.state_notes(study)
    how = f"best first by validation accuracy, at the epoch chosen by {study.monitor}"
    data = notes.data_note(study)
    facts = [f"Trials: {states[0]}; {how}.", f"Data: {data}." if data else ""]
    lines = [notes.base_note(study), " ".join(filter(None, facts)), notes.seed_note(study)]
    shown: Part = _ranked("points", table) if len(table) else Text("No trial has finished yet.")
    return [shown, *texts(lines), *([Bullets(states[1:])] if states[1:] else [])]


def _verdict(study: Study, table: pd.DataFrame) -> list[Part]:
    lines = texts(verdict_notes(study, table))
    return [_ranked("differences", table), *lines] if lines and len(table) else lines


def _gains(study: Study, layout: Layout) -> list[Part]:
    table = gains_table(study, digits=layout.digits)
    shown = [] if table.empty else [Table("gains", table)]
    return [*shown, *texts(gains_notes(study))]


def _learning(study: Study) -> list[Part]:
    table, finished = learning_table(study), len(study.finished())
    if table.empty:
        return []
    cut = f"The first {len(table)} of {finished} trials." if len(table) < finished else ""
    return [Table("trainings", table), *texts([cut, *learning_notes(study)])]


def _winner(study: Study, root: Path) -> list[Part]:
    name, *said = winner_notes(study, root) or [""]
    tables = {"winner": test_table(study, root), "confusion": confusion_table(study, root)}
    shown = [Table(each, table) for each, table in tables.items() if len(table)]
    commands: list[Part] = []
    for what, command in winner_commands(study, root).items():
        commands += [Text(what), Command(command)]
    return [*texts([name]), *shown, *texts(said), *commands]


def _ranked(name: str, table: pd.DataFrame) -> Table:
    """A table with a row a point, best first."""
    return Table(name, table, ranks=range(len(table)))
