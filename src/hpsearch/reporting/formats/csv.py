"""A table for another program: comma-separated values, numbers in full."""

from __future__ import annotations

import pandas as pd

__all__ = ["csv_table"]

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_table(table: pd.DataFrame) -> str:
    """RFC 4180: quotation marks doubled, lines ended by CR LF.

    A text that a spreadsheet would run as a formula is led by an apostrophe; numbers are not.
    """
    shown = table.rename(columns=lambda name: _plain(str(name)))
    for n, kind in enumerate(shown.dtypes):
        if not pd.api.types.is_numeric_dtype(kind):
            shown.isetitem(n, [_plain(cell) for cell in shown.iloc[:, n]])
    return shown.to_csv(index=False, lineterminator="\r\n")


def _plain(cell: object) -> object:
    if not isinstance(cell, str) or not cell.startswith(FORMULA) or _is_number(cell):
        return cell
    return f"'{cell}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
