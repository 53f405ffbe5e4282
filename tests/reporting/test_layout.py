"""Which columns and digits a table has, and how it looks in a terminal and in a spreadsheet."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from hpsearch import report
from hpsearch.errors import ReportError
from hpsearch.reporting import choose, hp_table, show
from hpsearch.reporting.document import Bullets, Section, Table, Text
from hpsearch.reporting.formats.csv import csv_table
from hpsearch.reporting.formats.terminal import MOST_ROWS
from hpsearch.reporting.layout import Layout
from hpsearch.tracking import Study, Tracker

Log = Callable[..., None]

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

BASE = {"head.activation": "tanh", "optimizer.lr": 0.001, "seed": 0}


@pytest.fixture
def study(tracker: Tracker, log: Log) -> Study:
    tracker.start_study("s", base=BASE, keys=["head.activation"], tags={})
    for n, activation in enumerate(["tanh", "relu"]):
        log("s", BASE | {"head.activation": activation}, 0.75 + n / 8)
    return tracker.read_study("s")


def test_columns_are_keys_and_metrics_in_the_order_given(study: Study) -> None:
    table = hp_table(study, ["val/loss", "optimizer.lr", "head.activation", "val/accuracy"])
    assert list(table) == ["val. loss", "optimizer.lr", "head.activation", "val. accuracy"]
    assert table["optimizer.lr"].tolist() == ["0.001", "0.001"]
    assert table["head.activation"].tolist() == ["relu", "tanh"]


def test_an_unknown_column_is_one_line_with_the_nearest(
    study: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        report.main([f"root={tmp_path}", "columns=val/acuracy"])
    error = capsys.readouterr().err
    assert error.startswith("error: columns=val/acuracy: known are head.activation, seeds")
    assert "(did you mean 'val/accuracy'?)" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "reports").exists()


def test_the_studys_own_layout_holds_where_none_is_asked_for(study: Study) -> None:
    own = {"report.columns": '["seeds", "val/loss"]', "report.digits": "2"}
    configured = replace(study, base={**study.base, **own})
    assert choose(configured) == Layout(("seeds", "val/loss"), 2)
    assert choose(configured, columns="val/loss", digits=7) == Layout(("val/loss",), 7)
    assert choose(study) == Layout()
    with pytest.raises(ReportError, match="digits=16: allowed is a whole number from 0 to 15"):
        choose(study, digits=16)


def test_digits_reach_every_table(study: Study, tmp_path: Path) -> None:
    report.main([f"root={tmp_path}", "digits=2"])
    assert (
        "| relu            | 0.88          | 0.50      |" in (tmp_path / "reports/s.md").read_text()
    )
    assert r"relu & 0.88 & 0.50 \\" in (tmp_path / "reports/s.tex").read_text()
    assert "relu,0.875,0.5" in (tmp_path / "reports/s.csv").read_text()


@pytest.mark.parametrize("formula", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", '=HYPERLINK("x")'])
def test_a_spreadsheet_runs_no_cell_as_a_formula(formula: str) -> None:
    import csv

    table = pd.DataFrame({"key": [formula, "-1.5", "1e-3", "tanh"], "=val": [-0.5, 1.0, 2.0, 3.0]})
    rows = list(csv.reader(csv_table(table).splitlines()))
    assert rows[0] == ["key", "'=val"]
    assert [row[0] for row in rows[1:]] == [f"'{formula}", "-1.5", "1e-3", "tanh"]
    assert rows[1][1] == "-0.5"


class _Terminal(io.StringIO):
    """What `rich` asks of a stream that people look at."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_table_that_shows_every_value_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stdout", terminal := _Terminal())
    values = ["[bold]relu[/bold]", "\x1b[31mred", *["x"] * MOST_ROWS]
    frame = pd.DataFrame({"head.activation": values, "val. accuracy": [0.5] * len(values)})
    parts = [Table("points", frame), Text("a [b] c"), Bullets(["one"])]
    show(Section("", parts), title="[red]s", digits=3)
    shown = terminal.getvalue()
    assert "[bold]relu[/bold]" in shown
    assert "\x1b[31mred" not in shown
    assert "0.500" in shown
    assert "and 2 more rows" in shown
    assert "[red]s" in shown


def test_what_is_no_terminal_gets_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"key": ["a|b"], "val. accuracy": [0.5]})
    show(Section("", [Table("points", frame)]), title="s", digits=2)
    assert capsys.readouterr().out.splitlines()[-2] == r"| a\|b | 0.50          |"
