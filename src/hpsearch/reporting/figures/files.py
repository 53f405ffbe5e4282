"""Figures as files, each written whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hpsearch.atomic import write_bytes
from hpsearch.errors import ReportError
from hpsearch.reporting.figures.figure import NAMES, Figure

__all__ = ["write_figures"]


def write_figures(figures: Sequence[Figure], folder: Path) -> list[tuple[Figure, Path, Path]]:
    """Write ``<folder>/<name>.svg`` and ``.png``; return each figure with these two paths.

    A figure of a former report that is not among these is removed; other files stay.

    Raises:
        ReportError: a file cannot be written or removed.
    """
    try:
        for name in set(NAMES) - {figure.name for figure in figures}:
            for stale in _paths(folder, name):
                stale.unlink(missing_ok=True)
        return [(figure, *_write(figure, folder)) for figure in figures]
    except OSError as error:
        raise ReportError(f"{folder}: figures cannot be written: {error.strerror}") from error


def _write(figure: Figure, folder: Path) -> tuple[Path, Path]:
    svg, png = _paths(folder, figure.name)
    write_bytes(svg, figure.svg.encode())
    write_bytes(png, figure.png)
    return svg, png


def _paths(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.svg", folder / f"{name}.png"
