from __future__ import annotations

from typing import Any

import pytest
from hydra_plugins.hpsearch_sweeper import composing, errors
from hydra_plugins.hpsearch_sweeper.space import parsing
from omegaconf import DictConfig
from optuna.distributions import CategoricalDistribution as Choice
from optuna.distributions import FloatDistribution as Float
from optuna.distributions import IntDistribution as Int


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x=a,b", Choice(["a", "b"])),
        ("x=choice(a,b)", Choice(["a", "b"])),
        ("x=choice(2,2.5,true)", Choice([2, 2.5, True])),
        ("x=choice('1','2')", Choice(["'1'", "'2'"])),
        ("x=null,1", Choice([None, 1])),
        ("x=1,true", Choice(["1", "true"])),
        ("x=[1,2],[3]", Choice(["[1,2]", "[3]"])),
        ("x={a:1},{a:b}", Choice(["{a:1}", "{a:b}"])),
        ("+x=a,b", Choice(["a", "b"])),
        ("db@other=a,b", Choice(["a", "b"])),
        ("x='a,b','c=d',''", Choice(["'a,b'", "'c=d'", "''"])),
        ("x=2,2.5,true,a b", Choice([2, 2.5, True, "'a b'"])),
        ("x=tag(coarse,choice(a,b))", Choice(["a", "b"])),
        ("x=sort(3,1,2)", Choice([1, 2, 3])),
        ("x=sort(choice(b,c,a),reverse=true)", Choice(["c", "b", "a"])),
        ("x=int(choice(1.5,2.5))", Choice([1, 2])),
        ("x=str(choice(1,2))", Choice(["'1'", "'2'"])),
        ("x=range(1,4)", Int(1, 3)),
        ("x=range(3)", Int(0, 2)),
        ("x=range(1,8,3)", Int(1, 7, step=3)),
        ("x=range(9,0,-3)", Int(3, 9, step=3)),
        ("x=range(start=1,stop=9,step=4)", Int(1, 5, step=4)),
        ("x=range(-3,3,2)", Int(-3, 1, step=2)),
        ("x=shuffle(range(1,4))", Int(1, 3)),
        ("x=sort(range(1,4),reverse=true)", Int(1, 3)),
        ("x=float(range(1,4))", Float(1.0, 3.0, step=1.0)),
        ("x=range(0.5,0.1,-0.2)", Float(0.3, 0.5, step=0.2)),
        ("x=tag(log,range(1,9))", Int(1, 8, log=True)),
        ("x=range(0.1,0.5,0.1)", Float(0.1, 0.4, step=0.1)),
        ("x=range(0,1,0.25)", Float(0.0, 0.75, step=0.25)),
        ("x=interval(1,5)", Float(1.0, 5.0)),
        ("x=interval(-5.5, 5.5)", Float(-5.5, 5.5)),
        ("x=interval(start=0,end=1)", Float(0.0, 1.0)),
        ("x=float(interval(1,5))", Float(1.0, 5.0)),
        ("x=int(interval(1,5))", Int(1, 5)),
        ("x=tag(int,interval(1,5))", Int(1, 5)),
        ("x=tag(log,interval(1e-4,1))", Float(1e-4, 1.0, log=True)),
        ("x=tag(int,log,interval(1,64))", Int(1, 64, log=True)),
    ],
)
def test_an_override_string_becomes_a_distribution(line: str, expected: Any) -> None:
    assert parsing.parse_one(line).distribution == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x=range(1,4)", ["1", "2", "3"]),
        ("x=range(9,0,-3)", ["9", "6", "3"]),
        ("x=range(0.1,0.5,0.1)", ["0.1", "0.2", "0.3", "0.4"]),
        ("x=range(0.5,0.1,-0.2)", ["0.5", "0.3"]),
        ("x=sort(range(1,4),reverse=true)", ["3", "2", "1"]),
        ("x=choice(b,a,b)", ["b", "a"]),
    ],
)
def test_the_end_of_a_range_is_exclusive_and_the_order_is_kept(
    line: str, expected: list[str]
) -> None:
    assert [level.text for level in parsing.parse_one(line).levels or ()] == expected


def test_an_interval_cannot_be_listed() -> None:
    space = parsing.parse({}, ["a=1,2", "b=interval(0,1)"])
    assert not space.finite
    assert parsing.parse({}, ["a=1,2"]).finite


def test_a_shuffled_choice_has_the_same_order_each_time() -> None:
    first, second = (parsing.parse_one("x=shuffle(range(0,20))") for _ in range(2))
    assert first.levels == second.levels
    assert [level.value for level in first.levels or ()] != list(range(20))


def test_the_command_line_replaces_an_entry_of_params_in_its_place() -> None:
    params = {"a": "choice(1,2)", "b": "choice(3,4)", "c": 5}
    space = parsing.parse(params, ["d=7,8", "a=9,10"])
    assert space.names == ["a", "b", "d"]
    assert [level.value for level in space.parameters[0].levels or ()] == [9, 10]
    assert space.fixed == ("c=5",)


def test_a_plain_value_on_the_command_line_ends_the_search_of_that_key() -> None:
    space = parsing.parse({"a": "choice(1,2)"}, ["a=3"])
    assert space.names == []
    assert space.fixed == ("a=3",)


def test_params_may_hold_null_inside_choice_which_hydra_refuses() -> None:
    assert parsing.parse({"a": "choice(null,1)"}, []).parameters[0].distribution == Choice(
        [None, 1]
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x=range(1,4,0)", r"x: range\(1,4,0\) has step 0"),
        ("x=range(4,1)", "holds no value"),
        ("x=interval(5,1)", "start < end"),
        ("x=tag(log,interval(0,1))", "0 < start < end"),
        ("x=tag(log,range(0,4))", "above 0"),
        ("x=choice(1,2", r"x: cannot read 'choice\(1,2'"),
    ],
)
def test_a_malformed_search_is_one_line_that_names_the_key(line: str, message: str) -> None:
    with pytest.raises(errors.SearchSpaceError, match=message) as caught:
        parsing.parse_one(line)
    assert "\n" not in str(caught.value)


def test_a_malformed_entry_of_params_is_named_as_such() -> None:
    with pytest.raises(errors.SearchSpaceError, match=r"hydra\.sweeper\.params\.x: cannot read"):
        parsing.parse({"x": "choice(1"}, [])


def test_a_glob_takes_the_options_of_a_group_but_for_those_left_out(bench) -> None:
    def question(config: DictConfig) -> list[Any]:
        arguments = ["model=glob(*,exclude=s*)", "other=glob([no*])"]
        loader = composing.default_loader()
        (parameter,) = parsing.parse({}, arguments[:1], loader=loader).parameters
        with pytest.raises(errors.SearchSpaceError, match="matches nothing"):
            parsing.parse({}, arguments[1:], loader=loader)
        return [level.value for level in parameter.levels or ()]

    assert bench.ask(question) == ["large"]
