"""Trials that end badly, each in a process of its own: the cause is kept, the siblings go on."""

from __future__ import annotations

import os
import signal
import time

import pytest
from omegaconf import OmegaConf

from tests.chaos.monkey import children
from tests.sweeper.conftest import Program, assert_gone

CAUSES = {
    "raise": "ValueError: told to fail",
    "sys.exit": "SystemExit: 3",
    "os._exit": "exit code 137",
    "segfault": "SIGSEGV",
    "kill": "SIGKILL",
    "memory": "MemoryError",
}


def test_every_way_to_die_is_one_failing_trial_with_its_cause(program: Program) -> None:
    printed = program.run(
        f"how={','.join(CAUSES)},fine", "hydra.sweeper.n_jobs=2", "hydra.sweeper.retries=0"
    )
    ended = {trial.params["how"]: trial for trial in program.trials}
    assert ended["fine"].value == 0.0
    for how, cause in CAUSES.items():
        assert ended[how].state.name == "FAIL"
        assert cause in ended[how].user_attrs["error"]
        assert cause in printed
    assert "Traceback" not in printed
    assert "how=kill" in ended["kill"].user_attrs["details"]
    assert "told to fail" in ended["raise"].user_attrs["details"]
    assert "how=segfault" in (program.folder / "sweep" / "3" / "output.txt").read_text()


def test_a_killed_trial_is_tried_again_and_one_that_raised_is_not(program: Program) -> None:
    program.run("how=kill-once,raise", "hydra.sweeper.retries=2")
    states = [(x.params["how"], x.state.name, x.user_attrs.get("retry_of")) for x in program.trials]
    assert states == [
        ("kill-once", "FAIL", None),
        ("kill-once", "COMPLETE", 0),
        ("raise", "FAIL", None),
    ]


@pytest.mark.slow
def test_a_trial_that_is_always_killed_is_tried_so_often_and_no_more(program: Program) -> None:
    printed = program.run("how=kill,fine", "hydra.sweeper.retries=2")
    killed = [trial for trial in program.trials if trial.params["how"] == "kill"]
    assert [trial.user_attrs.get("requeued", False) for trial in killed] == [True, True, False]
    assert "runs again: SIGKILL" in printed


@pytest.mark.slow
def test_what_was_killed_too_often_is_run_by_the_same_command_again(program: Program) -> None:
    """Whatever stopped it: in the end the table is that of an undisturbed sweep."""
    limits = ("hydra.sweeper.retries=0", "hydra.sweeper.trial_timeout=12")
    words = ("how=kill-once,raise,os._exit-once,hang-once,fine", *limits)
    assert "best of 5 trials (4 failed)" in program.run(*words)
    again = program.run(*words)
    assert "3 killed before run again" in again
    assert "best of 5 trials (1 failed)" in again
    ended = [x.params["how"] for x in program.trials if x.state.name == "COMPLETE"]
    assert ended == ["fine", "kill-once", "os._exit-once", "hang-once"]
    assert [x.user_attrs["retry_of"] for x in program.trials[5:]] == [0, 2, 3]
    assert "all 5 trials are finished" in program.run(*words)


@pytest.mark.slow
def test_each_command_tries_so_often_as_it_is_told(program: Program) -> None:
    words = ("how=kill,fine", "hydra.sweeper.retries=1")
    program.run(*words)
    program.run(*words)
    killed = [trial for trial in program.trials if trial.params["how"] == "kill"]
    assert [x.user_attrs.get("attempt", 0) for x in killed] == [1, 1, 1, 1]
    assert [x.user_attrs.get("killed", False) for x in killed] == [False, True, False, True]
    results = OmegaConf.load(program.folder / "sweep" / "optimization_results.yaml")
    assert (results.trials.failed, results.trials.retried, results.trials.complete) == (1, 3, 1)


@pytest.mark.slow
def test_the_death_of_the_sweeper_uses_up_no_retry(program: Program) -> None:
    words = ("seconds=0.5,30", "hydra.sweeper.n_jobs=2", "hydra.sweeper.retries=1")
    for round_ in range(3):
        with program.start(*words) as sweep:
            logs = program.wait_for_jobs(2 + round_)
            time.sleep(1.0)
            sweep.kill()
            sweep.wait()
        assert_gone(int(logs[-1].read_text().split()[1]))
    cut = [trial for trial in program.trials if trial.params["seconds"] == 30]
    assert len(cut) == 3
    assert [trial.user_attrs.get("attempt", 0) for trial in cut] == [0, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["hang", "hang-stopped", "hang-in-c"])
def test_a_trial_that_hangs_is_killed_and_tried_again(program: Program, how: str) -> None:
    printed = program.run(
        f"how={how}-once,fine", "hydra.sweeper.trial_timeout=8", "hydra.sweeper.retries=1"
    )
    states = [(x.params["how"], x.state.name) for x in program.trials]
    assert states == [(f"{how}-once", "FAIL"), (f"{how}-once", "COMPLETE"), ("fine", "COMPLETE")]
    assert "runs again: hydra.sweeper.trial_timeout=8 s is over" in printed
    for log in program.begun.iterdir():
        assert_gone(int(log.read_text().split()[1]))


def test_a_study_has_a_value_while_the_process_still_ends(program: Program) -> None:
    with program.start("how=linger") as sweep:
        (log,) = program.wait_for_jobs(1)
        while [trial.state.name for trial in program.trials] != ["COMPLETE"]:
            time.sleep(0.05)
        os.kill(int(log.read_text().split()[1]), signal.SIGKILL)
        printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, printed
    assert printed.count("value 0") == 2  # of the trial and of the best one
    assert [trial.value for trial in program.trials] == [0.0]


