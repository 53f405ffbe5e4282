"""The drawn artists of factor effects, heat map, parallel coordinates and confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from hpsearch.reporting.analysis.effects import Effect
from hpsearch.reporting.analysis.points import Point, points
from hpsearch.reporting.analysis.statistics import NOWHERE, Interval
from hpsearch.reporting.figures.axes import ABSENT_PLACE, key_axis, number_axis
from hpsearch.reporting.figures.confusion_matrix import draw_confusion
from hpsearch.reporting.figures.factor_effects import MOST_ROWS, draw_effects, effects_figure
from hpsearch.reporting.figures.figure import rendered
from hpsearch.reporting.figures.heat_map import Cell, draw_heat_map, heat_map_figure
from hpsearch.reporting.figures.marks import Mark, Marks, add_marks
from hpsearch.reporting.figures.parallel_coordinates import draw_parallel
from hpsearch.tracking.study import Study

Make = Callable[..., Study]

COLOURS = [(1, "#aa0000"), (2, "#00bb00")]


def texts(canvas: Canvas) -> list[str]:
    return [text.get_text() for text in canvas.axes[0].texts]


def found(key: str, *values: str) -> list[Point]:
    return [Point({key: value}) for value in values]


def test_an_effect_is_a_dot_with_its_interval_filled_where_it_is_significant() -> None:
    shown = [
        Effect("act", "relu", "tanh", 4, 0.03, Interval(0.01, 0.05), 0.01),
        Effect("act", "gelu", "tanh", 1, -0.02, NOWHERE, math.nan),
    ]
    axes = draw_effects(shown).axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [0.03, -0.02]
    assert [dot.get_markerfacecolor() for dot in dots] == ["#0072B2", "white"]
    (bar,) = [line for line in axes.lines if list(line.get_xdata()) == [0.01, 0.05]]
    assert bar.get_ydata()[0] == dots[0].get_ydata()[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["relu", "gelu"]
    assert "act (against tanh)" in [text.get_text() for text in axes.texts]


def test_an_interval_that_dwarfs_the_gains_is_cut_with_an_arrow() -> None:
    shown = [Effect("act", "relu", "tanh", 2, 0.01, Interval(-0.5, 0.52), 0.9)]
    axes = draw_effects(shown).axes[0]
    low, high = axes.get_xlim()
    assert -0.05 < low < 0.0 < 0.01 < high < 0.05
    assert {line.get_marker() for line in axes.lines} >= {"<", ">"}


def test_of_many_levels_the_largest_gains_are_shown_and_the_rest_is_counted(make: Make) -> None:
    base = {f"k{n:02}": "0" for n in range(MOST_ROWS + 2)}
    trials = [base | {"accuracy": 0.5}]
    trials += [base | {key: "1", "accuracy": 0.51 + n / 1000} for n, key in enumerate(base)]
    figure = effects_figure(make(trials, base=base))
    assert figure is not None
    assert "The 2 smallest gains are left out." in figure.caption


def test_a_cell_has_its_mean_in_a_readable_colour_and_an_empty_one_is_hatched() -> None:
    cells = {
        ("a", "x"): Cell(0.5, [1]),
        ("a", "y"): Cell(0.9, [0, 2]),
        ("b", "x"): Cell(0.7, [3]),
        ("b", "y"): Cell(math.nan, []),
    }
    canvas = draw_heat_map(cells, across="act", down="dim")
    axes = canvas.axes[0]
    assert {text.get_text(): text.get_color() for text in axes.texts} == {
        "0.500": "white",  # on the dark end
        "0.900": "black",
        "0.700": "black",
    }
    patches = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [bool(patch.get_hatch()) for patch in patches] == [False, False, False, True]
    assert [patch.get_gid() for patch in patches] == [
        "heat-map--point-1",
        None,
        "heat-map--point-3",
        None,
    ]


def test_the_map_is_of_the_keys_that_explain_most_over_the_others(make: Make) -> None:
    gains = {("x", "1"): 0.0, ("x", "2"): 0.1, ("y", "1"): 0.2, ("y", "2"): 0.4}
    trials = [
        {"weak": weak, "b": b, "a": a, "accuracy": 0.5 + gain + int(weak) / 1000}
        for (a, b), gain in gains.items()
        for weak in ("1", "2", "3")
    ]
    study = make(trials, base={"weak": "1", "b": "1", "a": "x"})
    figure = heat_map_figure(study, points(study))
    assert figure is not None
    assert figure.title in ("Accuracy over a and b", "Accuracy over b and a")
    assert "3 points a cell" in figure.caption


def test_values_drawn_from_intervals_give_no_map(make: Make) -> None:
    trials = [{"lr": n / 10, "drop": (n * 3) % 7, "accuracy": 0.5 + n / 100} for n in range(7)]
    study = make(trials, base={"lr": "0", "drop": "0"})
    assert heat_map_figure(study, points(study)) is None


def test_a_key_that_spans_decades_is_logarithmic() -> None:
    values = [10.0**exponent for exponent in np.linspace(-5, -2, 31)]
    axis = key_axis(found("lr", *map(str, values)), "lr")
    assert axis.scale == "log"
    assert axis.places == pytest.approx(np.linspace(0, 1, 31))
    assert (pytest.approx(1 / 3), "0.0001") in [(x, text) for x, text in axis.ticks]


def test_numbers_drawn_evenly_stay_linear_though_one_is_small() -> None:
    axis = number_axis("dropout", np.array([0.001, *np.linspace(0.01, 0.5, 50)]))
    assert axis.scale == "linear"
    assert [text for _, text in axis.ticks] == ["0.1", "0.2", "0.3", "0.4", "0.5"]


def test_a_number_that_a_point_does_not_have_lies_below_the_axis() -> None:
    axis = key_axis(found("lr", *map(str, range(20)), "—"), "lr")
    assert axis.places[-1] == ABSENT_PLACE
    assert (ABSENT_PLACE, "—") in axis.ticks


def test_levels_lie_at_equal_distances_numbers_first_and_their_points_around_them() -> None:
    values = ["relu", "768", "50", "768.0"]
    axis = key_axis(found("k", *values), "k")
    assert axis.ticks == [(0.0, "50"), (0.5, "768"), (1.0, "relu")]
    assert axis.places[1] > 0.5 > axis.places[3]  # the better of two at one level is on top


def test_a_point_is_a_line_over_the_axes_and_the_best_is_drawn_last() -> None:
    axes = [
        number_axis("lr", np.array([1.0, 2.0, 3.0])),
        number_axis("val. accuracy", np.array([0.9, 0.8, 0.7])),
    ]
    canvas = draw_parallel(axes, ranks=[0, 1, 2])
    (best,) = [line for line in canvas.axes[0].lines if line.get_gid()]
    (others,) = [artist for artist in canvas.axes[0].artists if isinstance(artist, Marks)]
    assert [mark.gid[-1] for mark in others.marks] == ["2", "1"]
    assert others.marks[1].places == pytest.approx(np.array([[0.0, 0.5], [1.0, 0.5]]))
    assert best.get_gid().endswith("--point-0")
    assert best.get_ydata() == pytest.approx([0.0, 1.0])
    assert best.get_linewidth() > 2.0
    children = canvas.axes[0].get_children()
    assert children.index(best) > children.index(others)


def test_marks_have_their_ids_colours_and_places_in_the_svg() -> None:
    canvas = Canvas(figsize=(2, 2))
    axes = canvas.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    lines = [Mark(f"f--point-{n}", [(0, n / 4), (1, n / 4)], colour) for n, colour in COLOURS]
    add_marks(axes, lines, linewidth=0.5)
    add_marks(axes, [Mark("f--point-9", [(0.5, 0.5)], "#010203")], sign=("o", 5.0))
    corners = [(0, 0), (1, 0), (1, 1), (0, 0)]
    add_marks(axes, [Mark("f--point-8", corners, "white")], face="#040506")
    add_marks(axes, [])
    assert len(axes.artists) == 3
    svg = rendered(canvas, name="f", title="", caption="").svg
    for n, colour in COLOURS:
        assert colour in svg.split(f'id="f--point-{n}"')[1].split("</g>")[0]
    assert "#010203" in svg.split('id="f--point-9"')[1].split("</g>")[0]
    area = svg.split('id="f--point-8"')[1].split("</g>")[0]
    assert "fill: #040506" in area
    assert "z" in area


def test_a_confusion_matrix_has_counts_and_shares_of_its_rows() -> None:
    canvas = draw_confusion(np.array([[8, 2], [0, 0]]), classes=["neg", "pos"])
    assert texts(canvas) == ["8\n80.0 %", "2\n20.0 %", "0", "0"]
    axes = canvas.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["neg", "pos"]
    assert axes.get_ylabel() == "true class"
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first row is the upper one


def test_of_many_classes_the_colours_stay() -> None:
    canvas = draw_confusion(2 * np.eye(60, dtype=int), classes=[f"class {n}" for n in range(60)])
    assert texts(canvas) == []
    (cells,) = canvas.axes[0].collections
    assert np.asarray(cells.get_array()).reshape(60, 60).tolist() == np.eye(60).tolist()
    assert len(canvas.axes[0].get_yticks()) <= 40
