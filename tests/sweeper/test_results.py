"""The results file: the official keys and ours, readable by everybody."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra_plugins.hpsearch_sweeper.study.results import (
    RESULTS_FILE,
    Failure,
    Results,
    Solution,
    write_results,
)
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
# `???` alone is OmegaConf's mark of a missing value and has no other spelling.
TEXTS = st.text(st.characters(codec="utf-8")) | st.text("\\${}a'\":e1-._ ")
TEXTS = TEXTS.filter(lambda text: text != "???")


def single(best: tuple[Solution, ...] = (), **more: Any) -> Results:
    return Results("test", ("minimize",), best, **more)


def solution(number: int = 17, *values: float, **params: Any) -> Solution:
    return Solution(number, str(number), params, values or (2.5,))


def read(folder: Path) -> Any:
    return yaml.safe_load((folder / RESULTS_FILE).read_text(encoding="utf-8"))


def test_one_objective_has_the_official_keys_first_and_then_ours(tmp_path) -> None:
    counts = {"complete": 3, "failed": 1, "total": 4}
    failures = (Failure(2, "2", "ValueError: x is bad"),)
    write_results(tmp_path, single((solution(x=1),), counts=counts, failures=failures))
    assert list(read(tmp_path))[:3] == ["name", "best_params", "best_value"]
    assert read(tmp_path) == {
        "name": "optuna",
        "best_params": {"x": 1},
        "best_value": 2.5,
        "best_trial": 17,
        "best_folder": "17",
        "study_name": "test",
        "direction": ["minimize"],
        "trials": {
            "complete": 3,
            "pruned": 0,
            "failed": 1,
            "infeasible": 0,
            "retried": 0,
            "running": 0,
            "total": 4,
        },
        "failures": [{"trial": 2, "folder": "2", "error": "ValueError: x is bad"}],
    }


def test_several_objectives_have_the_pareto_front(tmp_path) -> None:
    front = (solution(1, 0.9, 3.0, x=1), solution(4, 0.8, 2.0, x=2))
    write_results(tmp_path, Results("test", ("maximize", "minimize"), front))
    found = read(tmp_path)
    assert list(found)[:2] == ["name", "solutions"]
    assert found["solutions"][0] == {
        "params": {"x": 1},
        "values": [0.9, 3.0],
        "trial": 1,
        "folder": "1",
    }
    assert [x["trial"] for x in found["solutions"]] == [1, 4]
    assert "best_value" not in found


def test_without_a_finished_trial_there_is_no_best(tmp_path) -> None:
    write_results(tmp_path, single())
    found = read(tmp_path)
    assert found["best_params"] == {}
    assert found["best_value"] is None
    assert found["best_trial"] is None


def test_only_the_last_twenty_failures_are_written(tmp_path) -> None:
    failures = tuple(Failure(number, str(number), "killed") for number in range(25))
    write_results(tmp_path, single(failures=failures))
    assert [x["trial"] for x in read(tmp_path)["failures"]] == list(range(5, 25))


def test_a_text_that_looks_like_an_interpolation_stays_a_text(tmp_path) -> None:
    write_results(
        tmp_path,
        single(
            (solution(text="${oc.env:HOME}", part="a${"),),
            failures=(Failure(1, "1", "InterpolationKeyError: ${model.size}"),),
        ),
    )
    found = OmegaConf.load(tmp_path / RESULTS_FILE)
    assert dict(found.best_params) == {"text": "${oc.env:HOME}", "part": "a${"}
    assert found.failures[0].error == "InterpolationKeyError: ${model.size}"


@given(
    value=st.recursive(
        PLAIN | TEXTS,
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from("abc"), x),
        max_leaves=5,
    )
)
def test_any_plain_value_is_read_back_by_omegaconf(value, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("results")
    write_results(folder, single((solution(x=value),)))
    found = OmegaConf.to_container(OmegaConf.load(folder / RESULTS_FILE), resolve=True)
    assert isinstance(found, dict)
    back = found["best_params"]["x"]
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("text", ["1e-3", "1_000", "1:30", "on", "null", "2020-01-01", ".5e3", ""])
def test_a_text_is_never_read_as_something_else(text, tmp_path) -> None:
    write_results(tmp_path, single((solution(x=text),)))
    assert read(tmp_path)["best_params"] == {"x": text}
    assert OmegaConf.load(tmp_path / RESULTS_FILE).best_params == {"x": text}


def test_an_infinite_value_and_an_umlaut_are_written_plainly(tmp_path) -> None:
    write_results(tmp_path, single((solution(0, math.inf, x="größe"),)))
    assert "größe" in (tmp_path / RESULTS_FILE).read_text(encoding="utf-8")
    assert read(tmp_path)["best_value"] == math.inf


def test_an_error_with_half_a_character_is_written_all_the_same(tmp_path) -> None:
    write_results(tmp_path, single(failures=(Failure(1, "1", "OSError: \udcff"),)))
    assert read(tmp_path)["failures"][0]["error"] == "OSError: \\udcff"


def test_the_file_is_replaced_and_nothing_else_is_left(tmp_path) -> None:
    for number in range(3):
        write_results(tmp_path / "sweep", single((solution(number),)))
    assert os.listdir(tmp_path / "sweep") == [RESULTS_FILE]
    assert read(tmp_path / "sweep")["best_trial"] == 2


def test_a_failed_writing_leaves_the_old_file_and_no_other(tmp_path) -> None:
    write_results(tmp_path, single((solution(1),)))
    with pytest.raises(yaml.YAMLError):
        write_results(tmp_path, single((solution(2, x=object()),)))
    assert os.listdir(tmp_path) == [RESULTS_FILE]
    assert read(tmp_path)["best_trial"] == 1


def test_the_folder_of_the_best_job_is_told_where_the_program_names_it_otherwise(bench) -> None:
    named = "hydra.sweep.subdir='${hydra.job.override_dirname}'"
    bench.stored("x=2,1", named)
    assert bench.results.best_folder == "x=1"
    bench.stored("x=2,1", named)  # nothing runs: it is worked out again
    assert bench.results.best_folder == "x=1"
    assert (bench.folder / "sweep" / "x=1").is_dir()
