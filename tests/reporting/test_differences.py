"""Seeds are replicates, and a difference is claimed where a paired test supports it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from hpsearch.reporting import (
    best_fingerprint,
    hp_table,
    markdown,
    study_document,
    summary,
    write_report,
)
from hpsearch.reporting.analysis.differences import differences, like_the_best
from hpsearch.reporting.analysis.points import points
from hpsearch.reporting.document import Text
from hpsearch.reporting.sections.verdict import verdict_table
from hpsearch.tracking import Tracker
from hpsearch.trials import Result, TrialStore

Log = Callable[..., None]

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

BASE = {"head.activation": "tanh", "seed": 0}
EXAMPLES = 400
LABELS = np.arange(EXAMPLES) % 2

# Accuracy of five seeds: relu is better on each, gelu is better on some.
ACCURACIES = {
    "tanh": [0.80, 0.82, 0.81, 0.83, 0.79],
    "relu": [0.84, 0.86, 0.86, 0.87, 0.84],
    "gelu": [0.82, 0.81, 0.83, 0.82, 0.80],
}


@pytest.fixture
def trial(log: Log, tmp_path: Path) -> Callable[..., None]:
    """A finished trial with its predictions: of ``LABELS``, ``wrong`` are mistaken."""

    def finish(activation: str, wrong: range, *, seed: int = 0, labels: object = LABELS) -> None:
        truth = np.asarray(labels)
        predicted = truth.copy()
        predicted[list(wrong)] ^= 1
        name = f"{len(activation):02x}{sum(map(ord, activation)):06x}{seed:08x}"
        folder = TrialStore(tmp_path).open(name)
        model = folder.path / "model"
        model.mkdir()
        probabilities = np.eye(2, dtype=np.float32)[predicted]
        result = Result(name, {}, [], False, 1.0, {}, {})
        folder.finish(result, probabilities, truth, model=model)
        accuracy = 1 - len(wrong) / len(truth)
        point = {"head.activation": activation, "seed": seed}
        log("s", point, accuracy, name=f"{activation}-{seed}", fingerprint=name)

    return finish


def replicated(tracker: Tracker, log: Log) -> None:
    tracker.start_study("s", base=BASE, keys=["head.activation", "seed"], tags={})
    for activation, accuracies in ACCURACIES.items():
        for seed, accuracy in enumerate(accuracies):
            point = {"head.activation": activation, "seed": seed}
            log("s", point, accuracy, name=f"{activation}-{seed}")


def test_seeds_are_replicates_and_a_row_is_their_mean(tracker: Tracker, log: Log) -> None:
    replicated(tracker, log)
    table = hp_table(tracker.read_study("s"))
    assert list(table) == [
        "head.activation",
        "seeds",
        "val. accuracy",
        "±",
        "95 % from",
        "to",
        "val. loss",
    ]
    assert table["head.activation"].tolist() == ["relu", "gelu", "tanh"]
    assert table["seeds"].tolist() == [5, 5, 5]
    assert table["val. accuracy"].tolist() == pytest.approx([0.854, 0.816, 0.81])
    assert table["±"].tolist() == pytest.approx(
        [np.std(ACCURACIES[a], ddof=1) for a in ("relu", "gelu", "tanh")]
    )


def test_a_point_with_one_seed_among_replicates_has_no_deviation(
    tracker: Tracker, log: Log
) -> None:
    replicated(tracker, log)
    log("s", {"head.activation": "silu", "seed": 0}, 0.7, name="silu")
    table = hp_table(tracker.read_study("s"))
    assert table.iloc[-1].tolist() == ["silu", 1, pytest.approx(0.7), "", "", "", 0.5]


def test_the_difference_from_the_base_is_tested_over_the_seeds_that_both_have(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    replicated(tracker, log)
    log("s", {"head.activation": "relu", "seed": 7}, 0.1, name="relu-7")  # the base has no such
    found = points(tracker.read_study("s"))
    base = next(point for point in found if point.cells["head.activation"] == "tanh")
    by_name = {
        point.cells["head.activation"]: each
        for point, each in zip(found, differences(found, to=base, root=tmp_path), strict=True)
    }
    relu, gelu = (
        stats.ttest_rel(ACCURACIES[name], ACCURACIES["tanh"]) for name in ("relu", "gelu")
    )
    assert by_name["relu"].seeds == 5
    assert by_name["relu"].mean == pytest.approx(0.044)
    assert by_name["relu"].p_seeds == pytest.approx(2 * relu.pvalue)  # Holm over two
    assert by_name["gelu"].p_seeds == pytest.approx(gelu.pvalue)
    expected = gelu.confidence_interval()
    assert by_name["gelu"].over_seeds == pytest.approx((expected.low, expected.high))
    assert math.isnan(by_name["tanh"].p_seeds)  # the base itself is no comparison
    assert math.isnan(by_name["relu"].p_examples)  # no predictions are kept


def test_rows_that_cannot_be_told_from_the_best_are_one_group(
    tracker: Tracker, log: Log, tmp_path: Path
) -> None:
    replicated(tracker, log)
    study = tracker.read_study("s")
    assert like_the_best(points(study), root=tmp_path) == [True, False, False]
    text = markdown(study_document(study, tmp_path))
    assert "0 of the 2 other points cannot be told from the best one" in text
    assert "paired t test" in text
    assert "One seed" not in text
    printed = summary(study_document(study, tmp_path)).parts[-1]
    assert isinstance(printed, Text)
    assert "0 of the 2 other points cannot be told" in printed.text


def test_with_one_seed_the_examples_decide_and_the_report_says_what_it_cannot_claim(
    tracker: Tracker, trial: Callable[..., None], tmp_path: Path
) -> None:
    tracker.start_study("s", base=BASE, keys=["head.activation"], tags={})
    trial("tanh", range(60))
    trial("relu", range(30))  # right wherever tanh is, and on 30 examples more
    trial("gelu", range(2, 61))
    study = tracker.read_study("s")
    table = verdict_table(study, tmp_path).set_index("head.activation")
    assert list(table) == [
        "Δ val. accuracy",
        "95 % over examples",
        "p (examples)",
        "like the best",
    ]
    assert table.loc["relu", "Δ val. accuracy"] == "+0.07500"
    assert table.loc["relu", "p (examples)"] == "≤ 0.001"
    assert table.loc["gelu", "p (examples)"] == "1.000"  # one more, two less: 3 that differ
    assert table["like the best"].tolist() == ["yes", "no", "no"]
    text = markdown(study_document(study, tmp_path))
    assert "McNemar" in text
    assert "One seed says nothing of other seeds" in text


def test_predictions_for_other_examples_are_no_pairs(
    tracker: Tracker, trial: Callable[..., None], tmp_path: Path
) -> None:
    tracker.start_study("s", base=BASE, keys=["head.activation"], tags={})
    trial("tanh", range(60))
    trial("relu", range(30), labels=1 - LABELS)
    study = tracker.read_study("s")
    assert verdict_table(study, tmp_path).empty
    assert "nothing can be tested" in markdown(study_document(study, tmp_path))


def test_without_the_base_rows_are_compared_with_the_best(
    tracker: Tracker, trial: Callable[..., None], tmp_path: Path
) -> None:
    tracker.start_study("s", base=BASE, keys=["head.activation"], tags={})
    trial("gelu", range(60))
    trial("relu", range(30))
    study = tracker.read_study("s")
    assert verdict_table(study, tmp_path)["Δ val. accuracy"].tolist() == ["", "-0.07500"]
    assert "the best point (the base has not finished)" in markdown(study_document(study, tmp_path))


def test_the_winner_is_the_best_points_best_seed(
    tracker: Tracker, trial: Callable[..., None], tmp_path: Path
) -> None:
    """Not the luckiest seed of all."""
    tracker.start_study("s", base=BASE, keys=["head.activation", "seed"], tags={})
    for seed, (tanh, relu) in enumerate([(20, 50), (90, 40)]):
        trial("tanh", range(tanh), seed=seed)
        trial("relu", range(relu), seed=seed)
    study = tracker.read_study("s")
    best = points(study)[0]
    assert best.cells == {"head.activation": "relu"}
    assert best.seeds[0] in ("1", "1.0")
    assert best_fingerprint(study) == best.fingerprints[0]
    text = markdown(study_document(study, tmp_path)).split("## The best point")[1]
    assert "head.activation=relu, mean of 2 seeds, of which seed=1 is the best" in text
    assert "validation accuracy is 0.88750 ± " in text  # the mean, as in the table
    assert "python -m hpsearch.train head.activation=relu seed=1" in text


def test_a_hostile_fingerprint_leads_to_no_file(tracker: Tracker, log: Log, tmp_path: Path) -> None:
    tracker.start_study("s", base=BASE, keys=["head.activation"], tags={})
    for activation in ("tanh", "relu"):
        log("s", {"head.activation": activation}, 0.9, fingerprint=f"../../{activation}")
    report = write_report(tracker.read_study("s"), tmp_path)
    assert "nothing can be tested" in report.markdown.read_text()
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(("wrong", "said"), [(30, "can be told"), (59, "cannot be told")])
def test_of_two_points_the_other_one_is_spoken_of(
    tracker: Tracker, trial: Callable[..., None], tmp_path: Path, wrong: int, said: str
) -> None:
    tracker.start_study("s", base=BASE, keys=["head.activation"], tags={})
    trial("tanh", range(60))
    trial("relu", range(wrong))
    assert f"The other point {said} from the best one" in markdown(
        study_document(tracker.read_study("s"), tmp_path)
    )
