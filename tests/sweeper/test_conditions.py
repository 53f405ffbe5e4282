from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra.errors import HydraException
from hydra_plugins.hpsearch_sweeper import errors, plan, search_keys
from hydra_plugins.hpsearch_sweeper.space import parsing

HEAD = {
    "head.activation": {"space": "choice(relu,tanh)", "when": {"head.dim": [50, 250]}},
    "head.dim": "choice(0,50,250)",
}
DEEP = ["model=small,large", "model.depth=1,2"]


def made(bench, *overrides: str) -> plan.Plan:
    return bench.ask(lambda config: plan.make_plan(config, config.hydra.overrides.task), *overrides)


def conditions(space) -> dict[str, str]:
    return {x.name: " and ".join(map(str, x.when)) for x in space.parameters if x.when}


def test_a_key_is_searched_only_where_its_parent_has_one_of_these_values() -> None:
    space = parsing.parse(HEAD, [])
    activation = space.parameters[1]
    assert not space.is_active(activation, {"head.dim": 0})
    assert space.is_active(activation, {"head.dim": 50})
    assert not space.is_active(activation, {})
    assert [x.name for x in space.active({"head.dim": 250})] == ["head.dim", "head.activation"]


def test_parents_come_first_and_all_else_keeps_its_order() -> None:
    params = {"a": {"space": "1,2", "when": {"c": 1}}, "b": "1,2", "c": "1,2", "d": "1,2"}
    assert parsing.parse(params, []).names == ["b", "c", "a", "d"]


def test_a_key_whose_parent_is_not_searched_is_not_searched_either() -> None:
    params = {
        "a": "0,1",
        "b": {"space": "0,1", "when": {"a": 1}},
        "c": {"space": "0,1", "when": {"b": 1}},
    }
    space = parsing.parse(params, [])
    assert [x.name for x in space.active({"a": 0, "b": 1})] == ["a"]
    assert [x.name for x in space.active({"a": 1, "b": 1})] == ["a", "b", "c"]
    assert space.activating(space.parameters[2]) == {"a": 1, "b": 1}


def test_several_conditions_must_all_hold() -> None:
    params = {"a": "0,1", "b": "x,y", "c": {"space": "0,1", "when": {"a": 1, "b": ["x"]}}}
    space = parsing.parse(params, [])
    found = [{"a": a, "b": b} for a in (0, 1) for b in "xy"]
    active = [point for point in found if space.is_active(space.parameters[2], point)]
    assert active == [{"a": 1, "b": "x"}]


@pytest.mark.parametrize(
    ("values", "wanted", "text"),
    [
        ("choice('1',1)", "1", "'1'"),
        ("choice('1',1)", 1, "1"),
        ("null,1", None, "null"),
        ("true,1", True, "true"),
        ("0.1,0.2", 0.2, "0.2"),
        ("range(0.1,0.5,0.1)", 0.3, "0.3"),
        ("[1,2],[3]", [[1, 2]], "[1,2]"),
        ("{a:1},{a:2}", {"a": 2}, "{a:2}"),
    ],
)
def test_a_condition_tells_values_apart_by_their_type(values: str, wanted: Any, text: str) -> None:
    space = parsing.parse({"a": values, "b": {"space": "1,2", "when": {"a": wanted}}}, [])
    assert space.parameters[1].when[0].texts == (text,)


def test_one_value_can_be_set_under_a_condition_too() -> None:
    params = {"a": "0,1", "b": {"space": 0.5, "when": {"a": 1}}}
    (level,) = parsing.parse(params, []).parameters[1].levels or ()
    assert level.value == 0.5


def test_the_command_line_replaces_the_space_and_keeps_the_condition() -> None:
    space = parsing.parse(HEAD, ["head.activation=gelu,relu"])
    assert [x.text for x in space.parameters[1].levels or ()] == ["gelu", "relu"]
    assert conditions(space) == {"head.activation": "head.dim=50 or 250"}


def test_a_plain_value_on_the_command_line_ends_the_search_and_its_condition() -> None:
    space = parsing.parse(HEAD, ["head.activation=gelu"])
    assert space.names == ["head.dim"]
    assert space.fixed == ("head.activation=gelu",)


