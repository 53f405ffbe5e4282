"""One page for a browser that holds all it needs: tables, figures, style and script.

It loads nothing, says so to the browser (Content-Security-Policy, W3C), and can be read and printed
without its script, which adds sorting, filtering and pointing from a row to its marks.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib import resources
from itertools import count
from string import Template

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
from hpsearch.reporting.formats.html_table import html_table
from hpsearch.reporting.formats.html_text import escape, one_line
from hpsearch.reporting.formats.inline_svg import inline_svg

__all__ = ["page"]

SCRIPTS = ("tables.js", "points.js")
FIRST = "Points"  # the section below the document's own title, in the table of contents


def page(document: Document) -> str:
    """The whole document as HTML 5."""
    script = "\n".join(map(_asset, SCRIPTS))
    numbers = count(1)
    sections = [
        _section(section, n, document.digits, numbers)
        for n, section in enumerate(document.sections, start=1)
    ]
    return Template(_asset("page.html")).substitute(
        policy=_policy(script),
        title=one_line(document.title),
        style=_asset("page.css"),
        contents="\n".join(_link(each, n) for n, each in enumerate(document.sections, start=1)),
        body="\n".join(sections),
        script=script,
    )


def _asset(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Nothing may be loaded, and no script runs but this one, known by its hash."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _link(section: Section, n: int) -> str:
    return f'<li><a href="#section-{n}">{one_line(section.title or FIRST)}</a></li>'


def _section(section: Section, n: int, digits: int, numbers: Iterator[int]) -> str:
    """``numbers`` go on through the tables of the page."""
    title = f"<h2>{one_line(section.title)}</h2>\n" if section.title else ""
    parts = "\n".join(_part(part, digits, numbers) for part in section.parts)
    return f'<section id="section-{n}">\n{title}{parts}\n</section>'


def _part(part: Part, digits: int, numbers: Iterator[int]) -> str:
    match part:
        case Table():
            return html_table(part, number=next(numbers), digits=digits)
        case Text():
            return f"<p>{one_line(part.text)}</p>"
        case Bullets():
            lines = "".join(f"<li>{one_line(line)}</li>\n" for line in part.lines)
            return f"<ul>\n{lines}</ul>"
        case Command():
            return f'<pre class="command" tabindex="0"><code>{escape(part.text)}</code></pre>'
        case Picture():
            return _figure(part)


def _figure(part: Picture) -> str:
    """To a screen reader a figure is one image: what its marks tell stands in the tables."""
    title, drawing = one_line(part.title), inline_svg(part.drawing, name=part.name)
    return (
        f'<figure>\n<div class="drawing" role="img" aria-label="{title}">{drawing}</div>\n'
        f"<figcaption><b>{title}.</b> {one_line(part.caption)}</figcaption>\n</figure>"
    )
