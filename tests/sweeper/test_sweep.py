from __future__ import annotations

import math
from typing import Any

import optuna
import pytest
from hydra.errors import HydraException
from hydra_plugins.hpsearch_sweeper import current_trial, errors
from hydra_plugins.hpsearch_sweeper.jobs import choosing, inline
from omegaconf import DictConfig

CHECKED: list[Any] = []


def test_a_finite_space_runs_every_point_once_with_the_first_key_slowest(bench) -> None:
    bench.sweep("x=1,2", "y=range(0,3)")
    assert bench.column("x") == [1, 1, 1, 2, 2, 2]
    assert bench.column("y") == [0, 1, 2, 0, 1, 2]


def test_a_sweep_of_nothing_runs_the_base_once(bench) -> None:
    bench.sweep("x=3")
    assert bench.column("x") == [3]


def test_values_reach_the_job_with_type_and_quoting(bench) -> None:
    given = "'1',1,1.5,true,null,'a,b','c=d','{e}','',[1,'2'],{k:'3'},it is"
    bench.sweep(f"extra={given}", "label=choice('1','null')")
    expected = ["1", 1, 1.5, True, None, "a,b", "c=d", "{e}", "", [1, "2"], {"k": "3"}, "it is"]
    assert repr(bench.column("extra")[::2]) == repr(expected)
    assert bench.column("label")[:2] == ["1", "null"]


def test_a_config_group_can_be_searched_with_a_glob(bench) -> None:
    bench.sweep("model=glob(*)")
    assert [model["size"] for model in bench.column("model")] == [2, 1]


def test_a_new_key_can_be_searched_with_a_plus(bench) -> None:
    bench.sweep("+new=1,2")
    assert bench.column("new") == [1, 2]


def test_an_endless_space_asks_for_n_trials(bench) -> None:
    with pytest.raises(errors.ConfigError, match=r"x=interval\(0,1\) .* hydra\.sweeper\.n_trials"):
        bench.sweep("x=interval(0,1)")
    assert bench.jobs == []


def test_a_learning_sampler_tries_the_base_first(bench) -> None:
    bench.sweep("x=interval(-5.0,5.0)", "hydra.sweeper.n_trials=3")
    assert bench.column("x")[0] == 1.0
    assert len(set(bench.column("x"))) == 3


def test_enqueued_points_come_first_and_take_the_rest_from_the_base(bench) -> None:
    bench.sweep("x=1,2", "y=0,1", "hydra.sweeper.enqueue=[{x:2}]")
    assert list(zip(bench.column("x"), bench.column("y"), strict=True)) == [
        (2, 0),
        (1, 0),
        (1, 1),
        (2, 1),
    ]


def test_as_many_trials_as_enqueued_points_are_just_these(bench) -> None:
    bench.sweep(
        "x=1,2", "y=0,1", "hydra.sweeper.enqueue=[{x:2,y:1},{y:1}]", "hydra.sweeper.n_trials=2"
    )
    assert bench.column("x") == [2, 1]
    assert bench.column("y") == [1, 1]


def test_as_many_trials_as_enqueued_points_have_replicates_are_just_these(bench) -> None:
    study = bench.stored(
        "x=1,2,3",
        "hydra.sweeper.n_trials=4",
        "hydra.sweeper.seeds=2",
        "hydra.sweeper.seed_key=y",
        "hydra.sweeper.enqueue=[{x:3},{x:1}]",
    )
    assert bench.column("x") == [3, 3, 1, 1]
    assert bench.column("y") == [0, 1, 0, 1]
    assert len(study.trials) == 4


def test_a_failing_trial_is_recorded_and_its_siblings_run(bench) -> None:
    def sometimes(config: DictConfig) -> float:
        if config.x == 2:
            raise ValueError("x is bad")
        return float(config.x)

    study = bench.stored("x=1,2,3", task=sometimes)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert study.trials[1].user_attrs["error"] == "ValueError: x is bad"
    assert "x is bad" in (bench.folder / "sweep" / "1" / "error.txt").read_text()
    assert bench.results.best_value == 1.0


@pytest.mark.parametrize(
    ("returned", "cause"),
    [(math.nan, "finite number"), (math.inf, "finite number"), (None, "needs a number")],
)
def test_a_value_that_is_no_number_is_a_failure(bench, returned: Any, cause: str) -> None:
    study = bench.stored("x=1,2", task=lambda config: 1.0 if config.x == 1 else returned)
    assert cause in study.trials[1].user_attrs["error"]


