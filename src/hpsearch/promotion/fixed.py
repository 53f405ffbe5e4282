"""The set-up of a study, told again by a configuration file that needs no other words.

What the study's command, its experiment and its search had set is found by composing the
configuration of today and comparing: groups first, then single keys.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from hpsearch.config import CONF_DIR, flatten, register
from hpsearch.context import choices
from hpsearch.errors import HpsearchError, ReportError, explain
from hpsearch.promotion.searched import read
from hpsearch.redaction import redacted
from hpsearch.reporting.sections.notes import hydra_text
from hpsearch.tracking import names
from hpsearch.tracking.study import Study

__all__ = ["MARK", "check_promoted", "fixed_part"]

MARK = "***"  # a password, in what MLflow was told
REPLACED = "search"  # the promoted search stands in its place
ROOT = "root"  # where things are written is typed, or the folder one is in
WHOLE = ("experiment", "debug")  # groups that choose other groups' options


def fixed_part(
    study: Study, changed: Mapping[str, Any]
) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """A defaults list and nested values that make today's configuration the study's.

    ``changed`` are keys with another value than the study's.
    """
    groups = {name: study.base[name] for name in WHOLE if name in study.base}
    config = _composed(study, groups)
    if others := _differing_groups(study, config):
        groups |= others
        config = _composed(study, groups)
    keys = _differing_keys(study, config)
    values: dict[str, Any] = {key: read(hydra_text(study.base[key])) for key in keys}
    defaults = [{f"override /{name}": option} for name, option in groups.items()]
    return defaults, _nested({**values, **changed})


def check_promoted(
    study: Study, text: str, *, points: int, seeds: int, but: Mapping[str, str]
) -> None:
    """Compose the file and plan its search, so that it does not fail, or differ, when it is run.

    Raises:
        ReportError: a key is not as in the study, but for ``but``, or the trials are others.
    """
    from hydra.core.global_hydra import GlobalHydra
    from hydra_plugins.hpsearch_sweeper.plan import make_plan

    with tempfile.TemporaryDirectory() as folder, _one_line(study):
        file = Path(folder, "search", "promoted.yaml")
        file.parent.mkdir()
        file.write_text(text, encoding="utf-8")
        words = [f"{REPLACED}=promoted", f"hydra.searchpath=[file://{folder}]"]
        with _hydra():
            config = _compose(study, words)
            plan = make_plan(config, [], loader=GlobalHydra.instance().config_loader())
    wanted = {**study.base, **but}
    wrong = [key for key in _keys(config) if not _same(_keys(config)[key], wanted.get(key))]
    if wrong:
        raise ReportError(f"study={study.name}: {wrong[0]} cannot be set again as it was")
    if plan.listed is None or len(plan.listed) > points or plan.total != len(plan.listed) * seeds:
        raise ReportError(f"study={study.name}: its points cannot be listed again")


def _differing_groups(study: Study, config: DictConfig) -> dict[str, str]:
    chosen = choices(config.hydra)
    there = {str(name) for name in config.hydra.runtime.choices}
    return {
        name: study.base[name]
        for name in sorted(there)
        if name != REPLACED and name in study.base and chosen.get(name) != study.base[name]
    }


def _differing_keys(study: Study, config: DictConfig) -> list[str]:
    now = _keys(config)
    had = {key: study.base[key] for key in now if key in study.base}
    return [key for key, text in had.items() if "${" in text or not _same(now[key], text)]


def _keys(config: DictConfig) -> dict[str, str]:
    """The flat configuration as MLflow has it, without what says where things lie."""
    flat = names.flatten(redacted(flatten(config)))
    return {key: text for key, text in flat.items() if key != ROOT}


def _same(one: str, other: str | None) -> bool:
    """A study of an older version may lack a key; passwords are not kept."""
    unknown = other is None or "${" in other or MARK in other
    return unknown or names.same_value(one, str(other))


def _composed(study: Study, groups: Mapping[str, str]) -> DictConfig:
    with _one_line(study), _hydra():
        return _compose(study, [f"{name}={option}" for name, option in groups.items()])


def _compose(study: Study, words: Sequence[str]) -> DictConfig:
    from hydra import compose

    root = f"{ROOT}={hydra_text(study.base.get(ROOT, '.'))}"
    return compose("config", overrides=[root, *words], return_hydra_config=True)


@contextmanager
def _hydra() -> Iterator[None]:
    from hydra import initialize_config_dir

    register()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        yield


@contextmanager
def _one_line(study: Study) -> Iterator[None]:
    try:
        yield
    except HpsearchError:
        raise
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        raise ReportError(f"study={study.name} cannot be set up again: {reason}") from error


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree = OmegaConf.create({})
    for key, value in flat.items():
        OmegaConf.update(tree, key, value, force_add=True)
    found: Any = OmegaConf.to_container(tree, resolve=False)
    return dict(found)
