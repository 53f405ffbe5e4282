"""Which figures a study gets, and that nobody's name or value breaks them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hpsearch.errors import ReportError
from hpsearch.reporting.figures import NAMES, Figure, draw_figures, write_figures
from hpsearch.tracking.study import Study
from hpsearch.trials import Result, TrialStore

Make = Callable[..., Study]
Histories = Callable[..., pd.DataFrame]

BASE = {"act": "tanh", "dim": "8"}
XLINK = "{http://www.w3.org/1999/xlink}href"
HOSTILE = "$x_1^2$ 50% <script>alert('&')</script> |a|\n\\input \x1b 中文 " + "long" * 30


@pytest.fixture(scope="module")
def grid(make: Make) -> Study:
    gains = {"tanh": 0.0, "relu": 0.03}
    trials = [
        {"act": act, "dim": dim, "accuracy": 0.8 + gains[act] + dim / 1000}
        for act, dim in product(gains, [8, 16, 32])
    ]
    return make(trials, base=BASE)


@pytest.fixture(scope="module")
def draw(grid: Study, histories: Histories) -> Callable[[], list[Figure]]:
    known = histories({run: [0.6, 0.7, 0.8] for run in grid.runs["run_id"]})
    nowhere = Path("nowhere")
    return lambda: draw_figures(grid, known, root=nowhere, test_confusion=[[5, 1], [2, 7]])


@pytest.fixture(scope="module")
def drawn(draw: Callable[[], list[Figure]]) -> list[Figure]:
    return draw()


def names(figures: list[Figure]) -> list[str]:
    return [figure.name for figure in figures]


def test_a_grid_with_histories_and_test_figures_has_all_figures_in_order(
    drawn: list[Figure],
) -> None:
    assert names(drawn) == list(NAMES)
    for figure in drawn:
        assert figure.title
        assert figure.caption.endswith(".")
        assert figure.png.startswith(b"\x89PNG")


def test_the_same_study_gives_the_same_bytes_whatever_the_callers_parameters_are(
    draw: Callable[[], list[Figure]], drawn: list[Figure]
) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 30.0, "svg.fonttype": "none", "axes.grid": True}):
        before = dict(mpl.rcParams)
        assert draw() == drawn
        assert dict(mpl.rcParams) == before


def test_an_svg_is_one_element_that_loads_and_runs_nothing_and_has_each_id_once(
    drawn: list[Figure],
) -> None:
    for figure in drawn:
        root = ET.fromstring(figure.svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        elements = list(root.iter())
        assert not [e for e in elements if e.tag.endswith(("script", "image", "foreignObject"))]
        links = [e.get(XLINK) or e.get("href") for e in elements]
        assert all(link.startswith("#") for link in links if link)
        ids = [e.get("id") for e in elements if "--point-" in (e.get("id") or "")]
        assert len(ids) == len(set(ids))


def test_a_point_has_the_same_rank_in_every_figure(drawn: list[Figure]) -> None:
    svgs = {figure.name: figure.svg for figure in drawn}
    for name in set(NAMES) - {"factor-effects", "confusion-matrix"}:
        for rank in range(6):
            assert f'id="{name}--point-{rank}"' in svgs[name]
    assert 'id="learning-curves--point-0--2"' in svgs["learning-curves"]


def test_without_a_finished_trial_there_is_the_time_line_alone(
    make: Make, histories: Histories, tmp_path: Path
) -> None:
    failed = make([{"act": "relu", "status": "FAILED"}] * 2, base=BASE)
    assert names(draw_figures(failed, histories({}), root=tmp_path)) == ["time-line"]
    assert draw_figures(make([], base=BASE), histories({}), root=tmp_path) == []


def test_one_trial_has_its_curve_its_history_and_its_time(
    make: Make, histories: Histories, tmp_path: Path
) -> None:
    study = make([{"act": "tanh", "dim": 8, "accuracy": 0.9}], base=BASE)
    figures = draw_figures(study, histories({"r0": [0.9]}), root=tmp_path)
    assert names(figures) == ["learning-curves", "optimisation-history", "time-line"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_figures_that_are_no_numbers_are_not_drawn(
    make: Make, histories: Histories, tmp_path: Path, value: float
) -> None:
    trials = [{"act": act, "dim": 8, "accuracy": value} for act in ("tanh", "relu")]
    known = histories({"r0": [value, value], "r1": [0.5, value]})
    figures = draw_figures(make(trials, base=BASE), known, root=tmp_path)
    assert "parallel-coordinates" not in names(figures)
    one_known = [*trials, {"act": "gelu", "dim": 8, "accuracy": 0.7}]
    assert draw_figures(make(one_known, base=BASE), known, root=tmp_path)


def test_hostile_names_and_values_are_shown_as_they_are(
    make: Make, histories: Histories, tmp_path: Path
) -> None:
    key = f"head.{HOSTILE}"
    trials = [
        {key: value, "dim": dim, "accuracy": 0.8 + dim / 100}
        for value, dim in product([HOSTILE, f"{HOSTILE}2", "$", ""], [1, 2])
    ]
    study = make(trials, base={key: "$", "dim": "1"})
    known = histories({run: [0.5, 0.6] for run in study.runs["run_id"]})
    classes = [HOSTILE, "$\\alpha"]
    figures = draw_figures(
        study, known, root=tmp_path, test_confusion=[[1, 0], [0, 0]], classes=classes
    )
    assert names(figures) == list(NAMES)
    for figure in figures:
        ET.fromstring(figure.svg)
        assert "<script" not in figure.svg


def test_the_winners_validation_predictions_stand_in_for_test_figures(
    make: Make, histories: Histories, tmp_path: Path
) -> None:
    labels = np.array([0, 0, 0, 1, 1])
    folder = TrialStore(tmp_path).open("0123abcd")
    (folder.path / "model").mkdir()
    predicted = np.eye(2, dtype=np.float32)[[0, 0, 1, 1, 1]]
    result = Result("0123abcd", {}, [], False, 1.0, {}, {})
    folder.finish(result, predicted, labels, model=folder.path / "model")
    trials = [{"act": "tanh", "accuracy": 0.8, "fingerprint": "0123abcd"}]
    figures = draw_figures(make(trials, base=BASE), histories({}), root=tmp_path)
    (confusion,) = [figure for figure in figures if figure.name == "confusion-matrix"]
    assert "5 validation examples, 4 of them right" in confusion.caption
    outside = [{"act": "tanh", "accuracy": 0.8, "fingerprint": "../trials/0123abcd"}]
    figures = draw_figures(make(outside, base=BASE), histories({}), root=tmp_path)
    assert "confusion-matrix" not in names(figures)


def test_figures_of_a_former_report_are_removed_and_other_files_stay(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    one = Figure("heat-map", "t", "c.", "<svg/>", b"png")
    two = Figure("time-line", "t", "c.", "<svg/>", b"png")
    written = write_figures([one, two], folder)
    assert written[0] == (one, folder / "heat-map.svg", folder / "heat-map.png")
    (folder / "mine.svg").write_text("mine")
    write_figures([two], folder)
    assert sorted(file.name for file in folder.iterdir()) == [
        "mine.svg",
        "time-line.png",
        "time-line.svg",
    ]
    assert (folder / "time-line.svg").read_text() == "<svg/>"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("a file")
    figure = Figure("heat-map", "t", "c.", "<svg/>", b"png")
    with pytest.raises(ReportError, match="figures"):
        write_figures([figure], tmp_path / "figures")


@pytest.mark.parametrize("module", ["matplotlib", "torch"])
def test_importing_the_figures_imports_neither_matplotlib_nor_torch(module: str) -> None:
    import subprocess
    import sys

    code = f"import sys, hpsearch.reporting.figures; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