def test_a_job_that_leaves_by_sys_exit_is_one_failing_trial(bench) -> None:
    def leaving(config: DictConfig) -> float:
        if config.x == 1:
            raise SystemExit(3)
        return 0.0

    study = bench.stored("x=1,2", task=leaving)
    assert study.trials[0].user_attrs["error"] == "SystemExit: 3"
    assert study.trials[1].value == 0.0


def test_a_sweep_whose_trials_all_failed_ends_with_an_error_and_results(bench) -> None:
    def failing(config: DictConfig) -> float:
        raise RuntimeError("no")

    with pytest.raises(errors.SweepFailedError, match=r"2 of 2 trials failed.*RuntimeError: no"):
        bench.sweep("x=1,2", task=failing)
    assert bench.results.best_value is None


def test_too_many_failures_of_the_whole_study_end_the_sweep(bench) -> None:
    def failing(config: DictConfig) -> float:
        if config.x > 1:
            raise RuntimeError("no")
        return 0.0

    with pytest.raises(errors.SweepFailedError, match=r"2 of 4 .*max_failure_rate=0\.25"):
        bench.sweep("x=1,2,3,4", "hydra.sweeper.max_failure_rate=0.25", task=failing)
    assert bench.column("x") == [1, 2, 3]


class Pairs(inline.InlineRunner):
    """Two jobs that end at the same moment."""

    slots = 2

    def wait(self, timeout: float) -> list[tuple[int, Any]]:
        ended: list[tuple[int, Any]] = []
        while more := super().wait(timeout):
            ended += more
        return ended


def test_the_failure_that_ends_a_sweep_loses_no_value_that_came_with_it(bench, monkeypatch) -> None:
    def build(launcher: Any, *, slots: int, **given: Any) -> Pairs:
        return Pairs(given.pop("task_function"), given.pop("hydra_context"), **given)

    def failing_first(config: DictConfig) -> float:
        return float(config.x) if config.x > 1 else math.nan

    monkeypatch.setattr(choosing, "build_runner", build)
    with pytest.raises(errors.SweepFailedError, match=r"1 of 4 trials failed"):
        bench.stored("x=1,2,3,4", "hydra.sweeper.max_failure_rate=0.0", task=failing_first)
    assert [x.state.name for x in bench.study("test").trials] == ["FAIL", "COMPLETE"]
    assert bench.study("test").trials[1].value == 2.0


def test_a_pruned_job_is_no_failure(bench) -> None:
    def pruned(config: DictConfig) -> float:
        current_trial().report(3.0, step=1)
        raise optuna.TrialPruned

    study = bench.stored("x=1,2", task=lambda c: pruned(c) if c.x == 1 else 0.0)
    assert study.trials[0].state.name == "PRUNED"
    assert study.trials[0].value == 3.0


def test_an_equal_point_takes_the_value_and_says_so(bench) -> None:
    study = bench.stored("x=1,2", "hydra.sweeper.n_trials=5")
    assert sorted(bench.column("x")) == [1, 2]
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 5
    assert all(trial.value == trial.params["x"] ** 2 + 1 for trial in study.trials)
    assert sum("the same point" in message for message in bench.messages) == 3
    first = next(trial for trial in study.trials if trial.params == study.trials[4].params)
    assert study.trials[4].user_attrs["same_as"] == first.number


def test_the_trial_handle_reports_and_leaves_notes(bench) -> None:
    def reporting(config: DictConfig) -> float:
        trial = current_trial()
        assert trial.active
        assert trial.study_name == "test"
        trial.report(0.5, step=1)
        trial.report(0.7, step=2)
        trial.set_user_attr("job", trial.number)
        assert not trial.should_prune()
        return 0.0

    study = bench.stored("x=1,2", task=reporting)
    assert study.trials[1].intermediate_values == {1: 0.5, 2: 0.7}
    assert study.trials[1].user_attrs["job"] == 1


def test_the_trial_handle_reaches_a_study_in_memory(bench) -> None:
    numbers: list[int | None] = []

    def reporting(config: DictConfig) -> float:
        current_trial().report(0.5, step=1)
        numbers.append(current_trial().number)
        return 0.0

    bench.sweep("x=1,2", task=reporting)
    assert numbers == [0, 1]


def test_the_trial_handle_does_nothing_outside_a_sweep() -> None:
    trial = current_trial()
    trial.report(1.0, step=1)
    trial.set_user_attr("a", 1)
    assert (trial.active, trial.number, trial.study_name, trial.should_prune()) == (
        False,
        None,
        None,
        False,
    )


def check(config: DictConfig) -> None:
    CHECKED.append((config.x, config.y))
    assert "hydra" not in config
    if config.y == 7:
        raise ValueError("y=7 is not allowed")


