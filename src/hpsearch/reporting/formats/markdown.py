"""Markdown that reads well as plain text too."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

import pandas as pd

from hpsearch.reporting.document import (
    Bullets,
    Command,
    Document,
    Part,
    Picture,
    Section,
    Table,
    Text,
)
from hpsearch.reporting.layout import DIGITS

__all__ = ["escape", "markdown", "markdown_section", "markdown_table"]

SPECIAL = re.compile(r"[\\`|*]|(?<!\w)_|_(?!\w)|\](?=\()|~(?=~)")
HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def markdown(document: Document) -> str:
    """The whole document; figures are named by their paths."""
    parts = [f"# {escape(document.title)}"]
    for section in document.sections:
        parts += [f"## {escape(section.title)}"] if section.title else []
        parts.append(markdown_section(section, digits=document.digits))
    return "\n\n".join(parts) + "\n"


def markdown_section(section: Section, *, digits: int = DIGITS) -> str:
    """Its parts without its title."""
    return "\n\n".join(_part(part, digits) for part in section.parts)


def _part(part: Part, digits: int) -> str:
    match part:
        case Table():
            return markdown_table(part.frame, digits=digits)
        case Text():
            return escape(part.text)
        case Bullets():
            return "\n".join(f"- {escape(line)}" for line in part.lines)
        case Command():
            return fenced(part.text)
        case Picture():
            return _picture(part)


def _picture(part: Picture) -> str:
    image = f"![{escape(part.title)}]({quote(part.png)})"
    return f"{image}\n\n{escape(part.caption)} ([SVG]({quote(part.svg)}))"


def markdown_table(table: pd.DataFrame, *, digits: int = DIGITS) -> str:
    """A GitHub-flavoured table, its columns padded to line up; numbers to ``digits`` places."""
    heads = [escape(str(column)) for column in table.columns]
    rows = [[_cell(cell, digits=digits) for cell in row] for row in _rows(table)]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    ruler = ["-" * width for width in widths]
    return "\n".join(_line(cells, widths) for cells in [heads, ruler, *rows])


def _rows(table: pd.DataFrame) -> list[list[object]]:
    columns = [table[column].tolist() for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _cell(cell: object, *, digits: int = DIGITS) -> str:
    return f"{cell:.{digits}f}" if isinstance(cell, float) else escape(str(cell))


def escape(text: str) -> str:
    """A text that Markdown shows as it is: one line, no markup, no HTML, no control signs."""
    line = " ".join(text.split())
    line = "".join(sign if sign.isprintable() else "�" for sign in line)
    line = SPECIAL.sub(lambda found: "\\" + found[0], line)
    return "".join(HTML.get(sign, sign) for sign in line)


def fenced(text: str) -> str:
    """A code block that no run of backticks in the text can close."""
    fence = "`" * max(3, _longest_ticks(text) + 1)
    return f"{fence}bash\n{text}\n{fence}"


def _longest_ticks(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
