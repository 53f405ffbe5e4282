"""The trials of a study, of which those are read that can have changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper.study import reading, storage
from optuna.trial import TrialState


@pytest.fixture
def address(tmp_path: Path, empty_database: Path) -> str:
    shutil.copy(empty_database, tmp_path / "a.db")
    return f"sqlite:///{tmp_path}/a.db"


@pytest.fixture
def here(address: str) -> optuna.Study:
    return optuna.create_study(storage=storage.open_storage(address), study_name="test")


@pytest.fixture
def elsewhere(here: optuna.Study, address: str) -> optuna.Study:
    opened = storage.open_storage(address, existing=True)
    return optuna.load_study(study_name="test", storage=opened)


def states(found: list[optuna.trial.FrozenTrial]) -> list[str]:
    return [trial.state.name for trial in found]


def test_what_others_begin_and_end_is_seen_at_the_next_look(
    here: optuna.Study, elsewhere: optuna.Study
) -> None:
    trials = reading.Trials(here)
    assert trials.read(set()) == []
    elsewhere.enqueue_trial({})
    assert states(trials.read(set())) == ["WAITING"]
    elsewhere.ask()
    elsewhere.ask().report(0.5, 1)
    assert states(trials.read(set())) == ["RUNNING", "RUNNING"]
    elsewhere.tell(1, 2.0)
    assert states(trials.read(set())) == ["RUNNING", "COMPLETE"]
    elsewhere.tell(0, state=TrialState.FAIL)
    found = trials.read(set())
    assert states(found) == ["FAIL", "COMPLETE"]
    assert found[1].intermediate_values == {1: 0.5}
    assert found == here.trials


def test_of_what_runs_here_no_news_is_read_until_it_is_noted(
    here: optuna.Study, elsewhere: optuna.Study
) -> None:
    trials = reading.Trials(here)
    trials.note(here._storage.get_trial(here.ask()._trial_id))
    elsewhere.tell(0, 1.0)
    assert states(trials.read({0})) == ["RUNNING"]
    assert states(trials.read(set())) == ["COMPLETE"]


def test_a_look_costs_no_more_for_the_trials_that_run_here(here: optuna.Study) -> None:
    trials = reading.Trials(here)
    for _ in range(5):
        trials.note(here._storage.get_trial(here.ask()._trial_id))
    assert trials._changed({0, 1, 2, 3, 4}) == []
    assert [trial.number for trial in trials._changed({0, 1, 3, 4})] == [2]


def test_a_trial_after_a_gap_is_taken_when_the_gap_is_filled(here: optuna.Study) -> None:
    first, second = here.ask(), here.ask()
    trials = reading.Trials(here)
    trials.note(here._storage.get_trial(second._trial_id))
    assert trials._known == []
    assert [trial.number for trial in trials.read(set())] == [first.number, second.number]


def test_any_other_storage_is_read_whole() -> None:
    study = optuna.create_study()
    trials = reading.Trials(study)
    study.ask()
    assert states(trials.read({0})) == ["RUNNING"]
    study.tell(0, 1.0)
    assert states(trials.read({0})) == ["COMPLETE"]