def test_a_trial_that_takes_too_long_is_killed(program: Program) -> None:
    printed = program.run(
        "how=hang,fine", "hydra.sweeper.trial_timeout=4.5", "hydra.sweeper.retries=0"
    )
    assert program.trials[0].state.name == "FAIL"
    assert "hydra.sweeper.trial_timeout=4.5 s is over" in program.trials[0].user_attrs["error"]
    assert program.trials[1].state.name == "COMPLETE"
    assert "trial_timeout" in printed


def test_ctrl_c_once_lets_running_trials_end_and_says_how_to_go_on(program: Program) -> None:
    with program.start("seconds=2.0,2.1,0.2", "hydra.sweeper.n_jobs=2") as sweep:
        program.wait_for_jobs(2)
        sweep.send_signal(signal.SIGINT)
        printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, printed
    assert "no more trials start" in printed
    assert "the same command goes on" in printed
    assert "Traceback" not in printed
    assert [trial.state.name for trial in program.trials] == ["COMPLETE", "COMPLETE"]
    program.run("seconds=2.0,2.1,0.2", "hydra.sweeper.n_jobs=2")
    assert [trial.value for trial in program.trials] == [2.0, 2.1, 0.2]


def test_ctrl_c_twice_stops_now_and_the_point_comes_first_next_time(program: Program) -> None:
    with program.start("seconds=30,0") as sweep:
        (log,) = program.wait_for_jobs(1)
        sweep.send_signal(signal.SIGINT)
        time.sleep(0.5)
        sweep.send_signal(signal.SIGINT)
        printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, printed
    assert_gone(int(log.read_text().split()[1]))
    (cut,) = program.trials
    assert cut.user_attrs["requeued"]
    assert cut.user_attrs["error"] == "the sweep was interrupted"


def stoppable(program: Program) -> int:
    """The process of the job of this way, once it listens to SIGTERM."""
    while not (program.folder / "stoppable").exists():
        time.sleep(0.05)
    logs = [log.read_text().split() for log in program.begun.iterdir()]
    (pid,) = [int(words[1]) for words in logs if words[2:] == ["stoppable"]]
    return pid


@pytest.mark.slow
def test_a_trial_that_was_told_to_stop_is_tried_again(program: Program) -> None:
    with program.start("how=stoppable,fine") as sweep:
        os.kill(stoppable(program), signal.SIGTERM)
        printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, printed
    assert "runs again: StoppedError: after step 3" in printed
    assert [(x.params["how"], x.state.name) for x in program.trials] == [
        ("stoppable", "FAIL"),
        ("stoppable", "COMPLETE"),
        ("fine", "COMPLETE"),
    ]


@pytest.mark.parametrize("everywhere", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_sigterm_lets_the_trials_write_how_far_they_are(program: Program, everywhere: bool) -> None:
    """Also where a batch system sends it to each process: the sweeper, its server, the trial."""
    with program.start("how=stoppable,hang", "hydra.sweeper.n_jobs=2") as sweep:
        trial = stoppable(program)
        logs = program.wait_for_jobs(2)
        for pid in [*children(sweep.pid), trial] if everywhere else []:
            os.kill(pid, signal.SIGTERM)
        sweep.send_signal(signal.SIGTERM)
        printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 143, printed
    assert "the same command goes on from here" in printed
    assert "Traceback" not in printed
    assert "written" in (program.folder / "sweep" / "0" / "output.txt").read_text()
    for log in logs:
        assert_gone(int(log.read_text().split()[1]))
    assert [x.user_attrs["error"] for x in program.trials] == ["the sweep was interrupted"] * 2
    assert [x.user_attrs["attempt"] for x in program.trials] == [0, 0]


@pytest.mark.slow
def test_a_trial_that_does_not_heed_sigterm_is_killed_in_the_end(program: Program) -> None:
    with program.start("how=hang-deaf") as sweep:
        (log,) = program.wait_for_jobs(1)
        time.sleep(1)
        sweep.send_signal(signal.SIGTERM)
        time.sleep(1)
        sweep.send_signal(signal.SIGINT)  # nobody waits for the whole grace
        printed, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 143, printed
    assert_gone(int(log.read_text().split()[1]))
    assert [x.user_attrs["requeued"] for x in program.trials] == [True]


def test_no_trial_outlives_a_sweeper_that_was_killed(program: Program) -> None:
    with program.start("how=fine,hang", "hydra.sweeper.n_jobs=2") as sweep:
        logs = program.wait_for_jobs(2)
        time.sleep(1)
        sweep.kill()
        sweep.wait()
    for log in logs:
        assert_gone(int(log.read_text().split()[1]))
    assert [trial.state.name for trial in program.trials] == ["COMPLETE", "RUNNING"]


@pytest.mark.slow
def test_unequal_trials_keep_both_slots_busy(program: Program) -> None:
    """A batch of two would wait for its longer trial; here the other slot takes three meanwhile."""
    lengths = [10, 1.01, 1.02, 1.03, 1.04, 4, 1.05, 1.06]
    program.run(f"seconds={','.join(map(str, lengths))}", "hydra.sweeper.n_jobs=2")
    logs = sorted(path.read_text().split() for path in program.begun.iterdir())
    assert len(logs) == 8
    (end,) = [float(words[-1]) for words in logs if float(words[-1]) - float(words[0]) > 9]
    assert sum(float(words[0]) < end for words in logs) >= 5
