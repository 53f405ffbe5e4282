"""A patched config is, node for node, what Hydra composes in full, and costs one composition."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from hydra_plugins.hpsearch_sweeper import composing
from hydra_plugins.hpsearch_sweeper.jobs import patching, reading
from hydra_plugins.hpsearch_sweeper.space import values
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, ListConfig, Node, open_dict

from hpsearch.config import CONF_DIR, register

from .conftest import EXAMPLE

FULL = ConfigLoaderImpl.load_sweep_config
TOLD = ["hydra.sweep.dir='out/{hash} x'", "++hydra.job.env_set.HANDLE='{\"a\": 1}'"]


class Sweep:
    """A multirun config with its loader; counts the full compositions."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        GlobalHydra.instance().clear()
        version.setbase("1.3")
        path = create_config_search_path(str(folder))
        hydra = Hydra.create_main_hydra2(task_name="program", config_search_path=path)
        given = ["hydra.mode=MULTIRUN", *overrides]
        self.config = hydra.compose_config("config", given, RunMode.MULTIRUN)
        self.loader: Any = hydra.config_loader
        self.loader.load_sweep_config = self._counted
        self.composer = patching.Composer(self.config, loader=self.loader)
        self.compositions = 0
        GlobalHydra.instance().clear()
        resolved(self.config)  # so that ${now:...} has its value in the cache that jobs copy

    def full(self, overrides: list[str], *, number: int = 3) -> DictConfig:
        """As Hydra's BasicLauncher does it."""
        config = FULL(self.loader, self.config, overrides)
        with open_dict(config):
            config.hydra.job.id = number
            config.hydra.job.num = number
        return config

    def patched(self, overrides: list[str]) -> DictConfig:
        return self.composer.compose(overrides, number=3)

    def check(self, *overrides: str) -> bool:
        """Compares the two; whether no full composition was needed."""
        before = self.compositions
        job = [*overrides, *TOLD]
        wanted, found = outcome(self.full, job), outcome(self.patched, job)
        if isinstance(wanted, DictConfig) and isinstance(found, DictConfig):
            assert described(found) == described(wanted)
            assert resolved(found) == resolved(wanted)
        else:
            assert found == wanted
        return self.compositions == before

    def _counted(self, *args: Any) -> DictConfig:
        self.compositions += 1
        return FULL(self.loader, *args)


def outcome(compose: Callable[[list[str]], DictConfig], overrides: list[str]) -> Any:
    try:
        return compose(overrides)
    except Exception as error:
        return type(error), str(error), str(error.__cause__)


def described(node: Node, parent: Any = None) -> Any:
    """Everything about a node that OmegaConf keeps, its children in their order."""
    assert node.__dict__["_parent"] is parent
    names = {key: described_value(x) for key, x in node.__dict__.items() if key not in HANDLED}
    metadata = dict(vars(node._metadata))
    metadata["resolver_cache"] = dict(metadata["resolver_cache"])
    return type(node), {key: repr(x) for key, x in metadata.items()}, names, contents(node)


HANDLED = {"_parent", "_metadata", "_flags_cache", "_content"}


def described_value(value: Any) -> Any:
    return type(value), repr(value)


def contents(node: Any) -> Any:
    content = node.__dict__.get("_content")
    if isinstance(content, dict):
        return [(described_value(key), described(x, node)) for key, x in content.items()]
    if isinstance(content, list):
        return [described(x, node) for x in content]
    return described(content, node) if isinstance(content, Node) else content


def resolved(config: DictConfig) -> Any:
    """What each value is to the job; the message where it has none."""
    with composing.known_to_hydra(config):
        return repr(_resolved(config))


def _resolved(node: Any) -> Any:
    keys: Any = range(len(node)) if isinstance(node, ListConfig) else node.keys()
    return [(key, _resolved_child(node, key)) for key in keys]


def _resolved_child(node: Any, key: Any) -> Any:
    try:
        child = node[key]
    except Exception as error:
        return type(error), str(error)
    return _resolved(child) if isinstance(child, DictConfig | ListConfig) and child else child


@pytest.fixture(scope="module")
def small() -> Sweep:
    return Sweep(EXAMPLE / "conf")


@pytest.fixture(scope="module")
def real() -> Sweep:
    register()
    return Sweep(CONF_DIR)


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Sweep]:
    """A program with the given config files."""

    def write(*overrides: str, **files: str) -> Sweep:
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return Sweep(tmp_path, *overrides)

    return write


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    base = version.getbase()
    yield
    version.VersionBase.instance().base = base


