"""Texts as HTML shows them: no markup, and no control signs."""

from __future__ import annotations

import html
import re

__all__ = ["escape", "heading", "one_line"]

LINE_SIGNS = "\n\t"
BREAKS = re.compile(r"(?<=\w[._])(?=\w)")


def escape(text: str) -> str:
    """Safe as content and as a quoted attribute; signs that cannot be seen are replaced.

    Among these are the marks of writing direction, by which a text can seem to be another one
    (Boucher and Anderson, "Trojan Source", 2021).
    """
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() or sign in LINE_SIGNS else "�" for sign in text)
    return html.escape(text)


def one_line(text: str) -> str:
    return escape(" ".join(text.split()))


def heading(text: str) -> str:
    """A column's heading, which may break behind the dots and underscores of a key."""
    return BREAKS.sub("<wbr>", one_line(text))
