from __future__ import annotations

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.space import search_space, values
from hypothesis import given, settings
from hypothesis import strategies as st
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
        ("x=sort(3,1,2)", Choice([1, 2, 3])),
        ("x=range(1,4)", Int(1, 3)),
        ("x=range(3)", Int(0, 2)),
        ("x=range(1,8,3)", Int(1, 7, step=3)),
        ("x=range(9,0,-3)", Int(3, 9, step=3)),
        ("x=tag(log,range(1,9))", Int(1, 8, log=True)),
        ("x=range(0.1,0.5,0.1)", Float(0.1, 0.4, step=0.1)),
        ("x=range(0,1,0.25)", Float(0.0, 0.75, step=0.25)),
        ("x=interval(1,5)", Float(1.0, 5.0)),
        ("x=int(interval(1,5))", Int(1, 5)),
        ("x=tag(int,interval(1,5))", Int(1, 5)),
        ("x=tag(log,interval(1e-4,1))", Float(1e-4, 1.0, log=True)),
        ("x=tag(int,log,interval(1,64))", Int(1, 64, log=True)),
    ],
)
def test_an_override_string_becomes_a_distribution(line: str, expected: Any) -> None:
    assert search_space.parse_one(line).distribution == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x=range(1,4)", ["1", "2", "3"]),
        ("x=range(9,0,-3)", ["9", "6", "3"]),
        ("x=range(0.1,0.5,0.1)", ["0.1", "0.2", "0.3", "0.4"]),
        ("x=choice(b,a,b)", ["b", "a"]),
    ],
)
def test_the_end_of_a_range_is_exclusive_and_the_order_is_kept(
    line: str, expected: list[str]
) -> None:
    assert [level.text for level in search_space.parse_one(line).levels or ()] == expected


def test_an_interval_cannot_be_listed() -> None:
    space = search_space.parse({}, ["a=1,2", "b=interval(0,1)"])
    assert not space.finite
    assert search_space.parse({}, ["a=1,2"]).finite


def test_a_shuffled_choice_has_the_same_order_each_time() -> None:
    first, second = (search_space.parse_one("x=shuffle(range(0,20))") for _ in range(2))
    assert first.levels == second.levels
    assert [level.value for level in first.levels or ()] != list(range(20))


def test_the_command_line_replaces_an_entry_of_params_in_its_place() -> None:
    params = {"a": "choice(1,2)", "b": "choice(3,4)", "c": 5}
    space = search_space.parse(params, ["d=7,8", "a=9,10"])
    assert space.names == ["a", "b", "d"]
    assert [level.value for level in space.parameters[0].levels or ()] == [9, 10]
    assert space.fixed == ("c=5",)


def test_a_plain_value_on_the_command_line_ends_the_search_of_that_key() -> None:
    space = search_space.parse({"a": "choice(1,2)"}, ["a=3"])
    assert space.names == []
    assert space.fixed == ("a=3",)


def test_params_may_hold_null_inside_choice_which_hydra_refuses() -> None:
    assert search_space.parse({"a": "choice(null,1)"}, []).parameters[0].distribution == Choice(
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
        search_space.parse_one(line)
    assert "\n" not in str(caught.value)


def test_a_malformed_entry_of_params_is_named_as_such() -> None:
    with pytest.raises(errors.SearchSpaceError, match=r"hydra\.sweeper\.params\.x: cannot read"):
        search_space.parse({"x": "choice(1"}, [])


@pytest.mark.parametrize(
    "value", ["'1'", "null", "true", "a,b", "c=d", "{e}", "", " ", "it's", "${a}"]
)
def test_a_string_is_never_taken_for_something_else(value: str) -> None:
    assert read_back(values.override_text(value)) == value


_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text("aZ1 ,='\"\\{}[]():$.-é")
)
_keys = st.text("abXY_", min_size=1).filter(lambda key: key.lower() not in {"null", "true", "nan"})
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3)
)


@settings(max_examples=150, deadline=None)
@given(_values)
def test_any_value_survives_the_way_through_an_override(value: Any) -> None:
    back = read_back(values.override_text(value))
    assert back == value
    assert repr(back) == repr(value)


@settings(max_examples=60, deadline=None)
@given(st.lists(_values, min_size=1, max_size=5))
def test_labels_tell_all_values_of_a_parameter_apart(found: list[Any]) -> None:
    levels = values.levels_of(found)
    assert len({level.label for level in levels}) == len(levels)
    assert {level.text for level in levels} == {values.override_text(value) for value in found}


def read_back(text: str) -> Any:
    return OverridesParser.create().parse_override(f"key={text}").value()
