"""Texts of users as a figure can set them: on one line, short, told apart, in glyphs there are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import cache

__all__ = ["distinct", "is_number", "literal", "number", "shortened", "value_text"]


def literal(text: str) -> str:
    """Without line breaks; a character that the font lacks as its code, such as ``\\u4e2d``."""
    line = " ".join(text.split())
    known = _glyphs()
    return "".join(c if ord(c) in known else _code(c) for c in line)


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode()


@cache
def _glyphs() -> frozenset[int]:
    """The code points of the one font that is used."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap())


def shortened(text: str, longest: int) -> str:
    """As it is where it fits, else its beginning and its end, which often tells more."""
    text = literal(text)
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"


def distinct(texts: Sequence[str], longest: int) -> list[str]:
    """All shortened; those that became alike are numbered."""
    short = [shortened(text, longest) for text in texts]
    counts, seen = Counter(short), Counter[str]()
    labels = []
    for text in short:
        seen[text] += 1
        labels.append(f"{text} #{seen[text]}" if counts[text] > 1 else text)
    return labels


def value_text(value: str) -> str:
    """A setting's value; a number with many digits is rounded to four."""
    return f"{float(value):.4g}" if len(value) > 7 and is_number(value) else value


def is_number(value: str) -> bool:
    """Whether it is a finite one."""
    return math.isfinite(number(value))


def number(value: str) -> float:
    """NaN where it is none."""
    try:
        return float(value)
    except ValueError:
        return math.nan
