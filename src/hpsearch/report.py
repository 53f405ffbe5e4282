"""Entry: the table of a study, from MLflow into ``reports/``.

python -m hpsearch.report                    # the newest study
python -m hpsearch.report study=lr root=../thesis
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.cli import parse
from hpsearch.errors import one_line_errors

__all__ = ["Report", "main"]


@dataclass(frozen=True)
class Report:
    """Write and print the table of a study: python -m hpsearch.report [key=value ...]"""

    study: str = field(default="", metadata={"help": "its name; default: the newest"})
    root: str = field(default=".", metadata={"help": "where mlflow.db and reports/ lie"})
    tracking_uri: str = field(default="", metadata={"help": "MLflow; default: <root>/mlflow.db"})


def main(argv: Sequence[str] | None = None) -> None:
    with one_line_errors():
        run(parse(sys.argv[1:] if argv is None else argv, Report))


def run(asked: Report) -> None:
    from hpsearch.reporting import write_report  # a wrong key is told before pandas is loaded
    from hpsearch.tracking import open_tracker

    root = Path(asked.root)
    tracker = open_tracker(root, uri=asked.tracking_uri or None)
    sent = tracker.send_spooled()
    if sent.records:
        print(f"sent to MLflow: {sent.records} records of {sent.runs} runs, kept while it was away")
    study = tracker.read_study(asked.study or tracker.newest_study())
    report = write_report(study, root)
    _show(f"{study.name}\n\n{report.text}\n\n{report.markdown}\n{report.csv}\n{report.latex}")


def _show(text: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without these signs
    print(text)


if __name__ == "__main__":
    main()
