"""The promoted search as a file of ``conf/search/``, with the words that say where it is from."""

from __future__ import annotations

import hashlib
import math
import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hpsearch.atomic import write_text
from hpsearch.config import CONF_DIR
from hpsearch.errors import ReportError
from hpsearch.promotion.choosing import Promotion, choose
from hpsearch.promotion.fixed import MARK, check_promoted, fixed_part
from hpsearch.promotion.searched import searched_part
from hpsearch.tracking.study import Study

__all__ = ["Promoted", "promote"]

EPOCHS = "trainer.epochs"
LONGER, SEEDS = 3, 5
WIDTH = 98


@dataclass(frozen=True)
class Promoted:
    """The search that was written, and the line that runs it."""

    path: Path
    command: str
    notes: list[str]

    @property
    def text(self) -> str:
        return "\n".join([*self.notes, f"{self.path}: {self.command}"])


def promote(
    study: Study,
    k: int,
    *,
    root: Path,
    epochs: int | None = None,
    seeds: int | None = None,
    conf: Path | None = None,
) -> Promoted:
    """Write the search of the ``k`` best points and of the best levels together.

    Args:
        study: with finished trials.
        root: the output folder, in which the predictions lie.
        epochs: of each training; default three times those of the study.
        seeds: of each point; default 5.
        conf: the configuration folder; default that of the checkout one works in, else
            ``<root>/conf``, which ``--config-dir`` tells Hydra.

    Raises:
        ReportError: there is nothing to promote, or the set-up cannot be told again.
    """
    found = choose(study, k, root)
    epochs, seeds = _epochs(study, epochs), _positive("seeds", SEEDS if seeds is None else seeds)
    place = _place(root) if conf is None else conf
    option = f"{_option(study.name)}_promoted"
    path = place / "search" / f"{option}.yaml"
    _require_own(path, study)
    command = _command(option, place, root)
    text = _text(study, found, command, epochs=epochs, seeds=seeds)
    check_promoted(study, text, points=len(found.points), seeds=seeds, but={EPOCHS: str(epochs)})
    _write(path, text)
    return Promoted(path, command, found.notes)


def _epochs(study: Study, given: int | None) -> int:
    if given is not None:
        return _positive("epochs", given)
    if EPOCHS in study.keys or not study.base.get(EPOCHS, "").isdecimal():
        raise ReportError(f"epochs=: {EPOCHS} was searched in study={study.name}; give epochs=N")
    return LONGER * int(study.base[EPOCHS])


def _positive(key: str, value: int) -> int:
    if value < 1:
        raise ReportError(f"{key}={value}: allowed is a whole number from 1 on")
    return value


def _option(study: str) -> str:
    """A study's name as the option of a config group: as it is, or told apart by a hash."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", study).lstrip(".-_0123456789")[:100] or "study"
    return safe if safe == study else f"{safe}-{hashlib.sha256(study.encode()).hexdigest()[:8]}"


def _place(root: Path) -> Path:
    """The checkout's ``conf/`` where one works in a checkout: nothing goes into a site-packages."""
    here = Path.cwd()
    inside = CONF_DIR.is_relative_to(here) and "site-packages" not in CONF_DIR.parts
    return CONF_DIR.relative_to(here) if inside else root / "conf"


def _command(option: str, place: Path, root: Path) -> str:
    words = ["python", "-m", "hpsearch.train", "-m"]
    if place.absolute() != CONF_DIR:
        words += ["--config-dir", str(place)]
    words.append(f"search={option}")
    return shlex.join([*words, *([] if root == Path() else [f"root={root}"])])


def _text(study: Study, found: Promotion, command: str, *, epochs: int, seeds: int) -> str:
    before = study.base.get(EPOCHS, "?")
    facts = f"{epochs} epochs instead of {before}, {_count(seeds, 'seed')} a point."
    head = ["# @package _global_", f"# {command}", "#", _from(study)]
    head += _comments([*found.notes, facts, *_secrets(study)])
    defaults, values = fixed_part(study, {EPOCHS: epochs})
    listed = searched_part(study, found.points, without=EPOCHS)
    fixed = {"n_trials": len(listed.enqueue) * seeds, "seeds": seeds}
    sweeper = {**fixed, "params": listed.params} if listed.params else fixed
    parts = [*([{"defaults": defaults}] if defaults else []), values]
    shown = "\n".join(map(_yaml, [*parts, {"hydra": {"sweeper": sweeper}}]))
    return "\n".join([*head, f"{shown}    enqueue:", *map(_entry, listed.enqueue)]) + "\n"


def _entry(point: Mapping[str, Any]) -> str:
    """A point on a line of its own, as in the other files of ``conf/search``."""
    return f"      - {_yaml(point, flow=True).strip()}"


def _yaml(part: object, *, flow: bool = False) -> str:
    shown: str = yaml.safe_dump(
        part, default_flow_style=flow, sort_keys=False, allow_unicode=True, width=math.inf
    )
    return shown


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _from(study: Study) -> str:
    return f"# Promoted from study={' '.join(study.name.split())}"


def _secrets(study: Study) -> list[str]:
    keys = [key for key, text in study.base.items() if MARK in text]
    return [f"Not kept, for it holds a password: {', '.join(keys)}; type it again."] if keys else []


def _comments(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        plain = "".join(sign if sign.isprintable() else "�" for sign in line)
        yield from (f"# {part}" for part in textwrap.wrap(plain, WIDTH))


def _require_own(path: Path, study: Study) -> None:
    """Another file of that name is not overwritten."""
    if not path.exists():
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    if _from(study) not in lines[:8]:
        raise ReportError(
            f"{path} is there and was not promoted from study={study.name}; move it away"
        )


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror}") from error
