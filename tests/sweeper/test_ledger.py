"""What counts, as every sweeper of a study sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper.study import ledger
from optuna.trial import FrozenTrial, TrialState

SPACE = {"x": optuna.distributions.IntDistribution(0, 9)}

Key = tuple[tuple[str, str], ...]


def key(trial: FrozenTrial) -> Key:
    return (("x", str(trial.params["x"])),)


@pytest.fixture
def study() -> optuna.Study:
    return optuna.create_study()


@pytest.fixture
def add(study: optuna.Study) -> Callable[..., None]:
    def add(x: int, state: str, **attributes: Any) -> None:
        values = {"value": float(x)} if state == "COMPLETE" else {}
        study.add_trial(
            optuna.trial.create_trial(
                state=TrialState[state],
                params={"x": x},
                distributions=SPACE,
                user_attrs=attributes,
                **values,  # type: ignore[arg-type]
            )
        )

    return add


def seen_by_one(study: optuna.Study) -> ledger.Ledger:
    held = ledger.Ledger(key, ["minimize"])
    held.update(study.trials)
    return held


def test_a_killed_trial_counts_until_somebody_runs_it_again(study: optuna.Study, add: Any) -> None:
    add(1, "COMPLETE")
    add(2, "FAIL", killed=True, error="SIGKILL")
    watching = seen_by_one(study)
    assert (watching.counts["FAIL"], watching.finished, watching.since_best) == (1, 2, 1)

    add(2, "RUNNING", retry_of=1)
    for held in (watching, seen_by_one(study)):
        held.update(study.trials)
        assert (held.counts["FAIL"], held.counts["REQUEUED"], held.finished) == (0, 1, 1)
        assert (held.failures, held.to_retry, held.since_best) == ([], {}, 0)
        assert held.taken() == {(("x", "1"),), (("x", "2"),)}


def test_a_new_command_lines_up_what_was_killed_and_not_what_failed(
    study: optuna.Study, add: Any
) -> None:
    add(1, "FAIL", killed=True)
    add(2, "FAIL", error="ValueError")
    add(3, "FAIL", requeued=True)
    held = seen_by_one(study)
    assert held.revive() == 1
    assert sorted(held.to_retry) == [0, 2]
    assert (held.counts["FAIL"], held.counts["REQUEUED"], held.finished) == (1, 2, 1)
    assert held.seen == {(("x", "2"),)}
    assert held.revive() == 0


def test_two_new_commands_at_once_run_it_once(study: optuna.Study, add: Any) -> None:
    add(1, "FAIL", killed=True)
    one, other = seen_by_one(study), seen_by_one(study)
    assert one.revive() == other.revive() == 1
    add(1, "COMPLETE", retry_of=0)
    for held in (one, other, seen_by_one(study)):
        held.update(study.trials)
        assert (held.to_retry, held.finished, held.counts["FAIL"]) == ({}, 1, 0)
        assert held.counts["REQUEUED"] == 1


def test_a_point_that_two_trials_had_is_taken_as_long_as_one_counts(
    study: optuna.Study, add: Any
) -> None:
    add(1, "FAIL", killed=True)
    add(1, "PRUNED")
    held = seen_by_one(study)
    held.revive()
    assert held.seen == {(("x", "1"),)}


def test_a_trial_that_others_took_up_before_its_end_is_known_is_not_run_again(
    study: optuna.Study, add: Any
) -> None:
    add(1, "RUNNING")
    held = seen_by_one(study)
    add(1, "COMPLETE", retry_of=0)
    held.update(study.trials)
    study._storage.set_trial_user_attr(0, "requeued", True)
    study.tell(0, state=TrialState.FAIL)
    held.end(study.trials[0])
    assert (held.to_retry, held.finished, held.counts["REQUEUED"]) == ({}, 1, 1)


def test_what_begins_and_ends_here_counts_as_it_does_for_those_who_look_at_all(
    study: optuna.Study, add: Any
) -> None:
    held = seen_by_one(study)
    for number, state in enumerate(["COMPLETE", "FAIL", "PRUNED"]):
        add(number, "RUNNING")
        held.begin(study.trials[number])
        assert (("x", str(number)),) in held.taken()
        values = 1.0 if state == "COMPLETE" else None
        study.tell(number, values, state=TrialState[state])
        held.end(study.trials[number])
        held.end(study.trials[number])
    for other in (held, seen_by_one(study)):
        other.update(study.trials)
        assert other.running == {}
        assert other.taken() == {(("x", "0"),), (("x", "1"),), (("x", "2"),)}
        assert [other.counts[x] for x in ("COMPLETE", "FAIL", "PRUNED")] == [1, 1, 1]
        assert (other.best and other.best.number, other.since_best) == (0, 2)
