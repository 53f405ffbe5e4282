"""The drawn artists of learning curves, optimisation history and time line."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from hpsearch.reporting.analysis.points import points
from hpsearch.reporting.figures.bars import Bar
from hpsearch.reporting.figures.lanes import Cut, cuts, lanes, shifted
from hpsearch.reporting.figures.learning_curves import draw_learning
from hpsearch.reporting.figures.learning_groups import MOST_SHOWN, learning_figure, learning_groups
from hpsearch.reporting.figures.marks import Marks
from hpsearch.reporting.figures.optimisation_history import Outcome, draw_history, history_figure
from hpsearch.reporting.figures.time_line import draw_time_line, time_line_figure
from hpsearch.reporting.figures.trainings import common, trainings
from hpsearch.tracking.study import Study

Make = Callable[..., Study]
Histories = Callable[..., pd.DataFrame]

DAY = 86_400.0


def test_a_curve_is_the_mean_over_the_seeds_with_the_range_around_it(
    make: Make, histories: Histories
) -> None:
    trials = [{"act": "tanh", "seed": seed, "accuracy": 0.8} for seed in range(3)]
    study = make(trials, base={"act": "tanh", "seed": "0"})
    known = histories({"r0": [0.5, 0.8], "r1": [0.6, 0.7], "r2": [0.4, 0.6]})
    groups = learning_groups(study, points(study), known)
    (group,) = groups
    assert group.best == 1
    _, accuracies = draw_learning(groups).axes
    curve = accuracies.lines[0]
    assert curve.get_ydata() == pytest.approx([0.5, 0.7])
    band = accuracies.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((0.4, 0.8))
    circle = accuracies.lines[1]
    assert (circle.get_xdata()[0], circle.get_ydata()[0]) == pytest.approx((2.0, 0.7))


def test_a_mean_goes_as_far_as_all_seeds_went(histories: Histories) -> None:
    known = trainings(histories({"r0": [0.5, 0.8, 0.9], "r1": [0.6, 0.7]}))
    curve = common([known["r0"], known["r1"]], "val/accuracy")
    assert curve.epochs.tolist() == [1.0, 2.0]
    assert curve.mean == pytest.approx([0.55, 0.75])


def test_the_later_of_two_values_for_a_step_counts_and_infinity_is_left_out(
    histories: Histories,
) -> None:
    twice = pd.concat([histories({"r": [0.5, 1.797e308]}), histories({"r": [0.6]})])
    training = trainings(twice)["r"]
    assert training.metrics["val/accuracy"][0] == 0.6
    assert np.isnan(training.metrics["val/accuracy"][1])


def test_a_history_without_epochs_is_drawn_by_its_steps(histories: Histories) -> None:
    frame = histories({"r": [0.5, 0.6, 0.7]})
    known = trainings(frame[frame["metric"] != "epoch"])
    assert known["r"].epochs.tolist() == [1.0, 2.0, 3.0]


def test_a_pruned_trial_ends_with_a_cross_where_it_was_stopped(
    make: Make, histories: Histories
) -> None:
    trials = [
        {"act": "tanh", "accuracy": 0.8},
        {"act": "relu", "status": "PRUNED", "last": 0.55},
    ]
    study = make(trials, base={"act": "tanh"})
    known = histories({"r0": [0.6, 0.7, 0.8], "r1": [0.5, 0.55]})
    _, accuracies = draw_learning(learning_groups(study, points(study), known)).axes
    (pruned,) = [line for line in accuracies.lines if line.get_marker() == "x"]
    assert pruned.get_xdata().tolist() == [1.0, 2.0]
    assert pruned.get_markevery() == [1]


def test_the_best_points_and_the_base_are_in_colour_and_the_others_grey(
    make: Make, histories: Histories
) -> None:
    count = MOST_SHOWN + 4
    trials = [{"dim": n, "accuracy": 0.5 + n / 100} for n in range(count)]
    study = make(trials, base={"dim": "0"})
    known = histories({f"r{n}": [0.5 + n / 100] for n in range(count)})
    groups = learning_groups(study, points(study), known)
    named = [group for group in groups if group.label]
    assert [group.rank for group in named] == [*range(MOST_SHOWN), count - 1]
    assert named[0].label == f"1. dim={count - 1}"
    assert named[-1].label == f"{count}. base (dim=0)"
    assert [group.is_base for group in named] == [False] * MOST_SHOWN + [True]
    assert len(groups) == count
    figure = learning_figure(study, points(study), known)
    assert figure is not None
    assert "the base among them" in figure.caption
    assert "One seed each." in figure.caption


def test_one_that_diverged_does_not_press_the_others_flat(make: Make, histories: Histories) -> None:
    trials = [{"dim": n, "accuracy": 0.9 - n / 100} for n in range(MOST_SHOWN + 1)]
    study = make(trials, base={"dim": "0"})
    known = histories({f"r{n}": [0.8, 0.9] for n in range(MOST_SHOWN)})
    wild = histories({f"r{MOST_SHOWN}": [0.1, -50.0]})
    groups = learning_groups(study, points(study), pd.concat([known, wild]))
    losses, _ = draw_learning(groups).axes
    assert losses.get_ylim()[1] < 3.0


def test_trials_are_dots_crosses_and_ticks_with_the_best_so_far_above() -> None:
    outcomes = [
        Outcome("FINISHED", 0.7, 1),
        Outcome("PRUNED", 0.9),
        Outcome("FAILED", float("nan")),
        Outcome("FINISHED", 0.8, 0),
        Outcome("FINISHED", 0.6, 1),
    ]
    axes = draw_history(outcomes).axes[0]
    by_marker: dict[str, list[tuple[float, float]]] = {}
    for line in axes.lines:
        pairs = zip(line.get_xdata(), line.get_ydata(), strict=True)
        by_marker.setdefault(str(line.get_marker()), []).extend(pairs)
    (dots,) = [artist for artist in axes.artists if isinstance(artist, Marks)]
    assert [mark.places for mark in dots.marks] == [[(1, 0.7)], [(4, 0.8)], [(5, 0.6)]]
    assert by_marker["x"] == [(2, 0.9)]
    assert by_marker["|"] == [(3, 0.0)]
    (best,) = [line for line in axes.lines if line.get_label() == "best so far"]
    assert best.get_ydata().tolist() == [0.7, 0.7, 0.7, 0.8, 0.8]
    ids = [mark.gid for mark in dots.marks]
    assert ids == [f"optimisation-history--point-{n}" for n in ("1", "0", "1--2")]


def test_trials_stand_in_the_order_of_their_end_and_running_ones_do_not(make: Make) -> None:
    trials = [
        {"act": "a", "accuracy": 0.7, "start": 0, "end": 100},
        {"act": "b", "accuracy": 0.8, "start": 10, "end": 50},
        {"act": "c", "status": "RUNNING", "start": 20, "end": None},
        {"act": "d", "status": "PRUNED", "last": 0.4, "start": 30, "end": 40},
    ]
    study = make(trials, base={"act": "a"})
    figure = history_figure(study, points(study))
    assert figure is not None
    assert "3 trials" in figure.caption
    assert "1 pruned" in figure.caption
    dots = [line for line in figure.svg.split('id="') if line.startswith("optimisation-history--")]
    assert [dot.split('"')[0][-1] for dot in dots] == ["0", "1"]


def test_trials_that_overlap_lie_in_lanes_of_their_own_and_a_freed_one_is_taken_again() -> None:
    assert lanes([(0, 10), (1, 3), (3, 5), (4, 12), (10, 11)]) == [0, 1, 1, 2, 0]


def test_idle_time_is_cut_where_it_is_long_beside_the_work() -> None:
    spans = [(0.0, 100.0), (105.0, 200.0), (200.0 + DAY, 300.0 + DAY)]
    assert cuts(spans) == [Cut(200.0, DAY)]
    assert shifted(300.0 + DAY, cuts(spans)) == 300.0


def test_a_bar_is_as_long_as_its_trial_ran_in_a_unit_that_fits() -> None:
    bars = [
        Bar(0.0, 600.0, "finished", 0),
        Bar(60.0, 180.0, "failed"),
        Bar(180.0, 300.0, "pruned"),
        Bar(300.0, 360.0, "pruned"),
    ]
    axes = draw_time_line(bars).axes[0]
    (best,) = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert (best.get_x(), best.get_width(), best.get_y() + 0.4) == (0.0, 10.0, 0.0)
    assert best.get_gid() == "time-line--point-0"
    boxes = {
        str(state.get_label()): [path.get_extents().bounds for path in state.get_paths()]
        for state in axes.collections
    }
    assert boxes["failed"] == [pytest.approx((1.0, 0.6, 2.0, 0.8))]
    assert boxes["pruned"] == [
        pytest.approx((3.0, 0.6, 2.0, 0.8)),
        pytest.approx((5.0, 0.6, 1.0, 0.8)),
    ]
    assert axes.get_xlabel() == "wall time since the first start (minutes)"


def test_a_study_resumed_days_later_is_drawn_without_the_days() -> None:
    bars = [Bar(0.0, 600.0, "finished"), Bar(3 * DAY, 3 * DAY + 600.0, "finished")]
    axes = draw_time_line(bars).axes[0]
    assert axes.get_xlabel() == "wall time since the first start, idle time cut out (minutes)"
    assert axes.get_xlim()[1] < 22.0
    assert [text.get_text() for text in axes.texts] == ["+2.99 days"]
    ticks = dict(
        zip(axes.get_xticks(), (t.get_text() for t in axes.get_xticklabels()), strict=True)
    )
    assert ticks[10.0] == "10"
    gap = max(ticks) - 20.0
    assert 0.0 < gap < 0.5
    assert ticks[max(ticks)] == "20"


def test_a_killed_trial_resumed_a_day_later_did_not_run_all_day(make: Make) -> None:
    trials = [
        {"act": "a", "accuracy": 0.7, "start": 0, "end": DAY, "seconds": 900.0},
        {"act": "b", "accuracy": 0.8, "start": 0, "end": 1000, "seconds": 950.0},
    ]
    study = make(trials, base={"act": "a"})
    figure = time_line_figure(study, points(study))
    assert figure is not None
    assert "in which nothing ran" in figure.caption


def test_running_trials_go_on_to_the_last_known_moment(make: Make) -> None:
    trials = [
        {"act": "a", "accuracy": 0.7, "start": 0, "end": 100},
        {"act": "b", "status": "RUNNING", "start": 40, "end": None},
    ]
    figure = time_line_figure(make(trials, base={"act": "a"}), [])
    assert figure is not None
    assert "Running trials are drawn to the last known moment." in figure.caption
    alone = make([{"act": "a", "status": "RUNNING", "end": None}], base={"act": "a"})
    assert time_line_figure(alone, []) is not None
