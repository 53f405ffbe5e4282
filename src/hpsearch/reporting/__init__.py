"""From a study to its tables. Imports pandas, never torch.

    study = open_tracker(root).read_study("lr")
    report = write_report(study, root)        # reports/lr.md, reports/lr.csv, reports/lr.tex
    print(report.text)

``points`` groups trials that differ in the seed alone, ``tables`` computes frames of them,
``differences`` tests with ``statistics`` which ones differ and ``effects`` what each setting does;
``verdict``, ``gains``, ``learning`` and ``notes`` say it; ``markdown``, ``latex`` and ``files``
turn all of it into text and files. A new format is a new module beside ``markdown``.
"""

from hpsearch.reporting.files import Report, write_report
from hpsearch.reporting.markdown import document, markdown_table
from hpsearch.reporting.tables import best_fingerprint, full_table, hp_table

__all__ = [
    "Report",
    "best_fingerprint",
    "document",
    "full_table",
    "hp_table",
    "markdown_table",
    "write_report",
]
