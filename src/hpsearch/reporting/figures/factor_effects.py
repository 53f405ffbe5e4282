"""What each setting gains against the base's, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hpsearch.reporting.analysis.differences import SIGNIFICANT
from hpsearch.reporting.analysis.effects import Effect, effects
from hpsearch.reporting.figures.figure import Figure, rendered
from hpsearch.reporting.figures.style import BLUE, GREY, new_canvas, styled
from hpsearch.reporting.figures.texts import shortened, value_text
from hpsearch.tracking.study import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = ["MOST_ROWS", "draw_effects", "effects_figure"]

NAME = "factor-effects"
MOST_ROWS = 36
ROW = 0.19  # inches
GAP = 0.5  # rows between two keys


def effects_figure(study: Study) -> Figure | None:
    """None where no two points differ in one key alone."""
    found = effects(study)
    largest = sorted(found, key=lambda effect: -abs(effect.gain))[:MOST_ROWS]
    shown = [effect for effect in found if effect in largest]
    if not shown:
        return None
    return rendered(
        draw_effects(shown),
        name=NAME,
        title="What each setting gains",
        caption=_caption(shown, left_out=len(found) - len(shown)),
    )


def _caption(shown: Sequence[Effect], *, left_out: int) -> str:
    text = (
        "Mean gain in validation accuracy (as a fraction) of each setting over its key's reference "
        "(in brackets), between points alike in all other keys; the number of these pairs stands "
        "at the right. Bars: 95 % intervals over the pairs (t distribution), none for one pair; "
        "an arrow where one goes on beyond the picture. Filled: p < "
        f"{SIGNIFICANT:g} in a paired t test, corrected for all settings (Holm)."
    )
    return f"{text} The {left_out} smallest gains are left out." if left_out else text


@styled
def draw_effects(found: Sequence[Effect]) -> Canvas:
    """One row an effect, those of a key under its name."""
    places, headings, rows = _places(found)
    canvas = new_canvas(0.75 + ROW * rows)
    axes = canvas.subplots()
    axes.axvline(0.0, color="black", linewidth=0.8, zorder=1)
    low, high = _limits(found)
    axes.set(xlim=(low, high), ylim=(rows - 0.3, -0.7))
    for effect, y in zip(found, places, strict=True):
        _row(axes, effect, y)
    for text, y in headings:
        _heading(axes, text, y)
    axes.annotate("pairs", (1.0, 0.0), (6, 0), xycoords=axes.get_yaxis_transform(), va="center",
                  textcoords="offset points", annotation_clip=False)  # fmt: skip
    labels = [shortened(value_text(effect.level), 24) for effect in found]
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0, pad=7)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.xaxis.set_major_formatter(_signed)
    axes.set_xlabel("gain in val. accuracy (fraction)")
    return canvas


def _places(found: Sequence[Effect]) -> tuple[list[float], list[tuple[str, float]], float]:
    """The effects' rows, the keys' names with theirs, and how many rows that makes."""
    y, key = -1.0 - GAP, None
    places: list[float] = []
    headings: list[tuple[str, float]] = []
    for effect in found:
        if effect.key != key:
            key, y = effect.key, y + 1.0 + GAP
            reference = shortened(value_text(effect.reference), 24)
            headings.append((f"{shortened(key, 40)} (against {reference})", y))
        y += 1.0
        places.append(y)
    return places, headings, y + 1.0


def _limits(found: Sequence[Effect]) -> tuple[float, float]:
    """All gains and zero, and of the intervals no more than as much again on either side.

    Two pairs give an interval of twelve times its standard error, beside which nothing is seen.
    """
    gains = [0.0, *(effect.gain for effect in found)]
    ends = [end for effect in found for end in effect.interval if math.isfinite(end)]
    span = (max(gains) - min(gains)) or max(map(abs, ends), default=0.0) or 0.01
    low = max(min([*gains, *ends]), min(gains) - span)
    high = min(max([*gains, *ends]), max(gains) + span)
    margin = 0.05 * (high - low) or 0.01  # where nothing gains or loses anything
    return low - margin, high + margin


def _row(axes: Axes, effect: Effect, y: float) -> None:
    low, high = axes.get_xlim()
    if math.isfinite(effect.interval.low):
        ends = max(effect.interval.low, low), min(effect.interval.high, high)
        axes.plot(ends, (y, y), color=BLUE, linewidth=1.4, solid_capstyle="butt", zorder=2)
        if effect.interval.low < low:
            axes.plot(low, y, "<", color=BLUE, markersize=4, clip_on=False)
        if effect.interval.high > high:
            axes.plot(high, y, ">", color=BLUE, markersize=4, clip_on=False)
    filled = BLUE if effect.p < SIGNIFICANT else "white"
    axes.plot(effect.gain, y, "o", color=BLUE, markerfacecolor=filled, markersize=5, zorder=3)
    said = f"{effect.pairs:,}"
    axes.annotate(said, (1.0, y), (10, 0), xycoords=axes.get_yaxis_transform(), va="center",
                  textcoords="offset points", annotation_clip=False)  # fmt: skip


def _heading(axes: Axes, text: str, y: float) -> None:
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    across = axes.get_yaxis_transform()
    axes.text(0.0, y, text, transform=across, va="center", weight="bold", bbox=ground, zorder=4)
    axes.axhline(y + 0.55, color=GREY, linewidth=0.4, zorder=0)


def _signed(value: float, _: float | None) -> str:
    return f"{value:+.3g}".replace("-", "\N{MINUS SIGN}") if value else "0"
