"""The rows as rich draws them: the trials that run, and under them how far the sweep is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper.display import texts

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.display.rows import Best, Progress
    from rich.console import Group, RenderableType
    from rich.table import Table
    from rich.text import Text

__all__ = ["draw"]

BAR_WIDTH = 20
OTHER_LINES = 5  # the header, the summary, and room for what scrolls by


def draw(progress: Progress, *, now: float, width: int, height: int) -> Group:
    """As many rows as the terminal has room for; nothing is wider than it."""
    from rich.console import Group

    parts: list[RenderableType] = []
    if progress.running:
        parts.append(_table(progress, now=now, width=width, most=max(2, height - OTHER_LINES)))
    parts.append(_summary(progress, now=now))
    if progress.best is not None:
        parts.append(_best(progress.best))
    return Group(*parts)


def _table(progress: Progress, *, now: float, width: int, most: int) -> Table:
    from rich.text import Text

    shown, more = progress.shown(most)
    table = _empty_table(width)
    for row in shown:
        table.add_row(
            str(row.number),
            f"{row.position}/{progress.total}",
            Text(texts.short_title(row.title)),
            texts.clock(now - row.began),
            Text(row.last, style="dim"),
        )
    if more:
        table.add_row("", "", Text(f"and {more} more", style="dim"), "", "")
    return table


def _empty_table(width: int) -> Table:
    from rich.table import Table

    table = Table(box=None, expand=True, pad_edge=False, header_style="dim")
    table.add_column("job", justify="right", no_wrap=True)
    table.add_column("trial", justify="right", no_wrap=True)
    # what the job says gets the rest, but never less than a third
    table.add_column("point", no_wrap=True, overflow="ellipsis", max_width=max(8, width // 2))
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("says", no_wrap=True, overflow="ellipsis", ratio=1)
    return table


def _summary(progress: Progress, *, now: float) -> Text:
    done, rest = texts.bar(progress.finished, progress.total, width=BAR_WIDTH)
    line = _line(f"{progress.finished}/{progress.total} ", "bold")
    line.append(done, "green").append(rest, "dim")
    if progress.failed:
        line.append(f"  {progress.failed} failed", "red")
    if progress.infeasible:
        line.append(f"  {progress.infeasible} infeasible", "red")
    if progress.pruned:
        line.append(f"  {progress.pruned} pruned", "yellow")
    line.append(f"  {texts.clock(now - progress.began)}")
    left = progress.seconds_left(now)
    if left is not None:
        line.append(f", about {texts.clock(left)} left", "dim")
    return line


def _best(best: Best) -> Text:
    line = _line("best: " if len(best.values) == 1 else "newest on the Pareto front: ", "dim")
    line.append(texts.values_text(best.values), "bold green")
    return line.append(f"  job {best.number}  {texts.short_title(best.title)}")


def _line(text: str, style: str) -> Text:
    """One line, cut where the terminal ends."""
    from rich.text import Text

    return Text(no_wrap=True, overflow="ellipsis").append(text, style)
