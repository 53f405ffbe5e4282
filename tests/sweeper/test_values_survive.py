"""Any value that a user can name arrives in the job as it was: same value, same type.

Limits, all of Hydra's or OmegaConf's making: a key inside a dict cannot be quoted, so that it must
be of plain ASCII and cannot be text that reads as a number, null or a truth value; a dict's keys
cannot be null; the string ??? is a missing value, and ${...} stays an interpolation.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.space import levels, parsing, search_space, values
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from optuna.distributions import distribution_to_json, json_to_distribution

CONF = Path(__file__).parent / "example" / "conf"

HARD = [
    "",
    " ",
    " a b ",
    "it's",
    '"',
    "a,b",
    "c=d",
    "{e}",
    "[f",
    "null",
    "True",
    "1e-7",
    "0x1",
    "-",
    "~",
    "choice(1,2)",
    "\\",
    "\\'",
    "\\\\'\\",
    "a\\\\",
    "tab\tnew\nline\r",
    "\x00\x7f\u2028",
    "é 漢 😀",
    "#!",
    "@p:k",
    "%",
    "nan",
    "$a",
    "1_000",
    *(-0.0, 1e-7, 1e300, 5e-324, 10**400, 2**53 + 1, math.inf, -math.inf),
]
_texts = st.text(st.characters(exclude_categories=["Cs"])) | st.text("aZ1 ,='\"\\{}[]():$.-é\n\t#~")
_keys = (
    st.text("abXY_19-+./$%*@?|\\ ()[]{}:=,", min_size=1).filter(lambda key: not _is_reserved(key))
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | _texts | st.sampled_from(HARD)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=6,
)


def _is_reserved(text: str) -> bool:
    """Text that Hydra takes for a number, null or a truth value where it stands without quotes."""
    return not isinstance(OverridesParser.create().parse_rule(_escaped(text), "dictKey"), str)


def _escaped(text: str) -> str:
    from hydra._internal.grammar.utils import escape_special_characters

    return escape_special_characters(text)


def parsed(text: str) -> Any:
    return OverridesParser.create().parse_override(f"key={text}").value()


def is_plain(value: Any) -> bool:
    """Whether OmegaConf leaves it as it is."""
    if isinstance(value, dict):
        return all(map(is_plain, [*value, *value.values()]))
    if isinstance(value, list):
        return all(map(is_plain, value))
    return not isinstance(value, str) or (value != "???" and "${" not in value)


@settings(max_examples=300, deadline=None)
@given(_values)
def test_any_value_survives_the_way_through_an_override(value: Any) -> None:
    assert repr(parsed(values.override_text(value))) == repr(value)


@pytest.mark.parametrize("value", [*HARD, "${a}", "${a", "???"])
def test_a_hard_value_survives_everywhere(value: Any) -> None:
    for nested in (value, [value, value], {"k": value}, {"k": [{"j": value}]}):
        assert repr(parsed(values.override_text(nested))) == repr(nested)


@settings(max_examples=150, deadline=None)
@given(st.lists(_values, min_size=1, max_size=5))
@example([1, 1.0, True, "1", "1.0", "true"])
@example([0, 0.0, -0.0, False, None, "", "null"])
@example([math.nan, "nan"])
@example([[1], [1.0], [True], "[1]"])
@example([{"a": 1}, {"a": True}, "{a:1}"])
def test_any_value_survives_the_study_and_its_database(found: list[Any]) -> None:
    known = levels.levels_of(found)
    distribution = levels.categorical(known)
    stored: Any = json_to_distribution(distribution_to_json(distribution))
    parameter = search_space.Parameter("key", "key", distribution, known)
    for level, label in zip(known, stored.choices, strict=True):
        index = stored.to_internal_repr(label)  # what the database keeps of a draw
        drawn = stored.to_external_repr(index)
        text = parameter.text(json.loads(json.dumps(drawn)))
        assert repr(parsed(text)) == repr(level.value)


@settings(max_examples=100, deadline=None)
@given(st.lists(_values, min_size=1, max_size=5))
def test_each_value_of_a_parameter_has_a_draw_of_its_own(found: list[Any]) -> None:
    known = levels.levels_of(found)
    parameter = search_space.Parameter("k", "k", levels.categorical(known), known)
    assert len({repr(level.label) for level in known}) == len(known)
    for value in found:
        assert parameter.text(parameter.label(value)) == values.override_text(value)


@pytest.fixture(scope="module")
def example_config() -> Any:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


@pytest.mark.slow
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=_values.filter(is_plain))
@example(value=HARD)
def test_any_value_survives_into_the_config_of_a_job(example_config: None, value: Any) -> None:
    config = compose("config", overrides=[f"++extra={values.override_text(value)}"])
    assert repr(OmegaConf.to_container(config, resolve=True)["extra"]) == repr(value)  # type: ignore[index, call-overload]


def test_an_interpolation_stays_an_interpolation(example_config: None) -> None:
    (level, _) = parsing.parse_one("extra=${x},1").levels or ()
    config = compose("config", overrides=[f"++extra={level.text}"])
    assert OmegaConf.to_container(config)["extra"] == "${x}"  # type: ignore[index, call-overload]
    assert config.extra == 1.0


@pytest.mark.parametrize("key", ["", "é", "it's", "#", "1", "1.5", "null", "true", "-3", "a\nb"])
def test_a_key_that_hydra_cannot_write_is_refused_in_one_line(key: str) -> None:
    with pytest.raises(errors.SearchSpaceError, match=r"as a key inside a value") as caught:
        parsing.parse({"x": {key: 1}}, [])
    assert str(caught.value).startswith(f"hydra.sweeper.params.x: {key!r} as a key")
    assert "\n" not in str(caught.value)
