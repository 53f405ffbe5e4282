"""The page of a report in a real browser: Chromium without a window, driven by its own driver."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hpsearch.reporting.document import Command, Document, Picture, Section, Table, Text
from hpsearch.reporting.formats.html import page
from tests.reporting.page_parts import HOSTILE, drawing, points

pytestmark = pytest.mark.slow

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --window-size=1280,1000"
)
ROWS = 24


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("chromium and chromedriver are not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    window = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    yield window
    window.quit()


class Window:
    """A page that is open, as its reader sees it."""

    def __init__(self, driver: Any, file: Path) -> None:
        self.driver = driver
        driver.get(file.as_uri())

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def cells(self, column: int, table: str = "#table-1") -> list[str]:
        return [cell.text for cell in self.all(f"{table} tbody tr > :nth-child({column})")]

    def sort(self, column: int) -> str:
        """Click on a heading; the order that is then announced."""
        self.all(f"#table-1 thead th:nth-child({column}) button")[0].click()
        head = self.all(f"#table-1 thead th:nth-child({column})")[0]
        return str(head.get_attribute("aria-sort") or "none")

    def filter(self, text: str) -> str:
        (field,) = self.all(".table:has(#table-1) input")
        field.clear()
        field.send_keys(text)
        return str(self.all(".table:has(#table-1) output")[0].text)

    def point(self, selector: str, *, click: bool = False) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        element = self.all(selector)[0]
        self.driver.execute_script(
            "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element
        )
        actions = ActionChains(self.driver).move_to_element(element)
        (actions.click() if click else actions).perform()


@pytest.fixture
def window(chromium: Any, tmp_path: Path) -> Iterator[Window]:
    """The page of a small study; its console stays empty, and it asks for nothing."""
    frame = points(ROWS).assign(**{"head.dim": ["50", "250", "1,000", ""] * (ROWS // 4)})
    figure = Picture("map", "Map", "A mark is a point.", "", "", drawing("map"))
    hostile = Table("hostile", pd.DataFrame({"k": HOSTILE}), range(len(HOSTILE)))
    parts = [Table("points", frame, range(ROWS)), figure, hostile, Command("echo 'a  b'")]
    sections = [Section("", parts), Section("Other", [Text(text) for text in HOSTILE])]
    file = tmp_path / "page.html"
    file.write_text(page(Document("lr", sections, digits=5)), encoding="utf-8")
    chromium.get_log("performance")
    yield Window(chromium, file)
    assert chromium.get_log("browser") == []
    messages = [
        json.loads(entry["message"])["message"] for entry in chromium.get_log("performance")
    ]
    asked = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    urls = {each["request"]["url"] for each in asked if each["documentURL"] == file.as_uri()}
    assert {url for url in urls if not url.startswith("data:")} == {file.as_uri()}


def test_a_click_on_a_heading_sorts_up_then_down_then_as_in_the_report(window: Window) -> None:
    column = 7  # head.dim, behind the place of the point
    report = window.cells(column)
    assert window.sort(column) == "ascending"
    assert window.cells(column) == ["50"] * 6 + ["250"] * 6 + ["1,000"] * 6 + [""] * 6
    assert window.cells(1)[:3] == ["1", "5", "9"]  # those alike keep their order
    assert window.sort(column) == "descending"
    assert window.cells(column) == ["1,000"] * 6 + ["250"] * 6 + ["50"] * 6 + [""] * 6
    assert window.sort(column) == "none"
    assert window.cells(column) == report


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("gelu dim=250", ["6", "18"]),
        ("dim>=1000 activation=relu", ["7", "19"]),
        ("accuracy > 0.89998", ["1", "2"]),
        ("#<=4 activation!=relu", ["2", "3"]),
        ("#<5 activation=", ["2"]),
        ('"no such words"', []),
        ("colour=red", []),
    ],
)
def test_a_filter_shows_the_rows_that_hold(window: Window, text: str, places: list[str]) -> None:
    assert window.filter(text) == f"shown {len(places)} of {ROWS}"
    assert window.cells(1) == places
    assert window.filter(" ") == ""
    assert len(window.cells(1)) == ROWS


def test_a_row_points_at_its_mark_and_a_mark_at_its_row(window: Window) -> None:
    window.point("#table-1 tbody tr:nth-child(3) td")
    assert [mark.get_attribute("id") for mark in window.all(".drawing .here")] == ["map--point-2"]
    window.point("#map--point-1 use")
    assert [row.get_attribute("data-rank") for row in window.all("#table-1 .here")] == ["1"]
    (tip,) = window.all(".tip")
    assert tip.text.splitlines()[-2:] == ["head.dim", "250"]
    window.point("h1")
    assert window.all(".here") == []
    assert not tip.is_displayed()


def test_a_click_pins_until_escape(window: Window) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    window.point("#map--point-1 use", click=True)
    window.point("h1")
    assert len(window.all("#table-1 .pinned")) == len(window.all(".drawing .pinned")) == 1
    ActionChains(window.driver).send_keys(Keys.ESCAPE).perform()
    assert window.all(".pinned") == []


def test_rows_are_reached_by_the_keyboard(window: Window) -> None:
    from selenium.webdriver.common.keys import Keys

    window.all("#table-1 tbody tr")[0].send_keys(Keys.ARROW_DOWN)
    window.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert [row.get_attribute("data-rank") for row in window.all("#table-1 .pinned")] == ["1"]


def test_marks_are_reached_by_the_keyboard_and_tell_their_row(window: Window) -> None:
    from selenium.webdriver.common.keys import Keys

    (drawing,) = window.all(".drawing")
    (tip,) = window.all(".tip")
    drawing.send_keys(Keys.ARROW_RIGHT)
    drawing.send_keys(Keys.ARROW_RIGHT)
    assert [mark.get_attribute("id") for mark in window.all(".drawing .here")] == ["map--point-2"]
    assert tip.text.splitlines()[:2] == ["#", "3"]
    assert tip.text.splitlines()[-2:] == ["head.dim", "1,000"]
    drawing.send_keys(Keys.ARROW_RIGHT)  # there is no further one
    drawing.send_keys(Keys.ENTER)
    assert [row.get_attribute("data-rank") for row in window.all("#table-1 .pinned")] == ["2"]
    drawing.send_keys(Keys.ARROW_LEFT)
    assert [mark.get_attribute("id") for mark in window.all(".drawing .here")] == ["map--point-1"]
    drawing.send_keys(Keys.ESCAPE)
    assert window.all(".pinned") == []
    assert not tip.is_displayed()


def test_copies_hold_the_rows_that_are_shown_as_text(window: Window) -> None:
    window.filter("#<=2")
    script = "return [csv(sheets[0]), markdown(sheets[0]), csv(sheets[1])]"
    rows, lines, hostile = window.driver.execute_script(script)
    assert rows.splitlines()[1:] == [
        "1,relu,0.90000,0.00100,0.89800,0.90200,50",
        "2,,0.89999,0.00100,0.89799,0.90199,250",
    ]
    assert lines.splitlines()[2] == "| 1 | relu | 0.90000 | 0.00100 | 0.89800 | 0.90200 | 50 |"
    assert '\r\n3,""" onmouseover=""alert(1)"\r\n' in hostile


def test_thousands_of_rows_are_sorted_and_filtered_at_once(chromium: Any, tmp_path: Path) -> None:
    table = Table("points", points(5_000), range(5_000))
    file = tmp_path / "page.html"
    file.write_text(page(Document("s", [Section("", [table])], digits=5)), encoding="utf-8")
    window = Window(chromium, file)
    clock = (
        "const a = performance.now(); {}; document.body.offsetHeight; return performance.now() - a"
    )
    sort = chromium.execute_script(clock.format("sheets[0].sort(2); sheets[0].sort(2)"))
    filtering = chromium.execute_script(
        clock.format("sheets[0].input.value = 'gelu accuracy>0.86'; sheets[0].filter()")
    )
    assert window.all("output")[0].text == "shown 1,333 of 5,000"
    assert (sort < 2_000, filtering < 1_000) == (True, True)  # 0.1 s each on a quiet machine
    shown = len(window.cells(1))
    chromium.execute_script("sheets[0].scroller.scrollTop = 1e6")
    window.driver.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0]))")
    assert len(window.cells(1)) > shown
