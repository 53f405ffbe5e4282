"""A report as its parts, before any format: sections of tables, sentences, commands and figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pandas as pd

__all__ = ["Bullets", "Command", "Document", "Part", "Picture", "Section", "Table", "Text", "texts"]


@dataclass(frozen=True)
class Table:
    """Cells are texts, or numbers for a format to round.

    Attributes:
        name: what it is of, as in ``points``; one word.
        ranks: of each row, the place of its point, best first; empty where a row is no point.
    """

    name: str
    frame: pd.DataFrame
    ranks: Sequence[int] = ()


@dataclass(frozen=True)
class Text:
    """A paragraph, in plain words: markup in it means nothing."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """Lines of a list, as plain as a :class:`Text`."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Command:
    """For a shell."""

    text: str


@dataclass(frozen=True)
class Picture:
    """A figure; ``svg`` and ``png`` are paths from the folder that the report lies in."""

    name: str
    title: str
    caption: str
    svg: str
    png: str
    drawing: str = field(repr=False, default="")  # the SVG itself


Part: TypeAlias = Table | Text | Bullets | Command | Picture


@dataclass(frozen=True)
class Section:
    """``title`` is empty for the first one, which stands below the document's own."""

    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Document:
    """A whole report."""

    title: str
    sections: Sequence[Section]
    digits: int

    def frame(self, name: str) -> pd.DataFrame:
        """The table of this name; empty where the document has none."""
        parts = (part for section in self.sections for part in section.parts)
        tables = (part for part in parts if isinstance(part, Table) and part.name == name)
        return next((table.frame for table in tables), pd.DataFrame())


def texts(lines: Iterable[str]) -> list[Part]:
    """A paragraph a line; empty ones are left out."""
    return [Text(line) for line in lines if line]