_texts = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["${x}", "${hydra.job.num}", "a=b", "a,b", "???", "null", "1", "it's", "\\", "relu", ""]
)
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | _texts
_keys = st.sampled_from(["a", "b", "k_1"])
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=5,
)
_raw = st.sampled_from(
    [
        *("model=small", "model=large", "model=none", "~model", "+model=large", "model@p=small"),
        *("model={size:7}", "model={new:7}", "x.y=1", "+new.key=[1]", "++new.key=2", "~x"),
        *("~nokey", "x=1,2", "x=choice(1,2)", "model=glob(*)", "x=", "=1", "x", "nokey=1"),
        *("extra.a=1", "hydra.job.name=n", "hydra.sweep.subdir=s", "hydra.job.chdir=true"),
        *("hydra={a:1}", "hydra/job_logging=none", "++hydra.job.env_set.B='${x}'"),
        *("hydra.job.env_set={C:d}", "hydra.sweep.dir=a", "hydra.job.num=7", "x@p=3"),
        *("hydra.overrides.task=[a]", "extra='${model}'", "+extra=1", "+extra={c:1}"),
        *("++extra.d.e=${y}", "label=str(1)"),
    ]
)
_small = st.lists(
    st.builds(
        lambda key, value: f"{key}={values.override_text(value)}",
        st.sampled_from(["x", "y", "z", "label", "extra", "model.size", "++extra.a", "out"]),
        _values,
    )
    | _raw,
    max_size=6,
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(_small)
@example(["extra={a:1}", "extra={b:2}", "extra.a=3"])
@example(["++extra='${hydra.job}'", "++extra.name=x"])
@example(["++extra={p:'${hydra.job}'}", "extra={p:{num:1}}"])
@example(["x=1", "++hydra.job.env_set.A=1", "hydra.job.env_set={A:2}"])
@example(["x=${y}", "x=2", "model=large", "x=${model.size}"])
def test_any_mix_gives_what_hydra_gives(small: Sweep, overrides: list[str]) -> None:
    small.check(*overrides)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda key, value: f"{key}={values.override_text(value)}",
            st.sampled_from(
                [
                    *("head.dim", "head.dropout", "head.activation", "optimizer.lr", "seed"),
                    *("optimizer.backbone_lr_scale", "schedule.warmup", "trainer.epochs"),
                    *("trainer.max_steps", "data.classes", "loss.class_weights", "backbone.freeze"),
                    *("backbone.filter_widths", "trainer.early_stopping", "name", "data.path"),
                ]
            ),
            st.integers(0, 9) | st.floats(0, 1) | _values,
        )
        | st.sampled_from(
            [
                *("backbone=rnn", "backbone=minilm", "head=linear", "optimizer=adamw"),
                *("experiment=quickstart", "search=head_grid", "debug=limit", "precision=bf16"),
                *("backbone.cell=lstm", "backbone.filter_widths=[3,4]", "head.activation=relu"),
                *("trainer.early_stopping={patience:3}", "trainer.early_stopping.patience=1"),
            ]
        ),
        max_size=5,
    )
)
def test_the_real_program_gets_what_hydra_gives(real: Sweep, overrides: list[str]) -> None:
    real.check(*overrides)


def test_twenty_jobs_of_plain_values_cost_one_composition() -> None:
    register()
    sweep = Sweep(CONF_DIR)
    for i in range(20):
        handle = f"++hydra.job.env_set.HANDLE='job {i}'"
        job = [f"head.dim={i}", f"optimizer.lr={1 / (i + 3)!r}", f"seed={i}", TOLD[0], handle]
        sweep.patched([*job, "head.activation=relu", "backbone=rnn"])
    assert sweep.compositions == 1
    sweep.patched(["backbone=cnn"])
    assert sweep.compositions == 2


def test_a_job_does_not_see_what_another_one_got(small: Sweep) -> None:
    first = small.patched(["++extra={a:[1]}", *TOLD])
    second = small.patched(["model=small"])
    first.extra.a.append(2)
    assert described(second) == described(small.full(["model=small"]))
    assert small.check("model=small")


@pytest.mark.parametrize(
    "override",
    [
        *("x=2.5", "z='a b'", "extra=[1,{a:b}]", "extra={a:1}", "+new.key=3", "++model.size=4"),
        *("~z", "model={size:3}", "x=${y}", "label=str(1)", "model.size=null"),
    ],
)
def test_what_can_be_patched_is_patched(small: Sweep, override: str) -> None:
    small.check(override)
    assert small.check(override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("head.dim=[1]", "Cannot convert 'list' to int|could not be converted"),
        ("optimizer.lr=fast", "could not be converted to Float"),
        ("head.nodim=1", "Could not override 'head.nodim'"),
        ("backbone=nothing", "Could not find 'backbone/nothing'"),
        ("head.dim=1,2", "requires --multirun|Ambiguous value"),
    ],
)
def test_what_is_wrong_is_said_by_hydra(real: Sweep, override: str, message: str) -> None:
    real.check(override)
    with pytest.raises(HydraException) as caught:
        real.patched([override])
    assert any(x in f"{caught.value} {caught.value.__cause__}" for x in message.split("|"))


