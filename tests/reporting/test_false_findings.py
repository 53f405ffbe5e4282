"""By simulation, on the whole way from trials to verdicts: chance alone is rarely called real."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from hpsearch.reporting.analysis.differences import SIGNIFICANT, Difference, differences
from hpsearch.reporting.analysis.points import Point
from hpsearch.trials import LABELS, PREDICTIONS, TrialStore

STUDIES = 2000
POINTS, SEEDS, EXAMPLES = 7, 5, 200


def _limit(share: float, studies: int) -> float:
    """Three standard errors above."""
    return share + 3 * math.sqrt(share * (1 - share) / studies)


def _points(accuracies: npt.NDArray[np.float64]) -> list[Point]:
    """One a row, one seed a column."""
    made = []
    for number, row in enumerate(accuracies):
        point = Point({"key": str(number)})
        for seed, accuracy in enumerate(row.tolist()):
            point.rows.append((number, seed))
            point.seeds.append(str(seed))
            point.fingerprints.append(f"{number:04x}{seed:04x}")
            point.figures["val/accuracy"].append(accuracy)
        made.append(point)
    return made


def _compared(accuracies: npt.NDArray[np.float64], root: Path) -> list[Difference]:
    points = _points(accuracies)
    return differences(points, to=points[0], root=root)


def _predicted(right: npt.NDArray[np.bool_], root: Path) -> None:
    """Trial folders with predictions; ``right`` has shape (points, seeds, examples)."""
    store = TrialStore(root)
    labels = np.arange(right.shape[-1]) % 2
    for number, seed in np.ndindex(right.shape[:2]):
        folder = store.open(f"{number:04x}{seed:04x}").path
        predicted = np.where(right[number, seed], labels, 1 - labels)
        np.save(folder / PREDICTIONS, np.eye(2, dtype=np.float32)[predicted])
        np.save(folder / LABELS, labels)


def _found(p_values: Sequence[float]) -> bool:
    return any(p < SIGNIFICANT for p in p_values)


@pytest.mark.slow
def test_seeds_alone_make_at_most_one_study_in_twenty_find_a_difference(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    found = 0
    for _ in range(STUDIES):
        shared = random.normal(0.8, 0.01, size=SEEDS)
        rows = shared + random.normal(0, 0.003, size=(POINTS, SEEDS))
        found += _found([each.p for each in _compared(rows, tmp_path)])
    assert 0.01 < found / STUDIES <= _limit(0.05, STUDIES)


def test_a_true_difference_is_found_as_often_as_computed(tmp_path: Path) -> None:
    """Power of the paired t test, Student's distribution off its centre (Fisher 1931)."""
    random = np.random.default_rng(0)
    effect, spread = 0.01, 0.006
    found = 0
    for _ in range(STUDIES):
        base = random.normal(0.8, 0.01, size=SEEDS)
        rows = np.stack([base, base + random.normal(effect, spread, size=SEEDS)])
        found += _found([each.p for each in _compared(rows, tmp_path)])
    limit, away = stats.t.ppf(0.975, SEEDS - 1), effect / (spread / math.sqrt(SEEDS))
    power = stats.nct.sf(limit, SEEDS - 1, away) + stats.nct.cdf(-limit, SEEDS - 1, away)
    assert found / STUDIES == pytest.approx(power, abs=3 * math.sqrt(power * (1 - power) / STUDIES))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 3], ids=["McNemar", "bootstrap"])
def test_examples_alone_make_at_most_one_study_in_twenty_find_a_difference(
    tmp_path: Path, seeds: int
) -> None:
    """From stored predictions: four points that are right equally often, in all the world."""
    random = np.random.default_rng(0)
    studies = 400
    found = 0
    for _ in range(studies):
        right = random.random((4, seeds, EXAMPLES)) < 0.85
        _predicted(right, tmp_path)
        found += _found([x.p_examples for x in _compared(right.mean(axis=-1), tmp_path)])
    assert found / studies <= _limit(0.05, studies)


@pytest.mark.slow
def test_a_true_difference_over_examples_is_found_as_often_as_computed(tmp_path: Path) -> None:
    """Power of McNemar's exact test, summed over how many examples differ, and how."""
    random = np.random.default_rng(0)
    studies, better, worse = 400, 0.10, 0.03  # shares of examples that one of the two has right
    found = 0
    for _ in range(studies):
        kind = random.choice(3, p=[1 - better - worse, better, worse], size=EXAMPLES)
        right = np.stack([kind != 1, kind != 2])[:, None]
        _predicted(right, tmp_path)
        found += _found([x.p for x in _compared(right.mean(axis=-1), tmp_path)])
    power = _power_of_mcnemar(EXAMPLES, better, worse)
    assert found / studies == pytest.approx(power, abs=3 * math.sqrt(power * (1 - power) / studies))


def _power_of_mcnemar(examples: int, better: float, worse: float) -> float:
    power = 0.0
    for differing in range(examples + 1):
        firsts = np.arange(differing + 1)
        tail = stats.binom.cdf(np.minimum(firsts, differing - firsts), differing, 0.5)
        told = np.minimum(1.0, 2 * tail) < SIGNIFICANT
        each = stats.binom.pmf(firsts, differing, better / (better + worse))
        power += float(stats.binom.pmf(differing, examples, better + worse) * np.sum(each[told]))
    return power
