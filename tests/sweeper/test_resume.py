from __future__ import annotations

import dataclasses
import os

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper import errors, plan, settings, trial
from hydra_plugins.hpsearch_sweeper.study import opening, storage, workers


def test_n_trials_is_the_total_over_all_resumes(bench) -> None:
    bench.stored("x=interval(0,9)", "hydra.sweeper.n_trials=2")
    study = bench.stored("x=interval(0,9)", "hydra.sweeper.n_trials=5")
    assert len(bench.jobs) == 3
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3, 4]
    assert (bench.folder / "sweep" / "4").is_dir()


def test_a_finished_study_runs_nothing_and_says_so(bench) -> None:
    bench.stored("x=1,2")
    bench.stored("x=1,2")
    assert bench.jobs == []
    assert "study test: all 2 trials are finished" in bench.messages
    assert bench.results.best_value == 2.0


def test_a_grid_resumes_with_what_is_missing(bench) -> None:
    bench.stored("x=1,2,3,4", "hydra/sweeper/sampler=grid", "hydra.sweeper.n_trials=2")
    bench.stored("x=1,2,3,4", "hydra/sweeper/sampler=grid")
    assert bench.column("x") == [3, 4]


def test_other_points_of_a_study_do_not_stand_for_those_of_a_list(bench) -> None:
    ofat = ("x=1,2,3", "hydra/sweeper/sampler=ofat")
    bench.stored(*ofat, "y=0,1")
    bench.stored(*ofat, "y=0,1", "hydra.sweeper.enqueue=[{x:3,y:1}]")
    assert list(zip(bench.column("x"), bench.column("y"), strict=True)) == [(3, 1)]


def test_a_seeded_sampler_goes_on_to_new_points(bench) -> None:
    seeded = ("x=interval(0,9)", "hydra/sweeper/sampler=random", "hydra.sweeper.sampler.seed=1")
    bench.stored(*seeded, "hydra.sweeper.n_trials=3")
    study = bench.stored(*seeded, "hydra.sweeper.n_trials=6")
    assert len({trial.params["x"] for trial in study.trials}) == 6


def test_an_interrupted_trial_comes_first_next_time(bench) -> None:
    def interrupted(config) -> float:
        if config.x == 2:
            raise KeyboardInterrupt
        return 0.0

    with pytest.raises(SystemExit):
        bench.stored("x=1,2,3", task=interrupted)
    study = bench.stored("x=1,2,3")
    assert bench.column("x") == [2, 3]
    assert study.trials[1].state.name == "FAIL"
    assert study.trials[2].user_attrs["retry_of"] == 1


@pytest.mark.parametrize(
    "search",
    [
        ["z=a,kill,b"],
        pytest.param(["z=a,kill,b", "hydra.sweeper.n_trials=4"], marks=pytest.mark.slow),
    ],
)
def test_a_sweep_that_was_killed_loses_no_point(bench, command, search: list[str]) -> None:
    sweep = ["-m", *search, f"out={bench.folder}/killed", f"hydra.sweeper.storage={bench.url}"]
    sweep += ["hydra.sweeper.study_name=test", "hydra.sweep.dir=sweep"]
    enqueued = "hydra.sweeper.enqueue=[{z:a},{z:kill},{z:b}]"
    first = command(*sweep, enqueued)
    assert first.returncode == -9
    assert bench.study("test").trials[-1].state.name == "RUNNING"

    second = command(*sweep, enqueued)
    assert second.returncode == 0, second.stderr
    trials = bench.study("test").trials
    assert [x.params["z"] for x in trials[:4]] == ["a", "kill", "kill", "b"]
    assert [x.state.name for x in trials[:4]] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert sum(x.state.name == "COMPLETE" for x in trials) == (4 if len(search) > 1 else 3)


def test_a_worker_that_still_runs_is_not_taken_for_dead() -> None:
    host = workers.this_worker().partition("/")[0]
    assert not workers.is_dead(f"{host}/{os.getppid()}")
    assert workers.is_dead(f"{host}/999999999")
    assert workers.is_dead(None)


def test_another_search_space_under_the_same_name_is_refused(bench) -> None:
    bench.stored("x=1,2")
    with pytest.raises(errors.StudyError, match=r"x was categorical 1, 2, is categorical 1, 3"):
        bench.stored("x=1,3")


def test_the_folder_of_a_sqlite_file_is_made_and_its_address_is_absolute(bench) -> None:
    assert storage.absolute_url("sqlite:///new/a.db") == f"sqlite:///{bench.folder}/new/a.db"
    bench.sweep(
        "x=1,2", "hydra.sweeper.storage=sqlite:///new/a.db", "hydra.sweeper.study_name=test"
    )
    study = optuna.load_study(study_name="test", storage=f"sqlite:///{bench.folder}/new/a.db")
    assert len(study.trials) == 2


def test_a_password_does_not_go_into_the_environment_of_a_job(bench) -> None:
    chosen = bench.ask(lambda config: settings.read_settings(config))

    def encoded(url: str) -> str:
        given = dataclasses.replace(chosen, storage=url)
        return trial.encode(given, storage=given.storage, study_name="test", number=1, keys=["x"])

    assert "secret" not in encoded("postgresql://me:secret@host/db")
    assert "sqlite" in encoded("sqlite:///a.db")


def test_what_others_have_told_of_a_trial_stands(bench) -> None:
    def made(config):
        return plan.make_plan(config, list(config.hydra.overrides.task))

    names = (f"hydra.sweeper.storage={bench.url}", "hydra.sweeper.study_name=test")
    study = opening.open_study(bench.ask(made, *names, "x=1,2"))
    asked = study.ask()
    bench.study("test").tell(asked.number, 3.0)
    study.fail(asked, "it came too late", details="how")
    (trial,) = bench.study("test").trials
    assert (trial.state.name, trial.value) == ("COMPLETE", 3.0)
    assert study.ledger.counts["COMPLETE"] == 1


def test_without_a_word_on_storage_the_same_command_resumes(bench, command) -> None:
    words = ("-m", "x=2,3", "hydra.sweep.dir=sweep")
    assert "starts as job 1" in command(*words).stdout
    again = command(*words)
    assert "all 2 trials are finished" in again.stdout, again.stderr
    assert (bench.folder / "multirun" / "optuna.db").is_file()


def test_another_process_can_report_to_the_trial(bench, command) -> None:
    done = command(
        "-m", "x=2,3", f"hydra.sweeper.storage={bench.url}", "hydra.sweeper.study_name=test"
    )
    assert done.returncode == 0, done.stderr
    assert "Launching" not in done.stdout
    study = optuna.load_study(study_name="test", storage=bench.url)
    assert study.trials[1].intermediate_values == {1: 10.0}
