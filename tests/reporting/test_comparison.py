"""Two studies side by side: what they have in common, what they differ in, and how far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hpsearch import report
from hpsearch.reporting import write_comparison
from hpsearch.reporting.analysis.matching import agreement, base_differences, matches
from hpsearch.reporting.sections.side_by_side import best_notes, matches_table
from hpsearch.tracking import DataInfo, Study, Tracker

Log = Callable[..., None]

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

BASE = {"backbone.name": "sbert", "trainer.epochs": 1, "head.dim": 50, "seed": 0}
LONG = BASE | {"backbone.name": "longformer", "trainer.epochs": 5}


def _study(
    tracker: Tracker, log: Log, name: str, base: Mapping[str, object], by_dim: Mapping[int, float]
) -> Study:
    tracker.start_study(name, base=base, keys=["head.dim", "seed"], tags={})
    for dim, accuracy in by_dim.items():
        for seed in range(2):
            point = {**base, "head.dim": dim, "seed": seed}
            log(name, point, accuracy + seed / 100, fingerprint=f"{name}{dim}{seed}")
    tracker.end_study(name)
    return tracker.read_study(name)


@pytest.fixture
def short(tracker: Tracker, log: Log) -> Study:
    return _study(tracker, log, "short", BASE, {0: 0.6, 50: 0.7, 100: 0.65, 200: 0.75, 400: 0.8})


@pytest.fixture
def long(tracker: Tracker, log: Log) -> Study:
    return _study(tracker, log, "long", LONG, {0: 0.7, 50: 0.8, 100: 0.71, 200: 0.95, 400: 0.9})


def test_points_are_matched_by_their_values_and_keep_the_first_studys_order(
    short: Study, long: Study
) -> None:
    found = matches([short, long])
    assert [match.cells["head.dim"] for match in found] == ["400", "200", "50", "100", "0"]
    means = [[point and point.mean("val/accuracy") for point in m.found] for m in found]
    assert means[0] == pytest.approx([0.805, 0.905])


def test_a_point_of_one_study_alone_is_blank_in_the_other(
    tracker: Tracker, log: Log, short: Study, tmp_path: Path
) -> None:
    other = _study(tracker, log, "other", BASE, {50: 0.72, 800: 0.9})
    table = matches_table([short, other], tmp_path, digits=3)
    rows = table.set_index("head.dim")
    assert rows.loc["800", "val. accuracy short"] == ""
    assert rows.loc["400", "val. accuracy other"] == ""
    assert rows.loc["50", "Δ other"] == "+0.020"
    assert rows.loc["800", "Δ other"] == ""


def test_what_the_bases_differ_in_is_named_and_places_are_not(short: Study, long: Study) -> None:
    assert base_differences([short, long]) == {
        "backbone.name": ["sbert", "longformer"],
        "trainer.epochs": ["1", "5"],
    }
    moved = replace(short, base={**short.base, "root": "/elsewhere", "report.digits": "3"})
    assert base_differences([short, moved]) == {}


def test_the_order_of_the_points_is_compared(short: Study, long: Study) -> None:
    said = agreement(matches([short, long]), 0, 1)
    # Of the ten pairs of points one is in another order: (9 - 1) / 10.
    assert (said.points, said.tau, said.rank) == (5, pytest.approx(0.8), 2)
    assert agreement(matches([short, short]), 0, 1).tau == pytest.approx(1.0)


def test_the_best_points_are_compared_on_common_seeds(
    short: Study, long: Study, tmp_path: Path
) -> None:
    assert best_notes([short, long], tmp_path, digits=3) == [
        "The best of long less the best of short: +0.150, which nothing kept can test."
    ]


def test_studies_of_other_data_are_not_tested(
    tracker: Tracker, log: Log, short: Study, tmp_path: Path
) -> None:
    data = DataInfo("imdb", "ffff", "stanfordnlp/imdb", 10, 5, ["neg", "pos"])
    tracker.start_study("else", base=BASE, keys=["head.dim"], tags={})
    with tracker.start_trial(
        study="else", name="t", fingerprint="t", params=BASE, tags={}, data=data
    ) as run:
        run.summary({"val/accuracy": 0.9, "val/loss": 0.1})
    both = [short, tracker.read_study("else")]
    assert "other data" in best_notes(both, tmp_path)[0]
    assert not [c for c in matches_table(both, tmp_path) if c.startswith(("Δ", "p"))]


def test_a_study_without_a_finished_trial_is_shown_as_empty(
    tracker: Tracker, short: Study, tmp_path: Path
) -> None:
    tracker.start_study("none", base=BASE, keys=["head.dim"], tags={})
    written = write_comparison([short, tracker.read_study("none")], tmp_path)
    text = written.markdown.read_text()
    assert "| none  | 0      | 0      |" in text
    assert "nan" not in text


def test_the_entry_takes_names_separated_by_commas(
    short: Study, long: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report.main(["study=short,long", f"root={tmp_path}", "digits=2"])
    assert "+0.15" in capsys.readouterr().out
    text = (tmp_path / "reports" / "short+long.md").read_text()
    assert "number 2 of 5 there" in text
    assert "| trainer.epochs | 1     | 5" in text
    assert (tmp_path / "reports" / "short+long.csv").read_text().count("\n") == 6


def test_a_name_that_holds_a_comma_is_one_study(
    tracker: Tracker, log: Log, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _study(tracker, log, "a,b", BASE, {0: 0.6, 50: 0.7})
    report.main(["study=a,b", f"root={tmp_path}"])
    assert capsys.readouterr().out.startswith("a,b\n")
