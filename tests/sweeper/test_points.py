from __future__ import annotations

from typing import Any

import pytest
from hydra_plugins.hpsearch_sweeper import errors, plan
from hydra_plugins.hpsearch_sweeper.space import completing, parsing, points, values
from omegaconf import DictConfig, OmegaConf

# y is searched where x is 2, z where y is 1 and so only where x is 2.
NESTED = {
    "x": "1,2",
    "y": {"space": "0,1", "when": {"x": 2}},
    "z": {"space": "a,b", "when": {"y": 1}},
}
OFAT = "hydra/sweeper/sampler=ofat"


def base(**given: Any) -> DictConfig:
    choices: dict[str, str] = {}
    return OmegaConf.create({**given, "hydra": {"runtime": {"choices": choices}}})


def listed(bench, *overrides: str) -> list[points.Point]:
    def question(config: DictConfig) -> Any:
        return plan.make_plan(config, config.hydra.overrides.task).listed

    return bench.ask(question, *overrides)


def params(entries: dict[str, Any]) -> str:
    return f"+hydra.sweeper.params={values.override_text(entries)}"


def test_a_grid_lists_every_active_combination_once(bench) -> None:
    assert listed(bench, params(NESTED)) == [
        {"x": 1},
        {"x": 2, "y": 0},
        {"x": 2, "y": 1, "z": "a"},
        {"x": 2, "y": 1, "z": "b"},
    ]


def test_one_factor_at_a_time_switches_children_on_and_off(bench) -> None:
    assert listed(bench, OFAT, "model=small,large", "model.depth=4,5", "x=1,2") == [
        {"model": "small", "x": 1},
        {"model": "large", "model.depth": 4, "x": 1},
        {"model": "small", "x": 2},
    ]
    assert listed(bench, OFAT, params(NESTED)) == [
        {"x": 1},
        {"x": 2, "y": 0},
    ]


def test_one_factor_at_a_time_varies_the_children_that_the_base_has(bench) -> None:
    given = ["model=large,small", "model.depth=4,5"]
    bench.conf = bench.folder / "conf"
    for name, text in {"small": "size: 1", "large": "{size: 2, depth: 3}"}.items():
        path = bench.conf / "model" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    lines = ["defaults:", "- model: large", "- override hydra/sweeper: hpsearch"]
    (bench.conf / "config.yaml").write_text("\n".join(lines))
    assert listed(bench, OFAT, *given) == [
        {"model": "large", "model.depth": 3},
        {"model": "small"},
        {"model": "large", "model.depth": 4},
        {"model": "large", "model.depth": 5},
    ]


def test_an_enqueued_point_takes_only_its_active_keys_from_the_base() -> None:
    space = parsing.parse(NESTED, [])
    found = completing.enqueued([{"x": 2}, {}, {"y": 1, "x": 2}], space, base=base(x=1, y=0, z="b"))
    assert found == [{"x": 2, "y": 0}, {"x": 1}, {"x": 2, "y": 1, "z": "b"}]


def test_an_enqueued_point_may_not_name_what_is_not_searched_there() -> None:
    space = parsing.parse(NESTED, [])
    with pytest.raises(
        errors.ConfigError,
        match=r"enqueue\[0\]\.z: not searched at this point; allowed only where y=1",
    ):
        completing.enqueued([{"x": 1, "z": "a"}], space, base=base(x=1, y=0, z="a"))


def test_an_enqueued_point_must_say_what_the_base_does_not() -> None:
    space = parsing.parse(NESTED, [])
    with pytest.raises(errors.ConfigError, match=r"enqueue\[0\]\.y: .* the base config has none"):
        completing.enqueued([{"x": 2}], space, base=base(x=1))


def test_the_base_is_a_point_without_what_is_not_searched_there() -> None:
    space = parsing.parse(NESTED, [])
    assert completing.base_point(space, base(x=1, y=7)) == {"x": 1}
    assert completing.base_point(space, base(x=2, y=0)) == {"x": 2, "y": 0}
    with pytest.raises(LookupError):
        completing.base_point(space, base(x=2, y=7))


def test_points_are_equal_where_their_jobs_are() -> None:
    space = parsing.parse({"a": "range(-0.3,0.3,0.1)"}, [])
    found = [{"a": 0.0}, {"a": -0.3 + 3 * 0.1}, {"a": -0.3 + 4 * 0.1}, {"a": 0.1}]
    assert points.distinct(space, found) == [found[0], found[2]]
    assert points.texts(space, found[1]) == (("a", "0.0"),)


def test_whole_numbers_that_are_near_are_not_equal() -> None:
    space = parsing.parse({"a": f"{10**15},{10**15 + 1},{10**400}"}, [])
    (parameter,) = space.parameters
    assert [parameter.text(parameter.label(x)) for x in (10**15 + 1, 10**400)] == [
        str(10**15 + 1),
        str(10**400),
    ]
