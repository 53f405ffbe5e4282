"""Reports as files, each written whole or not at all."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from hpsearch.atomic import write_text
from hpsearch.errors import ReportError
from hpsearch.reporting.latex import latex_table
from hpsearch.reporting.markdown import body, document
from hpsearch.reporting.tables import full_table, hp_table
from hpsearch.reporting.verdict import verdict_notes, verdict_table
from hpsearch.tracking.study import Study

__all__ = ["Report", "file_name", "write_report"]

LONGEST_NAME = 100


@dataclass(frozen=True)
class Report:
    """What was written, and the part of it to print."""

    text: str
    markdown: Path
    csv: Path
    latex: Path


def write_report(study: Study, root: Path) -> Report:
    """Write ``<root>/reports/NAME.md``, ``.csv`` and ``.tex``."""
    place = root / "reports" / file_name(study.name)
    verdict = verdict_table(study, root)  # it reads each trial's predictions, so once
    claim = verdict_notes(study, verdict)[:1]
    text = "\n\n".join([body(study), *claim])
    report = Report(text, *(Path(f"{place}{suffix}") for suffix in (".md", ".csv", ".tex")))
    # RFC 4180: comma, quotation marks doubled, lines ended by CR LF; numbers in full.
    _write(report.csv, full_table(study).to_csv(index=False, lineterminator="\r\n"))
    _write(report.latex, latex_table(hp_table(study), caption=study.name))
    _write(report.markdown, document(study, root, verdict=verdict))
    return report


def file_name(study: str) -> str:
    """A study's name as a file's: as it is where possible, else told apart by a hash."""
    safe = re.sub(r"[^\w.=+-]+", "_", study)[:LONGEST_NAME]
    if safe == study and not safe.startswith("."):
        return safe
    return f"{safe.lstrip('.')}-{hashlib.sha256(study.encode()).hexdigest()[:8]}"


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror}") from error
