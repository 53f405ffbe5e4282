"""A table of the page: its marks, its figures, and the intervals below them."""

from __future__ import annotations

import re

import pandas as pd

from hpsearch.reporting.document import Table
from hpsearch.reporting.formats.html_strips import strips
from hpsearch.reporting.formats.html_table import html_table


def test_the_best_row_and_those_like_it_are_marked() -> None:
    frame = pd.DataFrame({"k": ["a", "b", "c"], "like the best": ["yes", "yes", "no"]})
    text = html_table(Table("differences", frame, range(3)), number=1, digits=5)
    starts = re.findall(r'<tr data-rank="(\d)"(?: class="([^"]*)")?', text)
    assert starts == [("0", "best alike"), ("1", "alike"), ("2", "")]


def test_figures_stand_to_the_right_and_have_the_reports_digits() -> None:
    frame = pd.DataFrame({"k": ["8,463", ""], "x": [0.123456, 2.0], "p": ["≤ 0.001", "0.040"]})
    text = html_table(Table("points", frame.assign(t=["a", "1"])), number=1, digits=5)
    assert '<td class="n">8,463</td>' in text
    assert '<td class="n">0.12346</td>' in text
    assert '<td class="n">≤ 0.001</td>' in text
    assert "<td>1</td>" in text


def test_an_interval_is_drawn_on_the_scale_of_its_column() -> None:
    accuracies = {"val. accuracy": [0.5, 0.6], "95 % from": [0.4, ""], "to": [0.6, ""]}
    assert strips(pd.DataFrame(accuracies)) == {0: ["--l:3.0%;--a:50.0%;--h:97.0%", ""]}
    spans = {"95 %": ["-0.2 to -0.1", "", "+0.1 to +0.2"], "Δ val. accuracy": ["-0.1", "", "+0.2"]}
    assert strips(pd.DataFrame(spans)) == {
        0: ["--l:3.0%;--a:26.5%;--h:26.5%;--z:50.0%", "", "--l:73.5%;--a:97.0%;--h:97.0%;--z:50.0%"]
    }
    keys = {"95 %": ["3D to 2D"], "k": ["1 to 2"], "Δ val. accuracy": ["0.1"]}
    assert strips(pd.DataFrame(keys)) == {}
