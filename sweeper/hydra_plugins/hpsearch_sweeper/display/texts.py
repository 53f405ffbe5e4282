"""What is said about a trial, word for word the same in lines and in the live display."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.display.rows import Progress

__all__ = [
    "bar",
    "clock",
    "name_text",
    "result_text",
    "short_title",
    "study_text",
    "values_text",
]

# A searched key where a title has it: at the beginning, or after two spaces.
KEY = re.compile(r"(?:(?<=^)|(?<=  ))([\w@/.-]+)=")


def study_text(study_name: str, progress: Progress, *, folder: str) -> str:
    """The first line of a sweep."""
    counts = f"{progress.total} trials, {progress.finished} finished"
    return f"study {study_name}: {counts}, folder {folder}"


def name_text(position: int, total: int, *, title: str) -> str:
    """Which trial: its place among all, and its point."""
    return f"trial {position}/{total}  {title}"


def short_title(title: str) -> str:
    """Without what stands before a key's last dot, where the keys still differ then."""
    keys = KEY.findall(title)
    last = [key.rpartition(".")[2] for key in keys]
    if len(set(last)) < len(last):
        return title
    return KEY.sub(lambda found: found[1].rpartition(".")[2] + "=", title)


def result_text(state: str, text: str, *, seconds: float) -> str:
    """How it ended, on one line, and how long that took where it ran at all."""
    first = (text.strip().splitlines() or [state])[0]
    return first if state == "reused" else f"{first}  ({seconds:.1f} s)"


def values_text(values: Sequence[float]) -> str:
    """One objective's value, or those of several."""
    numbers = ", ".join(f"{value:.6g}" for value in values)
    return f"value {numbers}" if len(values) == 1 else f"values {numbers}"


def clock(seconds: float) -> str:
    """Minutes and seconds, and hours when there are any."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def bar(finished: int, total: int, *, width: int) -> tuple[str, str]:
    """The part that is done, full only when all is, and the rest."""
    done = min(width, width * finished // max(total, 1))
    return "━" * done, "─" * (width - done)
