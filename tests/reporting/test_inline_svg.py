"""Drawings as parts of a page: nothing of theirs reaches beyond the figure."""

from __future__ import annotations

from hpsearch.reporting.formats.inline_svg import inline_svg

SVG = '<svg xmlns="http://www.w3.org/2000/svg">'


def test_a_drawing_keeps_neither_prolog_nor_metadata_nor_what_it_could_load() -> None:
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink"><metadata>m</metadata><style>*{}</style>'
        '<script>alert(1)</script><g id="a" onclick="alert(1)"><use xlink:href="#b"/>'
        '<image xlink:href="https://example.org/x.png"/><image xlink:href="data:image/png;x"/>'
        '<path clip-path="url(#c)"/><text>&lt;b&gt;</text></g></svg>'
    )
    assert inline_svg(svg, name="f") == (
        '<svg aria-hidden="true" focusable="false"><g id="f--a"><use href="#f--b" /><image />'
        '<image href="data:image/png;x" /><path clip-path="url(#f--c)" />'
        "<text>&lt;b&gt;</text></g></svg>"
    )


def test_marks_of_one_point_share_its_rank_and_only_one_has_the_id() -> None:
    drawing = f'{SVG}<g id="f--point-12"/><g id="f--point-12--2"/><g id="f--point-x"/></svg>'
    assert inline_svg(drawing, name="f") == (
        '<svg aria-hidden="true" focusable="false"><g id="f--point-12" data-rank="12" />'
        '<g id="f--point-12--2" data-rank="12" /><g id="f--point-x" /></svg>'
    )


def test_without_a_drawing_there_is_nothing() -> None:
    assert inline_svg("", name="f") == ""
