"""The report of several studies side by side: short runs and long ones, or two backbones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hpsearch.reporting.document import Document, Section, Table, texts
from hpsearch.reporting.layout import Layout
from hpsearch.reporting.sections.side_by_side import (
    bases_table,
    best_notes,
    best_table,
    matches_notes,
    matches_table,
)
from hpsearch.tracking.study import Study

__all__ = ["comparison_document"]


def comparison_document(
    studies: Sequence[Study], root: Path, *, layout: Layout | None = None
) -> Document:
    """Their best points, what their base configurations differ in, and their points in pairs."""
    layout = layout or Layout()
    bases = bases_table(studies)
    together = matches_table(studies, root, digits=layout.digits)
    said = texts(matches_notes(studies, digits=layout.digits))
    best = texts(best_notes(studies, root, digits=layout.digits))
    sections = [
        Section("", [Table("studies", best_table(studies)), *best]),
        *([] if bases.empty else [Section("What is set otherwise", [Table("bases", bases)])]),
        *(
            []
            if together.empty
            else [Section("Point by point", [Table("points", together), *said])]
        ),
    ]
    return Document(", ".join(study.name for study in studies), sections, layout.digits)
