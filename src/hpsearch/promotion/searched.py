"""Chosen points as what the sweeper takes: ``params`` with their levels, ``enqueue`` with each.

A value is written as the trial's own command had it, so that a text which looks like a number stays
a text.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.reporting.analysis.points import ABSENT, SEED
from hpsearch.reporting.sections.notes import hydra_text
from hpsearch.tracking.names import canonical
from hpsearch.tracking.study import Study

__all__ = ["Searched", "read", "searched_part"]


@dataclass(frozen=True)
class Searched:
    """What stands below ``hydra.sweeper``."""

    params: dict[str, str]
    enqueue: list[dict[str, Any]]


def searched_part(study: Study, points: Sequence[Mapping[str, str]], *, without: str) -> Searched:
    """``params`` and ``enqueue`` of these points, of which each has a value as MLflow has it.

    The base's own value is among a key's levels, so that a table can be compared with it; a key
    that is everywhere as in the base is not searched. ``without`` is a key that is left out, as
    seeds are.
    """
    spelled = _Spelled(study)
    keys = [key for key in study.keys if key not in (SEED, without)]
    cells = [{key: point.get(key, study.base.get(key, ABSENT)) for key in keys} for point in points]
    levels = {key: spelled.levels(key, [point[key] for point in cells]) for key in keys}
    params = {key: texts for key, texts in levels.items() if not _as_base(study, key, texts)}
    listed = [
        {key: spelled.value(key, one[key]) for key in params if one[key] != ABSENT} for one in cells
    ]
    shown = {spelled.typed(key): _choice(texts) for key, texts in params.items()}
    return Searched(shown, _distinct(listed))


def _as_base(study: Study, key: str, texts: Sequence[str]) -> bool:
    return not texts or (len(texts) == 1 and key in study.base)


def _choice(texts: Sequence[str]) -> str:
    return ", ".join(texts) if len(texts) > 1 else f"choice({texts[0]})"


def _distinct(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Points that differed in a key that is left out are one."""
    return [dict(one) for one in {json.dumps(one): one for one in points}.values()]


class _Spelled:
    """How the study's trials were told the values of their keys."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._texts: dict[tuple[str, str], str] = {}
        self._typed: dict[str, str] = {}
        for row in study.runs.to_dict("records"):
            command = row.get("command")
            for word in shlex.split(command) if isinstance(command, str) else []:
                typed, _, text = word.partition("=")
                key = typed.lstrip("+")
                cell = row.get(f"params.{key}")
                if key in study.keys and isinstance(cell, str):
                    self._texts.setdefault((key, canonical(cell)), text)
                    self._typed.setdefault(key, typed)

    def typed(self, key: str) -> str:
        """With the ``+`` that adds a key."""
        return self._typed.get(key, key)

    def text(self, key: str, cell: str) -> str:
        """In Hydra's grammar."""
        return self._texts.get((key, canonical(cell)), hydra_text(cell))

    def value(self, key: str, cell: str) -> Any:
        """As Hydra reads it."""
        return read(self.text(key, cell))

    def levels(self, key: str, cells: Sequence[str]) -> list[str]:
        """The distinct values in Hydra's grammar, the base's first."""
        base = self._study.base.get(key, ABSENT)
        known = {canonical(cell): cell for cell in [base, *cells] if cell != ABSENT}
        return [self.text(key, cell) for cell in known.values()]


def read(text: str) -> Any:
    """The value that Hydra reads from the right side of an override."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(f"key={text}").value()
