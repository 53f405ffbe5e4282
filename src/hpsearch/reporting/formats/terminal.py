"""A section for a terminal: a table that fits it; where the output is no terminal, Markdown."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pandas as pd

from hpsearch.reporting.document import Bullets, Command, Part, Picture, Section, Table, Text
from hpsearch.reporting.formats.markdown import markdown_section
from hpsearch.reporting.layout import DIGITS

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["MOST_ROWS", "show"]

MOST_ROWS = 40  # of a long search; all of them stand in the files


def show(section: Section, *, title: str = "", digits: int = DIGITS) -> None:
    """Print it to the standard output, on which any sign can be shown."""
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without these signs
    console = Console()
    if not console.is_terminal:
        print(f"{title}\n\n{markdown_section(section, digits=digits)}\n")
        return
    console.print(title, style="bold", markup=False, highlight=False)
    for part in section.parts:
        _print(part, console, digits)


def _print(part: Part, console: Console, digits: int) -> None:
    match part:
        case Table():
            _print_table(part.frame, console, digits)
        case Bullets():
            console.print(
                "\n".join(f"- {line}" for line in part.lines), markup=False, highlight=False
            )
        case Command():
            console.print(part.text, markup=False, soft_wrap=True)
        case Text():
            console.print(part.text, markup=False, highlight=False)
        case Picture():
            console.print(part.png, markup=False)


def _print_table(frame: pd.DataFrame, console: Console, digits: int) -> None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text as RichText

    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in frame.columns:
        numbers = any(isinstance(cell, int | float) for cell in frame[name])
        table.add_column(RichText(str(name)), justify="right" if numbers else "left")
    rows = list(zip(*(frame[name].tolist() for name in frame.columns), strict=True))
    for n, row in enumerate(rows[:MOST_ROWS]):
        cells = (f"{c:.{digits}f}" if isinstance(c, float) else _line(c) for c in row)
        table.add_row(*map(RichText, cells), style="bold" if n == 0 else None)
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"… and {len(rows) - MOST_ROWS} more rows", style="dim", highlight=False)


def _line(cell: object) -> str:
    """One line without control signs, which could drive the terminal."""
    return "".join(c if c.isprintable() else "�" for c in " ".join(str(cell).split()))
