"""What ends a sweep before all trials ran, and what runs none."""

from __future__ import annotations

import time

import optuna
import pytest
from hydra.errors import HydraException
from hydra_plugins.hpsearch_sweeper import errors


def test_no_trial_starts_after_the_time_limit(bench) -> None:
    limited = ("x=1,2,3", "hydra.sweeper.timeout=1")
    study = bench.stored(*limited, task=lambda config: time.sleep(1.2) or 0.0)
    assert len(study.trials) == 1
    assert any("hydra.sweeper.timeout=1 s is over" in message for message in bench.messages)
    bench.stored("x=1,2,3")
    assert bench.column("x") == [2, 3]


def test_a_launcher_that_cannot_stop_a_job_says_so(bench) -> None:
    bench.stored("x=1,2", "hydra.sweeper.trial_timeout=9")
    assert any("trial_timeout has no effect" in message for message in bench.messages)


def test_a_search_stops_when_nothing_better_comes(bench) -> None:
    study = bench.stored("x=1,2,3,4,5,6", "hydra.sweeper.stop_when=2")
    assert [trial.params["x"] for trial in study.trials] == [1, 2, 3]
    assert any("no better value in 2 trials" in message for message in bench.messages)


def test_a_dry_run_prints_the_trials_and_runs_none(bench, capsys) -> None:
    bench.sweep("x=1,2", "y=3,4", "hydra.sweeper.dry_run=true", "hydra.sweeper.n_trials=3",
                "hydra/sweeper/sampler=grid")  # fmt: skip
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].endswith("3 trials; dry run, none is started")
    assert printed[1:] == ["trial 1/3  x=1  y=3", "trial 2/3  x=1  y=4", "trial 3/3  x=2  y=3"]
    assert bench.jobs == []
    assert not (bench.folder / "sweep").exists()


def test_a_dry_run_of_a_sampler_says_what_it_knows(bench, capsys) -> None:
    bench.sweep("x=interval(0,9)", "hydra.sweeper.dry_run=true", "hydra.sweeper.n_trials=9")
    printed = capsys.readouterr().out.splitlines()
    assert printed[1:] == ["trial 1/9  x=1.0", "8 more, chosen by TPESampler as values come in"]


def test_a_dry_run_checks_every_value(bench) -> None:
    with pytest.raises(Exception, match="nokey"):
        bench.sweep("nokey=1,2", "hydra.sweeper.dry_run=true")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("hydra.sweeper.timeout=0", "timeout=0.* seconds above 0"),
        ("hydra.sweeper.trial_timeout=-1", "trial_timeout=-1.* seconds above 0"),
        ("hydra.sweeper.retries=-1", "retries=-1 .* from 0 on"),
        ("hydra.sweeper.stop_when=0", "stop_when=0 .* from 1 on"),
        ("hydra.sweeper.seeds=0", "seeds=0 .* different seeds"),
        ("hydra.sweeper.seeds=[1,1]", r"seeds=\[1, 1\] .* different seeds"),
        ("hydra.sweeper.constraints={a:no}", "no"),
        ("hydra.sweeper.direction=[]", r"direction=\[\] .* a list of these"),
    ],
)
def test_a_wrong_limit_is_one_clear_line(bench, override: str, message: str) -> None:
    with pytest.raises(Exception, match=message):
        bench.sweep("x=1,2", override)
    assert bench.jobs == []


def test_replicates_are_trials_of_their_own_with_the_seed_set(bench) -> None:
    study = bench.stored("x=1,2", "hydra.sweeper.seeds=3", "hydra.sweeper.seed_key=y")
    seen = list(zip(bench.column("x"), bench.column("y"), strict=True))
    assert seen == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert [trial.user_attrs["seed"] for trial in study.trials] == [0, 1, 2, 0, 1, 2]
    assert study.trials[0].params == {"x": 1}


def test_a_sampler_draws_a_point_only_after_the_last_one_has_its_replicates(bench) -> None:
    given = ("x=interval(0,9)", "hydra.sweeper.seeds=[7,8]", "hydra.sweeper.seed_key=y")
    bench.stored(*given, "hydra.sweeper.n_trials=5")
    drawn = bench.column("x")
    assert drawn[0] == drawn[1]
    assert drawn[2] == drawn[3]
    assert len(set(drawn)) == 3
    assert bench.column("y") == [7, 8, 7, 8, 7]


def test_a_seed_key_that_is_searched_is_refused(bench) -> None:
    with pytest.raises(errors.ConfigError, match="seed_key=x"):
        bench.sweep("x=1,2", "hydra.sweeper.seeds=2", "hydra.sweeper.seed_key=x")


def test_a_seed_key_that_does_not_exist_stops_the_sweep(bench) -> None:
    with pytest.raises(HydraException, match="sed"):
        bench.sweep("x=1,2", "hydra.sweeper.seeds=2", "hydra.sweeper.seed_key=sed")
    assert bench.jobs == []


def test_a_point_enqueued_from_outside_is_run(bench) -> None:
    bench.stored("x=interval(0,9)", "hydra.sweeper.n_trials=1")
    bench.study("test").enqueue_trial({"x": 7.25})
    study = bench.stored("x=interval(0,9)", "hydra.sweeper.n_trials=3")
    assert 7.25 in bench.column("x")
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials)
