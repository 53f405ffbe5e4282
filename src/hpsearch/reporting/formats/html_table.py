"""A table as HTML: numbers to the right, the best row marked, intervals drawn below figures."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hpsearch.reporting.document import Table
from hpsearch.reporting.formats.html_strips import strips
from hpsearch.reporting.formats.html_text import heading, one_line

__all__ = ["html_table"]

RANK = "#"
LEGEND = ". Line below a figure: its 95 % interval"
ALIKE = "like the best"
LONG = 30  # rows: more of them scroll in the table's box, below its head
CHUNK = 100  # rows: more of them come in as one scrolls; CHUNK of tables.js
NUMBER = r"(?:[+−-]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?inf|nan)"
FIGURE = re.compile(rf"(?:[≤<] )?{NUMBER}(?: to {NUMBER})?(?: ?%)?", re.IGNORECASE)


def html_table(table: Table, *, number: int, digits: int) -> str:
    """In a box of its own, which scrolls where the window is too narrow; ``number``: in the page.

    The place of a row's point stands in a column of its own, so that no order hides it.
    """
    frame = table.frame
    columns = [frame.iloc[:, n].tolist() for n in range(frame.shape[1])]
    shown = [[_text(cell, digits) for cell in column] for column in columns]
    drawn = strips(frame)
    cells = [_cells(texts, drawn.get(n)) for n, texts in enumerate(shown)]
    name = f"Table {number}: {one_line(table.name)}"
    return "\n".join(
        [
            '<div class="table">',
            f'<div{_box(len(frame))} role="region" aria-label="{name}" tabindex="0">',
            f'<table id="table-{number}">',
            f"<caption><span>{name}{_size(len(frame))}{LEGEND if drawn else ''}</span></caption>",
            f"<thead>{_head(table, shown)}</thead>",
            "<tbody>",
            *_rows(table, cells),
            "</tbody>\n</table>\n</div>\n</div>",
        ]
    )


def _box(rows: int) -> str:
    return _classes("scroll", "long" if rows > LONG else "", "waiting" if rows > CHUNK else "")


def _size(rows: int) -> str:
    return f", {rows:,} rows" if rows > 1 else ""


def _text(cell: object, digits: int) -> str:
    return f"{cell:.{digits}f}" if isinstance(cell, float) else one_line(str(cell))


def _is_numeric(texts: Sequence[str]) -> bool:
    """Whether all cells are figures, as texts too, or blank."""
    found = [text for text in texts if text]
    return bool(found) and all(FIGURE.fullmatch(text) for text in found)


def _head(table: Table, shown: Sequence[Sequence[str]]) -> str:
    place = f'<th scope="col" class="n place" title="place of the point, best first">{RANK}</th>'
    named = [
        f'<th scope="col"{_classes("n" if _is_numeric(texts) else "")}>{heading(str(column))}</th>'
        for column, texts in zip(table.frame.columns, shown, strict=True)
    ]
    return f"<tr>{place if table.ranks else ''}{''.join(named)}</tr>"


def _cells(texts: Sequence[str], styles: Sequence[str] | None) -> list[str]:
    numeric = "n" if _is_numeric(texts) else ""
    if styles is None:
        start = f"<td{_classes(numeric)}>"
        return [f"{start}{text}</td>" for text in texts]
    return [
        f'<td{_classes(numeric, "strip" if style else "")} style="{style}">{text}</td>'
        for text, style in zip(texts, styles, strict=True)
    ]


def _rows(table: Table, cells: Sequence[Sequence[str]]) -> list[str]:
    rows = ["".join(row) for row in zip(*cells, strict=True)]
    if not table.ranks:
        return [f"<tr>{row}</tr>" for row in rows]
    alike = table.frame[ALIKE].eq("yes").tolist() if ALIKE in table.frame else [False] * len(rows)
    return [
        f'<tr data-rank="{rank}"{_classes("best" if rank == 0 else "", "alike" if like else "")}>'
        f'<th scope="row" class="n">{rank + 1}</th>{row}</tr>'
        for rank, like, row in zip(table.ranks, alike, rows, strict=True)
    ]


def _classes(*names: str) -> str:
    found = " ".join(filter(None, names))
    return f' class="{found}"' if found else ""
