from __future__ import annotations

import pickle
import pkgutil

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.samplers.ofat import OfatSampler, one_factor_at_a_time


def test_the_base_comes_first_then_each_factor_alone() -> None:
    found = one_factor_at_a_time({"a": 1, "b": "x"}, {"a": [1, 2, 3], "b": ["y", "x"]})
    assert found == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "x"},
        {"a": 3, "b": "x"},
        {"a": 1, "b": "y"},
    ]


def test_an_ofat_sweep_starts_from_the_config_even_where_its_value_is_not_listed(bench) -> None:
    bench.sweep("hydra/sweeper/sampler=ofat", "model=small,large", "y=range(1,3)")
    assert bench.column("y") == [0, 0, 1, 2]
    assert [model["size"] for model in bench.column("model")] == [1, 2, 1, 1]


def test_ofat_refuses_an_interval(bench) -> None:
    with pytest.raises(errors.SearchSpaceError, match=r"x: sampler=ofat needs .* interval\(0,1\)"):
        bench.sweep("hydra/sweeper/sampler=ofat", "x=interval(0,1)")


BASE, LEVELS = {"a": 1, "b": "x"}, {"a": [1, 2, 3], "b": ["y", "x"]}
ALL = one_factor_at_a_time(BASE, LEVELS)


def two_factors(trial: optuna.Trial) -> float:
    return trial.suggest_int("a", 1, 3) + len(trial.suggest_categorical("b", ["x", "y"]))


def points(study: optuna.Study) -> list[dict[str, object]]:
    return [trial.params for trial in study.trials]


def test_the_optuna_sampler_runs_the_points_in_order_and_stops() -> None:
    study = optuna.create_study(sampler=OfatSampler(BASE, LEVELS))
    study.optimize(two_factors)
    assert points(study) == ALL


def test_another_optuna_sampler_goes_on_where_the_first_stood() -> None:
    study = optuna.create_study(sampler=OfatSampler(BASE, LEVELS))
    study.optimize(two_factors, n_trials=2)
    study.sampler = pickle.loads(pickle.dumps(study.sampler))
    study.optimize(two_factors)
    assert points(study) == ALL


def test_a_point_that_runs_or_waits_is_not_begun_again() -> None:
    study = optuna.create_study(sampler=OfatSampler(BASE, LEVELS))
    study.enqueue_trial(ALL[0])
    study.ask()  # it takes the waiting one, and runs
    study.enqueue_trial(ALL[2])
    study.optimize(two_factors)
    assert sorted(map(repr, points(study)[1:])) == sorted(map(repr, ALL[1:]))


def test_a_point_that_failed_comes_once_more_after_the_others() -> None:
    def fails(trial: optuna.Trial) -> float:
        if two_factors(trial) == 3 and trial.params["a"] == 2:
            raise OSError("no")
        return 0.0

    study = optuna.create_study(sampler=OfatSampler(BASE, LEVELS))
    study.optimize(fails, catch=OSError)
    assert points(study) == [*ALL, ALL[1]]


def test_a_pruned_point_is_done() -> None:
    def pruned(trial: optuna.Trial) -> float:
        two_factors(trial)
        raise optuna.TrialPruned

    study = optuna.create_study(sampler=OfatSampler(BASE, LEVELS))
    study.optimize(pruned)
    assert points(study) == ALL


def test_a_finished_study_that_is_begun_again_repeats_the_base_and_stops() -> None:
    study = optuna.create_study(sampler=OfatSampler(BASE, LEVELS))
    study.optimize(two_factors)
    study.optimize(two_factors)
    assert points(study) == [*ALL, BASE]


def test_asking_and_telling_works_too() -> None:
    study = optuna.create_study(sampler=OfatSampler(BASE, LEVELS))
    for _ in ALL:
        trial = study.ask()
        study.tell(trial, two_factors(trial))
    assert points(study) == ALL


def test_a_key_or_value_that_the_sampler_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match=r"levels are given for \['c'\]"):
        OfatSampler(BASE, {"c": [1]})
    study = optuna.create_study(sampler=OfatSampler(BASE, LEVELS))
    with pytest.raises(ValueError, match="c is not among the factors a, b"):
        study.optimize(lambda trial: trial.suggest_int("c", 0, 1), n_trials=1)
    with pytest.raises(ValueError, match=r"a=[123] is outside"):
        study.optimize(lambda trial: trial.suggest_int("a", 5, 6), n_trials=1)


def test_the_class_is_found_by_its_path_and_loads_optuna_only_then() -> None:
    path = "hydra_plugins.hpsearch_sweeper.samplers.ofat"
    assert pkgutil.resolve_name(f"{path}.OfatSampler") is OfatSampler
    with pytest.raises(AttributeError, match="no attribute Other"):
        pkgutil.resolve_name(f"{path}.Other")
