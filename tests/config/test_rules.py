"""Each rule accepts what it says and nothing else."""

from typing import Any

import pytest

from hpsearch.config import rules

ACCEPTED = [
    (rules.one_of("tanh", None), ["tanh", None], ["TANH", 1, ""]),
    (rules.at_least(1), [1, 7], [0, -1, 1.5, True, None, "1"]),
    (rules.at_least(1, none=True), [1, None], [0]),
    (rules.between(0, 1), [0, 0.0, 0.999], [1, 1.0, -0.1, None, True, float("nan"), "0.5"]),
    (rules.between(0, None, open_low=True), [1e-9, 5], [0, -1, float("inf")]),
    (rules.between(0, None, none=True), [None, 0], [-1]),
    (rules.share_or_count(), [0, 0.0, 0.5, 3], [1.0, -1, None, True, "all"]),
    (rules.share_or_count(none=True), [None, 0.5], [1.5]),
    (rules.count_or("none", "all"), ["none", "all", 1, 12], [0, -1, "some", None, 1.5]),
    (rules.number_or("auto"), ["auto", 0, 0.05, 2], ["automatic", -1, None]),
    (rules.items(rules.at_least(1)), [[3], [3, 4, 5]], [[], [0], [3, "4"]]),
    (
        rules.file_name(),
        ["imdb", "2024-01 lr=0.1", "größe_1.b"],
        ["", "..", ".a", "a/b", "a\\b", "-rf", "a\nb", "a\0", "$(a)", "x" * 101],
    ),
    (rules.folder(), [".", "../x", "/tmp/é x"], ["", "a\nb", "a\0b", "\x1b[31m"]),
    (rules.at_least(0), [2**31 - 1], [2**31, 10**30]),
    (rules.between(0, None), [1e300], [10**400]),
    (rules.flag(), [True, False], [0, 1, "true", None]),
]


@pytest.mark.parametrize(("field", "good", "bad"), ACCEPTED)
def test_a_rule_accepts_what_it_says(field: Any, good: list[object], bad: list[object]) -> None:
    rule = field.metadata["rule"]
    assert [value for value in good if not rule.test(value)] == []
    assert [value for value in bad if rule.test(value)] == []


def test_irrelevant_keeps_the_rule() -> None:
    field = rules.irrelevant(rules.at_least(1))
    assert field.metadata["rule"].test(1)
    assert field.metadata["relevant"] is False
