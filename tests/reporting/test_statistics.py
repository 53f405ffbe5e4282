"""The statistics against scipy, statsmodels and scikit-learn on fixed data, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.stats.contingency_tables import mcnemar as peer_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from hpsearch.reporting.analysis.statistics import (
    ROUNDING,
    f1_interval,
    holm,
    macro_f1,
    mcnemar,
    mean_interval,
    paired_bootstrap,
    paired_t,
    wilson_interval,
)

ACCURACIES = np.array([0.912, 0.905, 0.918, 0.909, 0.921])
OTHERS = np.array([0.901, 0.899, 0.911, 0.893, 0.915])
STUDIES = 2000


def test_the_interval_of_a_mean_is_scipys() -> None:
    found = mean_interval(ACCURACIES)
    expected = stats.t.interval(0.95, 4, loc=ACCURACIES.mean(), scale=stats.sem(ACCURACIES))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("values", [[], [0.9]])
def test_one_value_has_no_interval_and_no_test(values: list[float]) -> None:
    assert all(math.isnan(end) for end in mean_interval(values))
    assert math.isnan(paired_t(values))


def test_the_paired_test_is_scipys() -> None:
    expected = stats.ttest_rel(ACCURACIES, OTHERS).pvalue
    assert paired_t(ACCURACIES - OTHERS) == pytest.approx(expected)


def test_the_t_test_and_its_interval_are_statsmodels() -> None:
    peer = DescrStatsW(ACCURACIES - OTHERS)
    assert paired_t(ACCURACIES - OTHERS) == pytest.approx(peer.ttest_mean(0)[1])
    assert mean_interval(ACCURACIES - OTHERS) == pytest.approx(peer.tconfint_mean())


@pytest.mark.parametrize("first", [0, 1, 4, 30])
@pytest.mark.parametrize("second", [0, 7, 12, 55])
def test_mcnemar_is_statsmodels_exact_one(first: int, second: int) -> None:
    peer = peer_mcnemar([[100, first], [second, 20]], exact=True)
    assert mcnemar(first, second) == pytest.approx(peer.pvalue)


def test_holm_is_statsmodels() -> None:
    p_values = [0.04, 0.001, 0.2, 0.03, 0.012, 0.9, 0.03]
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(list(expected))


@pytest.mark.parametrize(("right", "n"), [(180, 200), (0, 7), (7, 7), (1, 1), (24_000, 25_000)])
def test_the_interval_of_an_accuracy_is_statsmodels_wilson(right: int, n: int) -> None:
    expected = proportion_confint(right, n, method="wilson")
    assert wilson_interval(right, n) == pytest.approx(expected, abs=1e-12)


def test_no_examples_have_no_interval() -> None:
    assert math.isnan(wilson_interval(0, 0).low)
    assert math.isnan(f1_interval(np.zeros((2, 2), dtype=np.int64)).low)


def test_wilsons_interval_covers_the_true_accuracy_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    found = [wilson_interval(int(right), 200) for right in random.binomial(200, 0.9, size=STUDIES)]
    share = np.mean([low <= 0.9 <= high for low, high in found])
    assert share == pytest.approx(0.95, abs=0.02)


def test_macro_f1_of_a_confusion_matrix_is_scikit_learns() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, size=500)
    predicted = np.where(random.random(500) < 0.7, labels, random.integers(0, 4, size=500))
    counts = np.bincount(labels * 5 + predicted, minlength=25).reshape(5, 5)
    # class 3 is only predicted, class 4 is not there at all
    expected = f1_score(labels, predicted, average="macro", zero_division=0.0)
    assert macro_f1(counts) == pytest.approx(expected)


def test_the_interval_of_f1_is_that_of_resampled_examples() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, size=400)
    predicted = np.where(random.random(400) < 0.85, labels, 1 - labels)
    counts = np.bincount(labels * 2 + predicted, minlength=4).reshape(2, 2)
    rows = random.integers(0, 400, size=(2000, 400))
    scores = []
    for drawn in rows:
        cells = np.bincount(labels[drawn] * 2 + predicted[drawn], minlength=4)
        scores.append(float(macro_f1(cells.reshape(2, 2))))
    assert f1_interval(counts) == pytest.approx(np.quantile(scores, [0.025, 0.975]), abs=4e-3)
    assert f1_interval(counts) == f1_interval(counts)


def test_a_confusion_matrix_of_many_classes_is_drawn_in_little_memory() -> None:
    low, high = f1_interval(np.diag([3] * 40))
    # a class that no draw holds is left out, as in scikit-learn
    assert (low, high) == (1.0, 1.0)


def test_differences_that_are_all_alike_prove_nothing() -> None:
    assert math.isnan(paired_t([0.01, 0.01, 0.01]))
    assert paired_t([0.0, 0.0]) == 1.0


def test_mcnemar_is_the_exact_binomial_test() -> None:
    # 2 · (C(8,0) + C(8,1)) / 2⁸
    assert mcnemar(1, 7) == pytest.approx(2 * 9 / 256)
    assert mcnemar(7, 1) == mcnemar(1, 7)
    assert mcnemar(4, 4) == 1.0
    assert mcnemar(0, 0) == 1.0


def test_the_bootstrap_of_many_examples_is_the_normal_interval() -> None:
    random = np.random.default_rng(1)
    differences = random.choice([-1, 0, 1], p=[0.03, 0.9, 0.07], size=5000)
    interval, p = paired_bootstrap(differences)
    half = 1.96 * differences.std() / math.sqrt(5000)
    assert interval.low == pytest.approx(differences.mean() - half, abs=4e-4)
    assert interval.high == pytest.approx(differences.mean() + half, abs=4e-4)
    assert p < 0.001
    assert paired_bootstrap(-differences)[1] == pytest.approx(p)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_bootstrap_is_what_very_many_resamples_come_to(seeds: int) -> None:
    random = np.random.default_rng(2)
    right = random.random((2, seeds, 120)) < [[[0.8]], [[0.72]]]
    differences = right[0].sum(axis=0) - right[1].sum(axis=0)
    drawn = random.choice(differences, size=(200_000, 120)).mean(axis=1)
    interval, p = paired_bootstrap(differences)
    assert interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=2 / 120)
    assert p == pytest.approx(2 * min(np.mean(drawn <= 0), np.mean(drawn >= 0)), abs=5e-3)


def test_the_bootstrap_knows_no_difference_where_there_is_none() -> None:
    assert paired_bootstrap(np.zeros(10, dtype=int)) == ((0.0, 0.0), 1.0)
    assert math.isnan(paired_bootstrap(np.array([], dtype=int))[1])
    assert paired_bootstrap(np.ones(10, dtype=int)) == ((1.0, 1.0), ROUNDING)


def test_holm_multiplies_the_smallest_most_and_keeps_the_order() -> None:
    # 3 · 0.01, 2 · 0.02, and 0.03 not below them
    assert holm([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_has_no_p_value_does_not_count_among_the_rows() -> None:
    first, missing, second = holm([0.02, math.nan, 0.03])
    assert (first, second) == pytest.approx((0.04, 0.04))
    assert math.isnan(missing)


def test_without_a_true_effect_at_most_one_study_in_twenty_finds_one() -> None:
    """Six rows against a base, five seeds each, paired by a spread that seeds share."""
    random = np.random.default_rng(0)
    found = 0
    for _ in range(STUDIES):
        shared = random.normal(0, 0.01, size=5)
        rows = shared + random.normal(0, 0.003, size=(7, 5))
        found += min(holm([paired_t(row - rows[0]) for row in rows[1:]])) < 0.05
    # 5 % and three standard errors
    assert found / STUDIES <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / STUDIES)


def test_a_true_effect_is_found_as_often_as_computed() -> None:
    """The power of the paired t test: Student's distribution off its centre (Fisher 1931)."""
    random = np.random.default_rng(0)
    n, effect, spread = 5, 0.01, 0.006
    differences = random.normal(effect, spread, size=(STUDIES, n))
    share = np.mean([paired_t(row) < 0.05 for row in differences])
    limit = stats.t.ppf(0.975, n - 1)
    away = effect / (spread / math.sqrt(n))
    power = 1 - stats.nct.cdf(limit, n - 1, away) + stats.nct.cdf(-limit, n - 1, away)
    assert share == pytest.approx(power, abs=3 * math.sqrt(power * (1 - power) / STUDIES))


def test_equally_good_classifiers_differ_in_at_most_one_table_in_twenty() -> None:
    """McNemar over the examples, six rows against a base."""
    random = np.random.default_rng(0)
    found = 0
    for _ in range(STUDIES // 4):
        right = random.random((7, 400)) < 0.9
        base, *rows = right
        p_values = [mcnemar(int((row & ~base).sum()), int((base & ~row).sum())) for row in rows]
        found += min(holm(p_values)) < 0.05
    count = STUDIES // 4
    assert found / count <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / count)
