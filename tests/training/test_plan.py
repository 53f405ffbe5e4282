"""Which examples at which step, and when to evaluate."""

from dataclasses import replace

import numpy as np

from hpsearch.training import Plan

PLAN = Plan(
    epochs=3,
    max_steps=None,
    batch_size=4,
    eval_every=None,
    patience=None,
    metric="val/accuracy",
    clip_norm=1.0,
    seed=0,
)


def test_an_epoch_sees_every_example_once_in_an_order_of_its_own() -> None:
    rows = list(PLAN.batches(10))
    assert [len(r) for r in rows] == [4, 4, 2] * 3
    epochs = [np.concatenate(rows[i : i + 3]) for i in (0, 3, 6)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1])


def test_the_order_is_a_function_of_the_seed() -> None:
    def first(plan: Plan) -> list[int]:
        return next(iter(plan.batches(50))).tolist()

    assert first(PLAN) == first(PLAN)
    assert first(PLAN) != first(replace(PLAN, seed=1))


def test_max_steps_ends_inside_an_epoch_and_is_evaluated() -> None:
    plan = replace(PLAN, max_steps=5)
    assert plan.total_steps(10) == 5
    assert len(list(plan.batches(10))) == 5
    assert [step for step in range(1, 6) if plan.evaluates_after(step, 10)] == [3, 5]


def test_evaluation_goes_by_steps_where_it_is_asked_for() -> None:
    plan = replace(PLAN, eval_every=4)
    assert [step for step in range(1, 10) if plan.evaluates_after(step, 10)] == [4, 8, 9]


def test_a_plan_goes_on_inside_an_epoch_with_the_rows_that_would_have_come() -> None:
    whole = [rows.tolist() for rows in PLAN.batches(10)]
    for done in range(10):
        assert [rows.tolist() for rows in PLAN.batches(10, after=done)] == whole[done:]
