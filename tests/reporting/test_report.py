"""What a report says of failed, running, repeated, hostile and missing trials."""

from __future__ import annotations

import csv
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from hpsearch import report
from hpsearch.errors import ReportError
from hpsearch.reporting import (
    full_table,
    hp_table,
    markdown,
    markdown_table,
    study_document,
    write_report,
)
from hpsearch.reporting.formats.markdown import escape
from hpsearch.reporting.sections.notes import half_width
from hpsearch.tracking import DataInfo, Tracker
from hpsearch.tracking.names import file_name

Log = Callable[..., None]

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

BASE = {"head.activation": "tanh", "head.dropout": 0.1}
DATA = DataInfo("imdb", "0123abcd", "stanfordnlp/imdb", 20_000, 5_000, ["neg", "pos"])


def _start(tracker: Tracker, *keys: str, **tags: str) -> None:
    named = {f"hpsearch.{tag}": value for tag, value in tags.items()}
    tracker.start_study("s", base=BASE, keys=keys or ["head.activation"], tags=named)


def test_a_failed_and_a_running_trial_are_counted_below_the_table(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    _start(tracker)
    log("s", BASE, 0.9)
    failing = tracker.start_trial(
        study="s", name="r", fingerprint="r", params={"head.activation": "relu"}, tags={}, data=DATA
    )
    with pytest.raises(RuntimeError), failing:
        raise RuntimeError("out of\nmemory")
    tracker.start_trial(
        study="s", name="g", fingerprint="g", params={"head.activation": "gelu"}, tags={}, data=DATA
    )
    study = tracker.read_study("s")
    text = markdown(study_document(study, tmp_path))
    assert len(hp_table(study)) == 1
    assert "Trials: 1 finished" in text
    assert "- 1 failed: head.activation=relu — RuntimeError: out of memory\n- 1 running\n" in text


def test_of_several_attempts_at_one_point_the_last_finished_one_counts(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    _start(tracker)
    log("s", BASE, 0.99, name="first", fingerprint="old code")
    log("s", BASE | {"head.dropout": "1e-1"}, 0.80, name="second", fingerprint="new code")
    failing = tracker.start_trial(
        study="s", name="third", fingerprint="newer", params=BASE, tags={}, data=DATA
    )
    with pytest.raises(OSError, match="disk"), failing:
        raise OSError("disk")
    study = tracker.read_study("s")
    assert hp_table(study)["val. accuracy"].tolist() == [0.80]
    assert "failed" not in markdown(study_document(study, tmp_path))


def test_ties_go_to_the_lower_loss_and_then_to_the_name(tracker: Tracker, log: Log) -> None:
    _start(tracker)
    log("s", {"head.activation": "silu"}, 0.9, 0.3, name="b")
    log("s", {"head.activation": "gelu"}, 0.9, 0.3, name="a")
    log("s", {"head.activation": "relu"}, 0.9, 0.2, name="c")
    log("s", {"head.activation": "tanh"}, float("nan"), float("inf"), name="diverged")
    table = hp_table(tracker.read_study("s"))
    assert table["head.activation"].tolist() == ["relu", "gelu", "silu", "tanh"]
    last = markdown_table(table).splitlines()[-1]
    assert last.split() == ["|", "tanh", "|", "nan", "|", "inf", "|"]


def test_a_searched_key_that_never_varied_has_no_column(tracker: Tracker, log: Log) -> None:
    _start(tracker, "head.dropout", "head.activation")
    log("s", BASE, 0.9)
    log("s", BASE | {"head.activation": "relu"}, 0.8)
    table = hp_table(tracker.read_study("s"))
    assert list(table.columns) == ["head.activation", "val. accuracy", "val. loss"]


def test_a_searched_config_group_has_a_column(tracker: Tracker, log: Log) -> None:
    tracker.start_study("s", base={"backbone": "cnn"}, keys=["backbone"], tags={})
    log("s", {"backbone": "cnn", "backbone.widths": [3, 4]}, 0.8)
    log("s", {"backbone": "rnn", "backbone.cell": "lstm"}, 0.9)
    assert hp_table(tracker.read_study("s"))["backbone"].tolist() == ["rnn", "cnn"]


def test_hostile_values_cannot_break_the_table_or_the_page(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    values = ["a|b", "two\nlines", "`tick`", "<b>&", "[x](y)", "*em* _em_", "\x1b[31mred", "\\"]
    _start(tracker)
    for i, value in enumerate(values):
        log("s", {"head.activation": value}, 0.9 - i / 100, fingerprint=str(i))
    study = tracker.read_study("s")
    lines = [
        line
        for line in markdown(study_document(study, tmp_path)).splitlines()
        if line.startswith("|")
    ]
    shown = lines[2 : 2 + len(values)]
    cells = [line.split(" | ")[0].removeprefix("| ").rstrip() for line in shown]
    assert cells == [
        r"a\|b",
        "two lines",
        r"\`tick\`",
        "&lt;b&gt;&amp;",
        r"[x\](y)",
        r"\*em\* \_em\_",
        "�[31mred",
        "\\\\",
    ]
    written = write_report(study, tmp_path)
    with written.csv.open(newline="", encoding="utf-8") as file:
        assert [row[0] for row in csv.reader(file)][1:] == values


def test_an_ordinary_key_is_left_as_it_is() -> None:
    assert escape("loss.label_smoothing [3, 4] 1e-5 a/b") == "loss.label_smoothing [3, 4] 1e-5 a/b"


@pytest.mark.parametrize(
    "value", ["tanh", "0.5", "[3, 4]", "a b", 'say "no"', "it's", "back\\", "a,b", "x=y", ""]
)
def test_the_command_of_the_winner_gives_its_point_back_to_hydra(
    tracker: Tracker, log: Log, tmp_path: Path, value: str
) -> None:
    _start(tracker, command="experiment=cnn_imdb")
    log("s", {"head.activation": value}, 0.9, fingerprint="w")
    log("s", {"head.activation": "other"}, 0.8)
    text = markdown(study_document(tracker.read_study("s"), tmp_path))
    line = text.split("```bash\n")[1].split("\n```")[0]
    *start, override = shlex.split(line)
    assert start == ["python", "-m", "hpsearch.train", "experiment=cnn_imdb"]
    parsed = OverridesParser.create().parse_override(override)
    found = parsed.value()
    assert parsed.key_or_group == "head.activation"
    assert str(found) == value


def test_the_winner_names_its_own_command_and_its_model(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    tags = {"hpsearch.command": "head.dropout=0.2", "hpsearch.folder": str(tmp_path / "o" / "t")}
    log("s", BASE, 0.9, tags=tags)
    text = markdown(study_document(tracker.read_study("s"), tmp_path))
    assert "```bash\npython -m hpsearch.train head.dropout=0.2\n```" in text
    assert "Its model lies in o/t/best." in text


def test_a_run_alone_is_a_study_of_one(tracker: Tracker, log: Log) -> None:
    log("alone", BASE, 0.9, 0.25)
    study = tracker.read_study(tracker.newest_study())
    assert study.name == "alone"
    assert study.keys == []
    assert study.base == {"head.activation": "tanh", "head.dropout": "0.1"}
    assert markdown_table(hp_table(study)).splitlines()[-1] == "| 0.90000       | 0.25000   |"


def test_a_study_without_trials_is_reported_as_empty(tracker: Tracker, tmp_path: Path) -> None:
    _start(tracker)
    study = tracker.read_study("s")
    assert full_table(study).empty
    assert "No trial has finished yet." in markdown(study_document(study, tmp_path))
    assert write_report(study, tmp_path).csv.read_text().splitlines() == ["val. accuracy,val. loss"]


def test_the_sampling_error_is_that_of_a_binomial() -> None:
    # 1.96 * sqrt(0.9 * 0.1 / 900) = 1.96 * 0.01
    assert half_width(0.9, 900) == pytest.approx(0.0196)
    assert half_width(1.0, 900) == 0.0


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".hidden", "x" * 300, "..", "a b"])
def test_a_study_name_never_leaves_the_reports_folder(name: str, tmp_path: Path) -> None:
    place = (tmp_path / file_name(name)).resolve()
    assert place.parent == tmp_path.resolve()
    assert len(place.name) < 120
    assert not place.name.startswith(".")


def test_two_study_names_never_share_a_file() -> None:
    names = ["a/b", "a_b", "a b", "x" * 300, "x" * 299]
    assert len({file_name(name) for name in names}) == len(names)


def test_an_unknown_study_is_one_line_with_the_nearest_name(
    tracker: Tracker, log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log("longformer", BASE, 0.9)
    with pytest.raises(ReportError, match=r"study=longfromer: known are longformer \(did you mean"):
        tracker.read_study("longfromer")
    with pytest.raises(SystemExit, match="2"):
        report.main(["study=longfromer", f"root={tmp_path}"])
    captured = capsys.readouterr()
    assert captured.err.startswith("error: study=longfromer")
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "reports").exists()


def test_without_a_database_one_line_says_how_to_make_one_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        report.main([f"root={tmp_path}"])
    error = capsys.readouterr().err
    assert "python -m hpsearch.train -m head.activation=tanh,relu" in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    log("s", BASE, 0.9)
    (tmp_path / "reports").write_text("a file in the way")
    with pytest.raises(ReportError, match=r"s\.csv cannot be written"):
        write_report(tracker.read_study("s"), tmp_path)


def test_the_entry_imports_no_torch_and_writes_nothing_but_the_reports(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    _start(tracker)
    log("s", BASE, 0.9)
    tracker.end_study("s")
    before = {p for p in tmp_path.rglob("*") if "mlflow.db" not in p.name}
    code = (
        "import sys; from hpsearch import report; report.main(['test=false', 'register=false']);"
        "sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    after = {p for p in tmp_path.rglob("*") if "mlflow.db" not in p.name}
    names = {str(p.relative_to(tmp_path)) for p in after - before}
    assert {name for name in names if name.count("/") < 2} == {
        "reports",
        *(f"reports/s{suffix}" for suffix in (".md", ".html", ".csv", ".tex", "-figures")),
        "cache",
        "cache/matplotlib",  # its list of fonts
        "outputs",
        "outputs/mlflow-artifacts",
    }