def test_groups_chosen_by_other_groups_follow_them(program: Callable[..., Sweep]) -> None:
    sweep = program(
        config="defaults:\n- a: one\n- b: ${a}_b\n- _self_\nx: 1\nmode: one\n",
        a__one="k: 1\n",
        a__two="k: 2\n",
        b__one_b="j: ${x}\n",
        b__two_b="j: ${mode}\n",
    )
    assert sweep.patched(["x=3", "a=two"]).b.j == "one"
    for job in (["x=3"], ["a=two", "x=4"], ["a.k=5", "a=two"], ["mode=two"], ["b=two_b", "x=5"]):
        sweep.check(*job)
        assert sweep.check(*job)


def test_a_config_value_does_not_choose_a_group(program: Callable[..., Sweep]) -> None:
    config = "defaults:\n- a: ${mode}\n- _self_\nmode: one\n"
    with pytest.raises(HydraException):  # Hydra looks among the groups only
        program(config=config, a__one="k: 1\n")


def test_groups_of_a_search_path_are_groups(tmp_path: Path, program: Callable[..., Sweep]) -> None:
    for name in ("red", "blue"):
        path = tmp_path / "more" / "colour" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"name: {name}\n")
    search = f"hydra:\n  searchpath: [file://{tmp_path}/more]\n"
    sweep = program(config=f"defaults:\n- colour: red\n- _self_\nx: 1\n{search}")
    sweep.check("colour=blue", "x=2")
    assert sweep.check("x=3", "colour=blue")
    assert sweep.patched(["colour=blue"]).colour.name == "blue"


def test_copied_variables_are_those_of_now(
    program: Callable[..., Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLOUR", "green")
    sweep = program(config="x: 1\nhydra:\n  job:\n    env_copy: [COLOUR]\n")
    for colour in ("red", "blue"):
        monkeypatch.setenv("COLOUR", colour)
        sweep.check("x=2")
        job = sweep.patched(["x=2", *TOLD])
        assert dict(job.hydra.job.env_set) == {"HANDLE": '{"a": 1}', "COLOUR": colour}


def test_the_working_folder_is_that_of_now(
    small: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.check("x=2")
    monkeypatch.chdir(tmp_path)
    assert small.patched(["x=2"]).hydra.runtime.cwd == os.getcwd()
    assert small.check("x=2")


def test_times_stay_those_of_the_sweep(program: Callable[..., Sweep]) -> None:
    sweep = program(config="x: 1\nat: ${now:%f}\n")
    at = sweep.config.at
    assert sweep.patched(["x=2"]).at == at == sweep.patched(["x=3"]).at


def test_missing_values_closed_keys_and_lists_stay_so(program: Callable[..., Sweep]) -> None:
    sweep = program(
        "hydra.job.config.override_dirname.exclude_keys=[y]",
        config="x: ???\ny: ${x}\nd: {a: {b: '???'}}\nl: [1, {c: 2}]\n",
    )
    for job in (["x=1"], ["y=2", "x=3"], ["d.a.b=1"], ["l.0=3"], ["l.1.c=4"], ["l=[5]"], ["x=???"]):
        sweep.check(*job)
        assert sweep.check(*job)
    for job in (["d.a.q=1"], ["l.2=3"], ["+d.a.q=1"], ["d=null", "d.a=1"], ["y.z=1"]):
        sweep.check(*job)


SIMPLE = ["0", "-0", "+1", "1_000", "1.", ".5", "1e5", "1E-07", "inf", "-INF", "NaN", "00", "0x1"]


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(["a", "a.b_1.c", "++a", "hydra.x", "_", "++hydra.job.env_set.A", "A-b", "a.0"]),
    st.builds(repr, st.floats() | st.integers())
    | st.sampled_from([*SIMPLE, "true", "FALSE", "Null", "nullx", "e1", "_", "a b", "${x}", ""])
    | st.from_regex(r"[+-]?[0-9_.]{0,4}[eE]?[+-]?[0-9a-z]{0,3}", fullmatch=True)
    | st.text(st.characters(exclude_categories=["Cs"])).map(lambda x: f"'{x}'")
    | _values.map(values.override_text),
)
@example("a", "'\n'")
@example("a", "'${x}'")
def test_overrides_are_read_as_hydra_reads_them(key: str, value: str) -> None:
    line = f"{key}={value}"
    try:
        wanted = OverridesParser.create().parse_overrides([line])[0]
    except HydraException:
        with pytest.raises(HydraException):
            reading.parse(line)
        return
    found = reading.parse(line)
    assert {k: described_value(x) for k, x in vars(found).items()} == {
        k: described_value(x) for k, x in vars(wanted).items()
    }
