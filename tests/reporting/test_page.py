"""The page of a report: well-formed, whole in itself, and no text of a study is markup in it."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections import Counter
from html.parser import HTMLParser

import pandas as pd
import pytest

from hpsearch.reporting.document import Bullets, Command, Document, Picture, Section, Table, Text
from hpsearch.reporting.formats.html import page
from tests.reporting.page_parts import HOSTILE, drawing, points

VOID = {"meta", "link", "wbr", "br", "img", "input"}
SVG = {"g", "use", "path", "defs"}  # as many as the label has letters


class Page(HTMLParser):
    """Its elements; fails where one is closed that is not the last open one."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [value for _, attrs in self.elements if (value := attrs.get(name)) is not None]


def document(*parts: Table | Text | Bullets | Command | Picture, title: str = "lr") -> Document:
    return Document(title, [Section("", parts)], digits=5)


def picture(name: str, label: str = "loss") -> Picture:
    return Picture(name, name, "A mark is a point.", "", "", drawing(name, label))


def everything(texts: list[str], label: str) -> Document:
    """Each text wherever a text can stand."""
    cells = Table(label, pd.DataFrame({label: texts, "same": texts}), range(len(texts)))
    parts = [part for text in texts for part in (Text(text), Bullets([text]), Command(text))]
    shown = Picture("a", label, label, "", "", drawing("a", label))
    return Document(label, [Section("", [cells]), Section(label, [*parts, shown])], digits=5)


def test_nothing_in_a_study_is_markup() -> None:
    tame = Page(page(everything(["a"] * len(HOSTILE), "a")))
    for label in HOSTILE:
        found = Page(page(everything(HOSTILE, label)))
        assert Counter(tag for tag, _ in found.elements if tag not in SVG) == Counter(
            tag for tag, _ in tame.elements if tag not in SVG
        )
        assert not [name for _, attrs in found.elements for name in attrs if name.startswith("on")]
        assert min(found.texts.count(text) for text in HOSTILE) >= 5


def test_signs_that_cannot_be_seen_are_replaced() -> None:
    frame = pd.DataFrame({"k": ["a\x00b\x1b[31m", "gnp\u202eexe", "two\nlines"]})
    text = page(document(Table("points", frame), Command("a\x07\nb")))
    cells = re.findall(r"<td>(.*?)</td>", text)
    assert cells == ["a�b�[31m", "gnp�exe", "two lines"]
    assert "<code>a�\nb</code>" in text
    assert text.encode()


def test_the_page_loads_nothing() -> None:
    text = page(document(Table("points", points(), range(3)), picture("a"), picture("b")))
    found = Page(text)
    links = [
        link for name in ("src", "href", "xlink:href", "action") for link in found.values(name)
    ]
    assert links
    assert [link for link in links if not link.startswith(("#", "data:"))] == []
    assert not re.search(r"@import|url\((?!#)", text)
    assert not re.search(r"\b(fetch|XMLHttpRequest|import)\s*\(", text)


def test_the_policy_lets_this_script_run_and_no_other() -> None:
    text = page(document(Text("x")))
    (policy,) = [p for p in Page(text).values("content") if "default-src" in p]
    script = text.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}';" in policy


def test_ids_are_the_pages_own_and_every_reference_has_one() -> None:
    text = page(document(Table("points", points(), range(3)), picture("a"), picture("b")))
    found = Page(text)
    ids = Counter(found.values("id"))
    assert [name for name, times in ids.items() if times > 1] == []
    links = [value[1:] for value in found.values("href") if value.startswith("#")]
    clips = re.findall(r"url\(#([^)]+)\)", text)
    assert clips
    assert set(links + clips) <= set(ids)


def test_a_mark_and_the_row_of_its_point_have_the_same_rank() -> None:
    text = page(document(Table("points", points(), range(3)), picture("a")))
    found = Page(text).elements
    ranks = [(tag, attrs["data-rank"]) for tag, attrs in found if "data-rank" in attrs]
    assert ranks == [*(("tr", str(n)) for n in range(3)), *(("g", str(n)) for n in range(3))]
    assert {attrs["id"] for tag, attrs in found if tag == "g" and "data-rank" in attrs} == {
        f"a--point-{n}" for n in range(3)
    }


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"val. accuracy": [float("nan")], "95 % from": [""], "to": [""]}),
        pd.DataFrame({"val. accuracy": [0.5], "95 % from": [float("inf")], "to": [0.5]}),
        pd.DataFrame([[1, 2], [3, 4]], columns=["same", "same"]),
    ],
)
def test_any_table_makes_a_page(frame: pd.DataFrame) -> None:
    assert Page(page(document(Table("points", frame, range(len(frame))))))


def test_a_report_without_parts_and_a_figure_without_drawing_make_a_page() -> None:
    assert Page(page(Document("s", [], digits=5)))
    assert Page(page(document(Picture("a", "A", "caption", "a.svg", "a.png"))))


def test_five_thousand_rows_take_about_a_second() -> None:
    table = Table("points", points(5_000), range(5_000))
    started = time.process_time()
    text = page(document(table))
    assert time.process_time() - started < 2.0  # 0.5 s on a quiet machine
    assert text.count("<tr data-rank") == 5_000


def test_texts_stand_out_from_their_ground() -> None:
    """4.5 : 1, in the light and in the dark (WCAG 2.2, success criterion 1.4.3)."""
    style = page(Document("s", [], digits=5)).split("<style>")[1]
    light, dark = (
        dict(re.findall(r"--(\w+): (#\w{6});", part)) for part in style.split("@media")[:2]
    )
    assert set(light) == set(dark)
    for colours in (light, dark):
        for text in ("text", "soft", "accent"):
            for ground in ("ground", "box"):
                assert contrast(colours[text], colours[ground]) >= 4.5
        for ground in ("best", "point"):
            assert contrast(colours["text"], colours[ground]) >= 4.5
        assert contrast(colours["soft"], colours["point"]) >= 4.5


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
