"""From a study to its tables. Imports pandas, never torch.

    study = open_tracker(root).read_study("lr")
    report = write_report(study, root)        # reports/lr.md, .html, .csv and .tex
    show(summary(report.document))

``analysis/`` computes: points of trials that differ in the seed alone, tables of them, which ones
differ, what each setting does. ``sections/`` says it, in tables of texts and in sentences.
``contents`` puts these together as a ``document``, ``formats/`` writes one down, a module a format,
and ``files`` puts it into ``reports/``.
"""

from hpsearch.reporting.analysis.tables import best_fingerprint, full_table, hp_table
from hpsearch.reporting.contents import study_document, summary
from hpsearch.reporting.files import Report, write_comparison, write_report
from hpsearch.reporting.formats.markdown import markdown, markdown_section, markdown_table
from hpsearch.reporting.formats.terminal import show
from hpsearch.reporting.layout import Layout, choose
from hpsearch.reporting.sections.winner import winner_figures

__all__ = [
    "Layout",
    "Report",
    "best_fingerprint",
    "choose",
    "full_table",
    "hp_table",
    "markdown",
    "markdown_section",
    "markdown_table",
    "show",
    "study_document",
    "summary",
    "winner_figures",
    "write_comparison",
    "write_report",
]
