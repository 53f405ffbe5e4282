"""A table for a thesis: LaTeX with the rules of the ``booktabs`` package."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hpsearch.reporting.layout import DIGITS

__all__ = ["escape", "latex_table"]

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "—": "---",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def latex_table(table: pd.DataFrame, *, caption: str, digits: int = DIGITS) -> str:
    r"""A ``table`` environment; ``\usepackage{booktabs}`` is all that it needs.

    Numbers are aligned to the right and have ``digits`` places. Nothing in a cell is taken for a
    command.
    """
    values: list[list[object]] = [table[column].tolist() for column in table.columns]
    columns = [[_cell(value, digits) for value in column] for column in values]
    align = "".join("r" if _has_numbers(column) else "l" for column in values)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escape(caption)}}}",
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            _row([escape(str(column)) for column in table.columns]),
            r"\midrule",
            *(_row(cells) for cells in zip(*columns, strict=True)),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _cell(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, float) else escape(str(value))


def _has_numbers(column: Sequence[object]) -> bool:
    """Whether all of its cells are numbers, or blank."""
    kinds = {type(value) for value in column if value != ""}
    return bool(kinds) and kinds <= {int, float}


def _row(cells: Sequence[str]) -> str:
    # A row that begins with [ would be taken for the space after the one before it, and * for a
    # part of its end.
    first, *rest = cells
    protected = f"{{}}{first}" if first.startswith(("[", "*")) else first
    return rf"{' & '.join([protected, *rest])} \\"


def escape(text: str) -> str:
    """A text that LaTeX sets as it is: one line, no commands, no control signs."""
    signs = [sign for sign in " ".join(text.split()) if sign.isprintable()]
    return "".join(
        # It would make a dash of two hyphens.
        "-{}" if sign == after == "-" else SPECIAL.get(sign, sign)
        for sign, after in zip(signs, [*signs[1:], ""], strict=False)
    )
