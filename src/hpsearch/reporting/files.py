"""Reports as files, each written whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hpsearch.atomic import write_text
from hpsearch.errors import ReportError
from hpsearch.reporting.analysis.tables import full_table
from hpsearch.reporting.comparison import comparison_document
from hpsearch.reporting.contents import study_document
from hpsearch.reporting.document import Document, Picture
from hpsearch.reporting.figures import draw_figures, write_figures
from hpsearch.reporting.formats.csv import csv_table
from hpsearch.reporting.formats.html import page
from hpsearch.reporting.formats.latex import latex_table
from hpsearch.reporting.formats.markdown import markdown
from hpsearch.reporting.layout import Layout
from hpsearch.reporting.sections.winner import stored_test
from hpsearch.tracking.names import file_name
from hpsearch.tracking.study import Study

__all__ = ["Report", "write_comparison", "write_report"]

SUFFIXES = (".md", ".csv", ".tex", ".html")


@dataclass(frozen=True)
class Report:
    """What was written, and what of; ``figures`` is a folder, which may not be there."""

    document: Document
    markdown: Path
    csv: Path
    latex: Path
    html: Path
    figures: Path

    @property
    def files(self) -> list[Path]:
        found = [self.markdown, self.html, self.csv, self.latex]
        return [*found, self.figures] if self.figures.is_dir() else found


def write_report(
    study: Study,
    root: Path,
    *,
    layout: Layout | None = None,
    histories: pd.DataFrame | None = None,
) -> Report:
    """Write ``<root>/reports/NAME.md``, ``.html``, ``.csv`` and ``.tex``.

    With ``histories`` (``Tracker.read_histories``) the figures too, to ``NAME-figures/``.
    """
    layout = layout or Layout()
    place = root / "reports" / file_name(study.name)
    full = full_table(study, layout.columns)  # first, for it refuses unknown columns
    pictures = [] if histories is None else _pictures(study, histories, root, place)
    document = study_document(study, root, layout=layout, pictures=pictures)
    return _write_all(document, place, full=full)


def _pictures(study: Study, histories: pd.DataFrame, root: Path, place: Path) -> list[Picture]:
    result = stored_test(study, root)
    figures = draw_figures(
        study,
        histories,
        root=root,
        test_confusion=result.confusion if result else None,
        classes=result.classes if result else (),
    )
    written = write_figures(figures, _figures_folder(place))
    return [
        Picture(
            figure.name,
            figure.title,
            figure.caption,
            svg=str(svg.relative_to(place.parent)),
            png=str(png.relative_to(place.parent)),
            drawing=figure.svg,
        )
        for figure, svg, png in written
    ]


def write_comparison(
    studies: Sequence[Study], root: Path, *, layout: Layout | None = None
) -> Report:
    """The same files of several studies side by side, named ``ONE+OTHER``."""
    layout = layout or Layout()
    document = comparison_document(studies, root, layout=layout)
    name = file_name("+".join(study.name for study in studies))
    return _write_all(document, root / "reports" / name, full=document.frame("points"))


def _write_all(document: Document, place: Path, *, full: pd.DataFrame) -> Report:
    """``full`` is the table for other programs; people get the document's own."""
    md, csv, tex, html = (Path(f"{place}{suffix}") for suffix in SUFFIXES)
    report = Report(document, md, csv, tex, html, _figures_folder(place))
    _write(report.csv, csv_table(full))
    shown = document.frame("points")
    _write(
        report.latex,
        latex_table(full if shown.empty else shown, caption=document.title, digits=document.digits),
    )
    _write(report.markdown, markdown(document))
    _write(report.html, page(document))
    return report


def _figures_folder(place: Path) -> Path:
    return Path(f"{place}-figures")


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror}") from error