def test_every_value_is_validated_alone_before_any_trial(bench, monkeypatch) -> None:
    monkeypatch.setattr(f"{__name__}.CHECKED", [], raising=False)
    CHECKED.clear()
    bench.sweep(
        "x=2,3", "y=5,6", f"hydra.sweeper.validate={__name__}.check", task=lambda c: len(CHECKED)
    )
    assert CHECKED == [(1.0, 0), (2, 0), (3, 0), (1.0, 5), (1.0, 6)]


def test_a_bad_value_stops_the_sweep_before_anything_runs(bench) -> None:
    with pytest.raises(ValueError, match="y=7 is not allowed"):
        bench.sweep("x=2,3", "y=5,7", f"hydra.sweeper.validate={__name__}.check")
    assert bench.jobs == []


@pytest.mark.parametrize("search", ["nokey=1,2", "model=small,huge", "nokey=interval(0,1)"])
def test_a_key_or_option_that_does_not_exist_stops_the_sweep(bench, search: str) -> None:
    with pytest.raises(HydraException, match=r"nokey|huge"):
        bench.sweep("x=1,2", search, "hydra.sweeper.n_trials=4")
    assert bench.jobs == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("hydra.sweeper.n_trials=0", "n_trials=0 .* from 1 on"),
        ("hydra.sweeper.direction=up", "direction=up .* minimize or maximize"),
        ("hydra.sweeper.max_failure_rate=2", r"max_failure_rate=2\.0 .* from 0.0 to 1.0"),
        ("hydra.sweeper.enqueue=[{q:1}]", r"enqueue\[0\] names q, .* allowed: x"),
        ("hydra.sweeper.enqueue=[{x:9}]", r"enqueue\[0\].x: 9 is not among 1, 2"),
        ("hydra.sweeper.storage=foo://bar", "storage=foo://bar cannot be opened"),
        ("hydra.sweeper.validate=no.such", "validate=no.such is no function"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(bench, override: str, message: str) -> None:
    with pytest.raises(errors.SweepError, match=message) as caught:
        bench.sweep("x=1,2", override)
    assert "\n" not in str(caught.value)
    assert bench.jobs == []


def test_a_sampler_gets_only_what_the_user_set(bench) -> None:
    with pytest.raises(errors.ConfigError, match="foo"):
        bench.sweep("x=interval(0,1)", "hydra.sweeper.n_trials=2", "+hydra.sweeper.sampler.foo=1")


@pytest.mark.parametrize("name", ["random", "gp", "cmaes", "qmc", "nsgaii", "nsgaiii", "tpe"])
def test_every_sampler_runs(bench, name: str) -> None:
    pytest.importorskip("cmaes" if name == "cmaes" else "torch" if name == "gp" else "optuna")
    bench.sweep(f"hydra/sweeper/sampler={name}", "x=interval(0,1)", "hydra.sweeper.n_trials=3")
    assert len(bench.jobs) == 3


def suggest(config: DictConfig, trial: optuna.Trial) -> None:
    trial.suggest_float("y", config.x + 5, config.x + 6)


def test_a_custom_search_space_adds_its_parameters(bench) -> None:
    path = f"hydra.sweeper.custom_search_space={__name__}.suggest"
    bench.sweep("model=small,large", path, "hydra.sweeper.n_trials=3")
    assert all(6 <= y <= 7 for y in bench.column("y"))


def test_the_log_says_each_trial_at_its_start_and_at_its_end(bench) -> None:
    bench.sweep("x=2,3")
    lines = [message for message in bench.messages if message.startswith("trial 2/2")]
    assert lines[0] == "trial 2/2  x=3  starts as job 1"
    assert lines[1].startswith("trial 2/2  x=3  value 10  (")
    assert len(lines) == 2


def test_the_env_setting_and_the_sweep_dir_stay_out_of_the_tasks_overrides(bench) -> None:
    bench.sweep("x=2,3", "y=1", f'hydra.sweep.dir="{bench.folder}/sweep/{{study}}"')
    (folder,) = [path for path in (bench.folder / "sweep").iterdir() if path.is_dir()]
    assert folder.name.startswith("sphere-")
    assert (folder / "1" / ".hydra" / "overrides.yaml").read_text() == "- y=1\n- x=3\n"


def test_a_check_beforehand_knows_the_study_and_is_no_trial(bench) -> None:
    CHECKED.clear()
    named = ("hydra.sweeper.study_name=named", f"hydra.sweeper.validate={__name__}.check_study")
    bench.sweep("x=2,3", *named)
    assert CHECKED == [("named", False)] * 3
    assert current_trial().study_name is None


def check_study(config: DictConfig) -> None:
    CHECKED.append((current_trial().study_name, current_trial().active))