def test_a_parent_that_the_command_line_fixes_decides_for_all_trials() -> None:
    assert parsing.parse(HEAD, ["head.dim=0"]).names == []
    space = parsing.parse(HEAD, ["head.dim=50"])
    assert space.names == ["head.activation"]
    assert conditions(space) == {}


def test_a_fixed_parent_that_rules_a_key_out_rules_out_its_children_too() -> None:
    more = {**HEAD, "gain": {"space": "1,2", "when": {"head.activation": "tanh"}}}
    assert parsing.parse(more, ["head.dim=0", "x=1,2"]).names == ["x"]


def test_a_mapping_without_when_stays_a_fixed_value() -> None:
    space = parsing.parse({"a": {"space": "1,2"}}, [])
    assert space.names == []
    assert space.fixed == ("a={space:'1,2'}",)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"space": "1,2", "when": {"hed.dim": 1}},
            "hed.dim is not .*mean head.dim.*: head",
        ),
        ({"space": "1,2", "when": {"head.dim": 60}}, "head.dim is never 60; allowed: 50, 250"),
        ({"space": "1,2", "when": {"head.dim": "50"}}, "head.dim is never '50'; allowed"),
        ({"space": "1,2", "when": {"head.dim": []}}, r"no value in \[\]; allowed: 50, 250"),
        ({"space": "1,2", "when": {"lr": 0.5}}, r"lr=interval\(0,1\) is an interval; allowed"),
        ({"space": "1,2", "when": "head.dim"}, "'head.dim' is no condition; allowed is a mapping"),
        ({"space": "1,2", "when": {}}, "is no condition"),
        ({"space": "1,2", "when": None}, "is no condition"),
        ({"space": "1,2", "when": {"a": 1}}, "a → a depend on each other in a circle"),
        ({"when": {"head.dim": 50}}, "it stands beside nothing; .* exactly the keys space and"),
        ({"space": "1", "low": 0, "when": {"head.dim": 50}}, "beside space, low; allowed"),
    ],
)
def test_a_wrong_condition_is_one_clear_line(entry: dict[str, Any], message: str) -> None:
    params = {"head.dim": "choice(50,250)", "lr": "interval(0,1)", "a": entry}
    with pytest.raises(
        errors.SearchSpaceError, match=rf"hydra\.sweeper\.params\.a\.when: .*{message}"
    ) as caught:
        parsing.parse(params, [])
    assert "\n" not in str(caught.value)


def test_a_malformed_space_under_a_condition_is_named_as_such() -> None:
    params = {"b": "1,2", "a": {"space": "choice(1", "when": {"b": 1}}}
    with pytest.raises(errors.SearchSpaceError, match=r"hydra\.sweeper\.params\.a: cannot read"):
        parsing.parse(params, [])


def test_a_circle_of_conditions_is_shown() -> None:
    params = {
        "z": {"space": "1,2", "when": {"a": 1}},
        "a": {"space": "1,2", "when": {"b": 1}},
        "b": {"space": "1,2", "when": {"a": 1}},
    }
    with pytest.raises(errors.SearchSpaceError, match=r"a → b → a"):
        parsing.parse(params, [])


def test_conditions_that_can_never_hold_together_are_refused() -> None:
    params = {
        "a": "0,1",
        "b": {"space": "0,1", "when": {"a": 0}},
        "c": {"space": "0,1", "when": {"a": 1, "b": 0}},
    }
    with pytest.raises(errors.SearchSpaceError, match=r"c\.when: can never hold: no value of a"):
        parsing.parse(params, [])


def test_the_name_of_a_study_depends_on_the_condition_but_not_on_how_it_is_written() -> None:
    def canonical(*wanted: int) -> str:
        when = {"head.dim": list(wanted)}
        params = {**HEAD, "head.activation": {"space": "relu,tanh", "when": when}}
        return parsing.parse(params, []).parameters[1].canonical()

    assert canonical(50, 250) == canonical(250, 50)
    assert canonical(50, 250) != canonical(50)
    assert parsing.parse_one("a=relu,tanh").canonical() == "categorical relu, tanh"


def test_a_condition_given_on_the_command_line_goes_through_params(bench) -> None:
    given = "+hydra.sweeper.params={y:{space:'range(1,3)',when:{x:2}},x:'1,2'}"
    bench.sweep(given)
    assert list(zip(bench.column("x"), bench.column("y"), strict=True)) == [(1, 0), (2, 1), (2, 2)]


