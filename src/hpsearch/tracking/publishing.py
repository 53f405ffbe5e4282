"""What a report puts into MLflow. The report itself lies on the disk, so nothing here fails it."""

from __future__ import annotations

import logging
from pathlib import Path

from hpsearch.errors import TrackerAwayError, TrackingError
from hpsearch.redaction import redact
from hpsearch.tracking.records import ReportFiles, as_record
from hpsearch.tracking.registry import Registered, register
from hpsearch.tracking.report_artifacts import put_report
from hpsearch.tracking.sending import Sender
from hpsearch.tracking.study import Study

__all__ = ["log_report", "register_winner"]

log = logging.getLogger(__name__)


def log_report(sender: Sender, report: ReportFiles) -> bool:
    """Whether MLflow has it now. A store that is away gets it with the next command."""
    try:
        sender.reach()
        if sender.folder.waits(report.study):
            raise TrackerAwayError(f"study={report.study} itself is not sent yet")
        with sender.trying():
            put_report(sender.store, report)
    except TrackerAwayError:
        sender.folder.add(as_record(report))
        return False
    except (TrackingError, OSError) as refused:
        log.warning("the report is not in MLflow: %s", redact(str(refused)))
        return False
    return True


def register_winner(
    sender: Sender, study: Study, fingerprint: str, *, folder: Path
) -> Registered | None:
    """The winner's version; None where it could not be made: the next report tries again."""
    try:
        sender.reach()
        with sender.trying():
            return register(sender.store, study, fingerprint, folder=folder)
    except (TrackingError, OSError) as error:
        log.warning("the best model is not registered: %s", redact(str(error)))
        return None
