"""The table of the Longformer evaluation comes out of seven logged runs as it was published."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from hpsearch import report
from hpsearch.reporting import hp_table, markdown_table, write_report
from hpsearch.tracking import Tracker
from tests.conftest import fresh
from tests.reporting.conftest import logger

Log = Callable[..., None]

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

SMOOTHING, DROPOUT, ACTIVATION, DIM = KEYS = [
    "loss.label_smoothing",
    "head.dropout",
    "head.activation",
    "head.dim",
]
BASE: dict[str, object] = {SMOOTHING: 0.1, DROPOUT: 0.1, ACTIVATION: "tanh", DIM: 768}

# As printed in the evaluation: label smoothing, dropout, activation, dim, accuracy, loss.
PUBLISHED = [
    ["", "", "relu", "", "0.95120", "0.20479"],
    ["0.1", "0.1", "tanh", "768.0", "0.95099", "0.19709"],
    ["", "0.0", "", "", "0.94800", "0.24426"],
    ["", "0.5", "", "", "0.94679", "0.30623"],
    ["", "", "", "250.0", "0.94459", "0.25216"],
    [".0", "", "", "", "0.94440", "0.27785"],
    ["", "", "", "50.0", "0.94340", "0.24950"],
]
RUNS: list[tuple[dict[str, object], float, float]] = [
    ({ACTIVATION: "relu"}, 0.95120, 0.20479),
    ({}, 0.95099, 0.19709),
    ({DROPOUT: 0.0}, 0.94800, 0.24426),
    ({DROPOUT: 0.5}, 0.94679, 0.30623),
    ({DIM: 250}, 0.94459, 0.25216),
    ({SMOOTHING: 0.0}, 0.94440, 0.27785),
    ({DIM: 50}, 0.94340, 0.24950),
]


@pytest.fixture(scope="module")
def published(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    """A store with the seven runs."""
    tracker = fresh(empty_store, tmp_path_factory.mktemp("published"))
    log_all(tracker, logger(tracker))
    return tracker


@pytest.fixture(scope="module")
def reported(published: Tracker) -> tuple[Path, str]:
    """The folder of their report, and what was printed."""
    root = Path(published.uri.removeprefix("sqlite:///")).parent
    with redirect_stdout(io.StringIO()) as printed:
        report.main([f"root={root}"])
    return root / "reports", printed.getvalue()


def log_all(tracker: Tracker, log: Log, *, leave_out: int | None = None) -> None:
    tracker.start_study("longformer", base=BASE, keys=KEYS, tags={})
    runs = [run for i, run in enumerate(RUNS) if i != leave_out]
    random.Random(7).shuffle(runs)
    for change, accuracy, loss in runs:
        log("longformer", BASE | change, accuracy, loss)
    tracker.end_study("longformer")


def _meaning(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _cells(markdown: str) -> list[list[str]]:
    """Of the first table."""
    table = next(part for part in markdown.split("\n\n") if part.startswith("|"))
    lines = table.splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_published_table_comes_out_row_for_row_and_cell_for_cell(published: Tracker) -> None:
    head, _, *rows = _cells(markdown_table(hp_table(published.read_study("longformer"))))
    assert head == [*KEYS, "val. accuracy", "val. loss"]
    assert [[_meaning(c) for c in row] for row in rows] == [
        [_meaning(c) for c in row] for row in PUBLISHED
    ]


def test_figures_have_five_decimals_and_columns_line_up(published: Tracker) -> None:
    text = markdown_table(hp_table(published.read_study("longformer")))
    assert [row[-2:] for row in _cells(text)[2:]] == [row[-2:] for row in PUBLISHED]
    assert len({len(line) for line in text.splitlines()}) == 1


def test_the_entry_writes_the_same_table_and_a_csv_without_blanks(
    reported: tuple[Path, str],
) -> None:
    folder, printed = reported
    written = (folder / "longformer.md").read_text(encoding="utf-8")
    assert _cells(written) == _cells(printed)
    assert [[_meaning(c) for c in row] for row in _cells(written)[2:]] == [
        [_meaning(c) for c in row] for row in PUBLISHED
    ]
    raw = (folder / "longformer.csv").read_bytes().decode()
    assert raw.count("\r\n") == raw.count("\n") == 8
    rows = list(csv.reader(raw.splitlines()))
    assert rows[1] == ["0.1", "0.1", "relu", "768", "0.9512", "0.20479"]
    assert all(cell for row in rows for cell in row)


def test_without_the_base_row_its_cells_stay_blank_and_a_line_states_it(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    log_all(tracker, log, leave_out=1)
    written = write_report(tracker.read_study("longformer"), tmp_path).markdown.read_text("utf-8")
    assert [row[:4] for row in _cells(written)[2:]] == [
        ["", "", "relu", ""],
        ["", "0.0", "", ""],
        ["", "0.5", "", ""],
        ["", "", "", "250"],
        ["0.0", "", "", ""],
        ["", "", "", "50"],
    ]
    base = "loss.label_smoothing=0.1, head.dropout=0.1, head.activation=tanh, head.dim=768"
    assert base in written


def test_the_caption_says_what_one_seed_cannot_show(reported: tuple[Path, str]) -> None:
    written = (reported[0] / "longformer.md").read_text(encoding="utf-8")
    # 1.96 * sqrt(0.9512 * 0.0488 / 5000) = 1.96 * 0.00304688
    assert "± 0.00597" in written
    assert "imdb (digest 0123abcd), 20,000 training and 5,000 validation examples" in written
    assert "Trials: 7 finished" in written
