"""The statistics against scipy on fixed data, and by simulation where chance rules."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from hpsearch.reporting.statistics import (
    holm,
    mcnemar,
    mean_interval,
    paired_bootstrap,
    paired_t,
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
    differences = random.choice([-1.0, 0.0, 1.0], p=[0.03, 0.9, 0.07], size=5000)
    interval, p = paired_bootstrap(differences)
    half = 1.96 * differences.std() / math.sqrt(5000)
    assert interval.low == pytest.approx(differences.mean() - half, abs=4e-4)
    assert interval.high == pytest.approx(differences.mean() + half, abs=4e-4)
    assert p < 0.001
    assert paired_bootstrap(-differences)[1] == pytest.approx(p, abs=1e-3)


def test_the_bootstrap_is_the_same_each_time_and_knows_no_difference_where_there_is_none() -> None:
    differences = [1.0, -1.0, 0.0, 0.0]
    assert paired_bootstrap(differences) == paired_bootstrap(differences)
    interval, p = paired_bootstrap([0.0] * 10)
    assert interval == (0.0, 0.0)
    assert p == 1.0
    assert math.isnan(paired_bootstrap([])[1])


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
