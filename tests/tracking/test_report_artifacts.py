"""A report in MLflow: its files below ``report/`` of the study's run, and the run's description."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from hpsearch.tracking import Tracker
from hpsearch.tracking.names import LONGEST_TAG
from tests.tracking.conftest import Server, Wire, spooled, start, trial

NOTE = "mlflow.note.content"


@pytest.fixture
def report(tmp_path: Path) -> list[Path]:
    """What a report writes: a file, and a folder of figures."""
    folder = tmp_path / "reports"
    (folder / "s").mkdir(parents=True)
    (folder / "s.md").write_text("# s\n\n![accuracy](s/accuracy.svg)\n")
    (folder / "s" / "accuracy.svg").write_text("<svg/>")
    (folder / "s" / "old.svg").write_text("<svg/>")
    return [folder / "s.md", folder / "s"]


def the_run(tracker: Tracker, name: str = "s") -> tuple[MlflowClient, Run]:
    client = MlflowClient(tracker.uri)
    experiment = client.get_experiment_by_name(tracker.experiment)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    return client, next(run for run in runs if run.info.run_name == name)


def kept(tracker: Tracker, path: str = "report") -> set[str]:
    client, run = the_run(tracker)
    found = client.list_artifacts(run.info.run_id, path)
    below = [kept(tracker, each.path) for each in found if each.is_dir]
    return {each.path for each in found if not each.is_dir}.union(*below)


def text_of(tracker: Tracker, path: str, to: Path) -> str:
    client, run = the_run(tracker)
    to.mkdir(exist_ok=True)
    return Path(client.download_artifacts(run.info.run_id, path, str(to))).read_text()


def test_the_files_lie_beside_each_other_below_the_studys_run(
    local: Tracker, report: list[Path]
) -> None:
    start(local)
    assert local.log_report("s", report, note="one table")
    assert kept(local) == {"report/s.md", "report/s/accuracy.svg", "report/s/old.svg"}


def test_the_next_report_replaces_the_last_one(
    local: Tracker, report: list[Path], tmp_path: Path
) -> None:
    start(local)
    local.log_report("s", report)
    report[0].write_text("# new\n")
    (report[1] / "old.svg").unlink()
    local.log_report("s", report)
    assert kept(local) == {"report/s.md", "report/s/accuracy.svg"}
    assert text_of(local, "report/s.md", tmp_path / "to") == "# new\n"


def test_a_report_written_over_changes_nothing_in_mlflow(
    local: Tracker, report: list[Path], tmp_path: Path
) -> None:
    start(local)
    local.log_report("s", report)
    with report[0].open("r+") as file:  # in place: a link would follow
        file.write("# X")
    assert os.stat(report[0]).st_nlink == 1
    assert text_of(local, "report/s.md", tmp_path / "to").startswith("# s")


def test_the_note_is_what_the_runs_page_begins_with(local: Tracker) -> None:
    start(local)
    local.log_report("s", [], note="| a | b |\n| - | - |\n")
    assert the_run(local)[1].data.tags[NOTE] == "| a | b |\n| - | - |"
    local.log_report("s", [], note="another")
    assert the_run(local)[1].data.tags[NOTE] == "another"


def test_a_description_that_a_person_wrote_is_left(local: Tracker) -> None:
    start(local)
    local.log_report("s", [], note="the table")
    client, run = the_run(local)
    client.set_tag(run.info.run_id, NOTE, "mine: the seeds 3 and 4 ran on the other machine")
    local.log_report("s", [], note="another table")
    assert the_run(local)[1].data.tags[NOTE].startswith("mine")


def test_figures_and_tags_of_the_report_are_the_runs(local: Tracker) -> None:
    start(local)
    for seeds in (2.0, 3.0, 3.0):
        local.log_report("s", [], figures={"best_point/seeds": seeds}, tags={"winner": "r"})
    client, run = the_run(local)
    assert run.data.tags["winner"] == "r"
    history = client.get_metric_history(run.info.run_id, "best_point/seeds")
    assert [metric.value for metric in history] == [2.0, 3.0]


def test_a_table_of_a_thousand_rows_ends_in_a_whole_row(local: Tracker) -> None:
    start(local)
    local.log_report("s", [], note="\n".join(f"| row {n} | 0.5 |" for n in range(1000)))
    text = the_run(local)[1].data.tags[NOTE]
    assert len(text) <= LONGEST_TAG
    *rows, _, last = text.splitlines()
    assert all(row.endswith("| 0.5 |") for row in rows)
    assert "`report/`" in last


def test_a_password_is_masked_in_the_note(local: Tracker) -> None:
    start(local)
    local.log_report("s", [], note="storage=postgresql://ann:s3cret@host/db")
    assert "s3cret" not in the_run(local)[1].data.tags[NOTE]


def test_a_run_alone_keeps_its_own_report(local: Tracker, report: list[Path]) -> None:
    with trial(local, name="alone", study="alone-1"):
        pass
    assert local.log_report("alone-1", report[:1], note="one row")
    client, run = the_run(local, "alone")
    assert [f.path for f in client.list_artifacts(run.info.run_id, "report")] == ["report/s.md"]


def test_a_study_that_mlflow_has_not_fails_no_report(
    local: Tracker, report: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    assert not local.log_report("nobody", report)
    assert "study=nobody" in caplog.text


def test_a_copied_root_leaves_the_originals_artifacts_alone(
    local: Tracker, report: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(local)
    local.log_report("s", report)
    local.settle()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "mlflow.db").write_bytes((tmp_path / "mlflow.db").read_bytes())
    report[0].write_text("# of the copy\n")
    assert not Tracker(f"sqlite:///{copy}/mlflow.db", root=copy).log_report("s", report)
    assert "moved or copied" in caplog.text
    assert text_of(local, "report/s.md", tmp_path / "to").startswith("# s")


def test_a_report_waits_on_the_disk_while_the_store_is_away(
    wire: Wire, report: list[Path], tmp_path: Path
) -> None:
    wire.mend()
    tracker = Tracker(wire.uri, experiment=tmp_path.name, root=tmp_path, try_every=0.0)
    start(tracker)
    wire.cut()
    assert not tracker.log_report("s", report, note="late")
    assert len(spooled(tmp_path)) == 1
    wire.mend()
    assert tracker.send_spooled().records == 1
    assert kept(tracker) == {"report/s.md", "report/s/accuracy.svg", "report/s/old.svg"}
    assert the_run(tracker)[1].data.tags[NOTE] == "late"
    assert spooled(tmp_path) == []


def test_over_a_server_a_file_that_is_gone_is_removed(
    server: Server, report: list[Path], tmp_path: Path
) -> None:
    tracker = Tracker(server.uri, experiment=tmp_path.name, root=tmp_path)
    start(tracker)
    assert tracker.log_report("s", report)
    (report[1] / "old.svg").unlink()
    assert tracker.log_report("s", report)
    assert kept(tracker) == {"report/s.md", "report/s/accuracy.svg"}
