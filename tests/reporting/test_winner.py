"""The winner's section: what it says before and after the test split was looked at."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from hpsearch import tested
from hpsearch.reporting.sections import winner
from hpsearch.tracking import Tracker
from hpsearch.trials import TrialStore
from tests.reporting.conftest import Log

BEST, OTHER = "a" * 16, "b" * 16
RESULT = tested.TestResult(
    examples=200,
    loss=0.25,
    accuracy=0.9,
    f1=0.899,
    confusion=[[95, 5], [15, 85]],
    classes=["negative", "a|b <i>"],
    digest="0123456789abcdef",
)


@pytest.fixture
def study(tracker: Tracker, log: Log) -> str:
    tracker.start_study("heads", base={"head.dim": 0}, keys=["head.dim"], tags={})
    log("heads", {"head.dim": 50}, 0.9, fingerprint=BEST)
    log("heads", {"head.dim": 0}, 0.8, fingerprint=OTHER)
    return "heads"


def keep(root: Path, name: str, result: tested.TestResult = RESULT) -> None:
    tested.store_test_result(TrialStore(root).open(name), result)


def test_before_the_test_split_was_looked_at_the_section_says_how(
    tracker: Tracker, study: str, tmp_path: Path
) -> None:
    found = tracker.read_study(study)
    text = " ".join(winner.winner_notes(found, tmp_path))
    assert "the model is not in this output folder" in text
    assert not (tmp_path / "outputs" / "trials").exists()
    model = TrialStore(tmp_path).open(BEST).best
    model.mkdir()
    (model / "config.yaml").write_text("name: x")
    text = " ".join(winner.winner_notes(found, tmp_path))
    assert "head.dim=50" in text
    assert f"for this model; python -m hpsearch.report study=heads root={tmp_path} does it" in text
    assert winner.test_table(found, tmp_path).columns.tolist() == ["figure", "validation"]
    assert winner.confusion_table(found, tmp_path).empty
    assert winner.looked_at(found, tmp_path) == 0


def test_the_stored_figures_are_shown_with_their_intervals(
    tracker: Tracker, study: str, tmp_path: Path
) -> None:
    keep(tmp_path, BEST)
    found = tracker.read_study(study)
    table = winner.test_table(found, tmp_path).set_index("figure")
    assert table.loc["accuracy"].tolist() == ["0.90000", "0.90000", "0.85059 to 0.93433"]
    assert table.loc["loss"].tolist() == ["0.50000", "0.25000", ""]
    low, high = map(float, table.loc["macro F1", "95 % (test)"].split(" to "))
    assert 0.84 < low < RESULT.f1 < high < 0.95
    text = " ".join(winner.winner_notes(found, tmp_path))
    assert "200 examples (digest 0123456789abcdef), evaluated once" in text
    assert "no longer untouched" not in text


def test_the_confusion_matrix_has_a_row_a_true_class(
    tracker: Tracker, study: str, tmp_path: Path
) -> None:
    keep(tmp_path, BEST)
    table = winner.confusion_table(tracker.read_study(study), tmp_path)
    assert table.columns.tolist() == ["true class", "predicted negative", "predicted a|b <i>"]
    assert table.iloc[0].tolist() == ["negative", 95, 5]


def test_a_second_look_at_the_test_split_is_told(
    tracker: Tracker, study: str, tmp_path: Path
) -> None:
    keep(tmp_path, OTHER)
    found = tracker.read_study(study)
    assert winner.looked_at(found, tmp_path) == 1
    keep(tmp_path, BEST)
    assert winner.looked_at(found, tmp_path) == 2
    assert any("looked at for 2 models" in one for one in winner.winner_notes(found, tmp_path))


@pytest.mark.parametrize("wrong", ["", "{", "[]", '{"loss": 1}', "examples"])
def test_a_damaged_file_counts_as_none_and_is_told(
    wrong: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = TrialStore(tmp_path).open(BEST)
    keep(tmp_path, BEST)
    file = folder.path / "test.json"
    words = json.loads(file.read_text()) | {"examples": 7}
    file.write_text(json.dumps(words) if wrong == "examples" else wrong)
    with caplog.at_level(logging.WARNING):
        assert tested.read_test_result(folder) is None
    assert "damaged" in caplog.text
    assert caplog.text.count("\n") == 1


def test_what_is_stored_is_read_back(tmp_path: Path) -> None:
    keep(tmp_path, BEST)
    assert tested.read_test_result(TrialStore(tmp_path).look(BEST)) == RESULT


def test_many_classes_have_no_table_that_nobody_reads(
    tracker: Tracker, study: str, tmp_path: Path
) -> None:
    confusion = [[2 if row == column else 0 for column in range(50)] for row in range(50)]
    names = [f"class {n}" for n in range(50)]
    keep(tmp_path, BEST, tested.TestResult(100, 0.0, 1.0, 1.0, confusion, names, "d"))
    found = tracker.read_study(study)
    assert winner.confusion_table(found, tmp_path).empty
    assert "of 50 classes is in test.json" in " ".join(winner.winner_notes(found, tmp_path))
    assert winner.test_table(found, tmp_path)["test"].tolist() == ["1.00000", "1.00000", "0.00000"]


def test_a_study_in_which_nothing_finished_has_no_winner(tracker: Tracker, tmp_path: Path) -> None:
    tracker.start_study("none", base={"head.dim": 0}, keys=["head.dim"], tags={})
    found = tracker.read_study("none")
    assert winner.winner_notes(found, tmp_path) == []
    assert winner.winner_commands(found, tmp_path) == {}
    assert winner.test_table(found, tmp_path).empty
    assert winner.confusion_table(found, tmp_path).empty
    assert winner.winner_folder(found, tmp_path) is None


def test_a_fingerprint_that_is_none_leads_to_no_folder(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    tracker.start_study("odd", base={"head.dim": 0}, keys=["head.dim"], tags={})
    log("odd", {"head.dim": 50}, 0.9, fingerprint="../../elsewhere")
    assert winner.winner_folder(tracker.read_study("odd"), tmp_path) is None


def test_the_commands_name_study_and_folder_as_a_shell_takes_them(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    log("it's | <b>", {"head.dim": 50}, 0.9, fingerprint=BEST)
    commands = winner.winner_commands(tracker.read_study("it's | <b>"), tmp_path)
    assert commands["To train it again:"].startswith("python -m hpsearch.train")
    assert "study='it'\"'\"'s | <b>'" in commands["To use it:"]
    assert f"root={tmp_path}" in commands["To use it:"]


def test_test_figures_are_added_to_the_winners_run_once(tracker: Tracker, study: str) -> None:
    run = winner.winner_run(tracker.read_study(study))
    for _ in range(2):
        tracker.add_figures(run["run_id"], RESULT.figures)
    after = winner.winner_run(tracker.read_study(study))
    assert after["metrics.test/accuracy"] == 0.9
    assert after["end"] == run["end"]
    assert after["status"] == "FINISHED"
    client = tracker._store.client
    assert len(client.get_metric_history(run["run_id"], "test/f1")) == 1


def test_mlflow_is_told_the_best_points_means_beside_the_luckiest_trial(
    tracker: Tracker, log: Log
) -> None:
    tracker.start_study("seeds", base={"head.dim": 0}, keys=["head.dim", "seed"], tags={})
    for dim, seed, accuracy in ((0, 0, 0.7), (0, 1, 0.95), (50, 0, 0.9), (50, 1, 0.86)):
        point = {"head.dim": dim, "seed": seed}
        log("seeds", point, accuracy, 1 - accuracy, fingerprint=f"{dim:02}{seed}" * 8)
    tracker.end_study("seeds")
    found = tracker.read_study("seeds")
    figures, tags = winner.winner_figures(found)
    assert figures == pytest.approx(
        {
            "best_point/val/accuracy": 0.88,
            "best_point/val/loss": 0.12,
            "best_point/val/accuracy_std": 0.02 * 2**0.5,
            "best_point/seeds": 2.0,
        }
    )
    won = found.runs.set_index("run_id").loc[tags["hpsearch.winner_run"]]
    assert won["metrics.best/val/accuracy"] == 0.9
    lucky = found.runs.set_index("run_id").loc[found.tags["hpsearch.best_run"]]
    assert lucky["metrics.best/val/accuracy"] == 0.95


def test_with_one_seed_the_best_trial_is_the_best_point(tracker: Tracker, study: str) -> None:
    figures, tags = winner.winner_figures(tracker.read_study(study))
    assert (figures, list(tags)) == ({}, ["hpsearch.winner_run"])
