"""From a study to its tables. Imports pandas, never torch.

    study = open_tracker(root).read_study("lr")
    report = write_report(study, root)        # reports/lr.md and reports/lr.csv
    print(report.text)

``tables`` computes frames, ``notes`` the sentences about them, ``markdown`` and ``files`` turn
both into text and files. A new format is a new module beside ``markdown``.
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