def test_a_key_that_only_some_options_have_is_searched_only_under_these(bench) -> None:
    bench.sweep(*DEEP)
    assert bench.column("model") == [{"size": 1}, {"size": 2, "depth": 1}, {"size": 2, "depth": 2}]


def test_the_order_on_the_command_line_does_not_matter(bench) -> None:
    space = made(bench, *reversed(DEEP)).space
    assert space.names == ["model", "model.depth"]
    assert conditions(space) == {"model.depth": "model=large"}


def test_a_key_that_every_option_has_is_searched_always(bench) -> None:
    assert conditions(made(bench, "model=small,large", "model.size=1,2").space) == {}


def test_nothing_is_inferred_where_no_group_is_searched(bench, monkeypatch) -> None:
    monkeypatch.setattr(
        plan.inferring, "_composed", lambda *args, **kwargs: pytest.fail("composed")
    )
    made(bench, "x=1,2", "y=1,2")
    made(bench, "model=small,large", "+new=1,2")


def test_a_condition_that_is_written_is_not_inferred_again(bench) -> None:
    given = "+hydra.sweeper.params={model.depth:{space:'1,2',when:{model:large}}}"
    assert conditions(made(bench, "model=small,large", given).space) == {
        "model.depth": "model=large"
    }


def test_an_added_group_brings_its_keys(bench) -> None:
    space = made(bench, "~model", "+model@net=small,large", "net.depth=1,2").space
    assert conditions(space) == {"net.depth": "model@net=large"}


@pytest.mark.parametrize("fixed", ["model.depth=3", "nokey=3"])
def test_a_fixed_value_of_a_missing_key_is_hydras_error(bench, fixed: str) -> None:
    with pytest.raises(HydraException, match=r"depth|nokey"):
        bench.sweep("model=small,large", fixed)


def test_a_key_that_no_option_has_is_hydras_error(bench) -> None:
    with pytest.raises(HydraException, match="nokey"):
        bench.sweep("model=small,large", "nokey=1,2")
    assert bench.jobs == []


def test_every_variation_is_validated_where_it_is_active(bench, monkeypatch) -> None:
    seen: list[Any] = []
    monkeypatch.setitem(globals(), "note", lambda config: seen.append(dict(config.model)))
    given = "+hydra.sweeper.params={x:{space:'1,2',when:{model.depth:2}}}"
    bench.sweep(*DEEP, given, f"hydra.sweeper.validate={__name__}.note", "hydra.sweeper.n_trials=1")
    small, large = {"size": 1}, [{"size": 2, "depth": depth} for depth in (1, 2)]
    assert seen == [small, small, large[0], *large, large[1], large[1]]


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.slow
def test_groups_inside_groups_and_groups_without_a_default_are_understood(bench) -> None:
    bench.conf = bench.folder / "conf"
    write(
        bench.conf,
        {
            "config.yaml": "defaults:\n  - model: ???\n  - data: ???\n  - _self_\n"
            "  - override hydra/sweeper: hpsearch\nx: ???\n",
            "data/a.yaml": "rows: 1\n",
            "data/b.yaml": "columns: 1\n",
            "model/cnn.yaml": "width: 3\n",
            "model/deep.yaml": "defaults:\n  - attention: full\n",
            "model/attention/full.yaml": "heads: 2\n",
            "model/attention/local.yaml": "window: 8\n",
        },
    )
    given = (
        "model.attention.window=8,16",
        "model/attention=full,local",
        "model=cnn,deep",
        "model.width=3,5",
        "data=a,b",
        "data.rows=1,2",
        "x=1",
    )
    assert conditions(made(bench, *given).space) == {
        "model/attention": "model=deep",
        "model.attention.window": "model/attention=local",
        "model.width": "model=cnn",
        "data.rows": "data=a",
    }
    bench.sweep(*given, task=lambda config: 0.0)
    assert len(bench.jobs) == (2 + 1 + 2) * (2 + 1)


def test_search_keys_name_conditional_keys_too(bench) -> None:
    assert bench.ask(search_keys, *DEEP) == ["model", "model.depth"]
