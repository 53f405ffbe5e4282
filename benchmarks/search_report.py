"""The table and the figure of `search_efficiency.py`."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from search_methods import Found, Method
from search_recording import SEARCH
from search_replay import Curves

__all__ = ["draw_figure", "report"]

MOST_EPOCHS = 1 / 3  # of the full grid's
MOST_LOST = 0.2  # points of accuracy
ROUNDING = 1e-6

Replays = Mapping[Method, Sequence[Found]]


def report(curves: Curves, found: Replays) -> str:
    """Markdown: what was replayed, a row a method, how to read it."""
    lines = [
        _about(curves),
        "",
        "| search | epochs, of the grid's | accuracy lost in its draw | over all seeds "
        f"| draws within {MOST_LOST} | at most a third and {MOST_LOST} |",
        "|---|---:|---:|---:|---:|---|",
        *(_row(method, each) for method, each in found.items()),
        "",
        f"Median (worst) of {len(next(iter(found.values())))} resamplings; accuracies in points. "
        "Lost in its draw: behind the best of the full grid with the same drawn seeds. Over all "
        "seeds: behind the grid's best point, both by the mean over all recorded seeds. The trials "
        "run one after the other. `wilcoxon` compares points by runs with other seeds, its grid is "
        "that of all points and seeds; `hydra.sweeper.seeds` makes a trial of each run, so this "
        "takes a job of one's own that trains the seeds in turn.",
    ]
    return "\n".join(lines)


def _about(curves: Curves) -> str:
    points, seeds, epochs = curves.values.shape
    quality = 100 * curves.quality
    noise = 100 * float(curves.best.std(axis=1, ddof=1).mean()) if seeds > 1 else 0.0
    return (
        f"`search={SEARCH}`: {points} points × {seeds} seeds × {epochs} epochs, recorded. By the "
        f"mean over seeds the best point has {quality.max():.2f} % validation accuracy, the median "
        f"{statistics.median(quality.tolist()):.2f} %, the worst {quality.min():.2f} %; a point's "
        f"standard deviation over seeds is {noise:.2f} points."
    )


def _row(method: Method, each: Sequence[Found]) -> str:
    shares, drawn, true = (list(column) for column in zip(*each, strict=True))
    near = sum(x <= MOST_LOST + ROUNDING for x in drawn)
    within = _holds(shares, MOST_EPOCHS) and _holds(drawn, MOST_LOST) and _holds(true, MOST_LOST)
    verdict = ("**yes**" if within else "**NO**") if method.claimed else "yes" if within else "no"
    cells = [method.name, _spread(shares, "{:.0%}"), _spread(drawn), _spread(true)]
    return f"| {' | '.join([*cells, f'{near} of {len(drawn)}', verdict])} |"


def _holds(values: Sequence[float], limit: float) -> bool:
    return statistics.median(values) <= limit + ROUNDING


def _spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    return f"{form.format(statistics.median(values))} ({form.format(max(values))})"


def draw_figure(found: Replays, file: Path) -> None:
    """Epochs spent against accuracy lost over all seeds: medians, with quartiles as bars."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    for method, each in found.items():
        (x, dx), (y, dy) = (
            _quartiles([getattr(f, key) for f in each]) for key in ("share", "true")
        )
        name = method.name.replace("`", "")
        axes.errorbar(x, y, xerr=dx, yerr=dy, fmt="o", capsize=2, label=name)
    axes.axvline(MOST_EPOCHS, color="grey", linewidth=0.8, linestyle=":")
    axes.axhline(MOST_LOST, color="grey", linewidth=0.8, linestyle=":")
    axes.set(xlabel="epochs, of the full grid's", ylabel="accuracy lost, points")
    axes.legend(fontsize=8)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
    plt.close(figure)


def _quartiles(values: Sequence[float]) -> tuple[float, list[list[float]]]:
    """The median, and how far below and above it the quartiles are."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, [[middle - low], [high - middle]]
