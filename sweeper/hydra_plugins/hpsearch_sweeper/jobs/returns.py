"""How a job ended, from what Hydra, the process or an exception tells."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper import hiding
from hydra_plugins.hpsearch_sweeper.jobs import runner

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Outcome

__all__ = ["forget_error", "from_early_exit", "from_exit_code", "from_return", "keep_error"]

ERROR_FILE = "error.txt"


def from_return(returned: JobReturn, *, objectives: int) -> Outcome:
    """What Hydra's account of a job means to the study."""
    if returned.status.name == "COMPLETED":
        return runner.outcome_of(returned.return_value, objectives=objectives)
    # return_value would raise the job's exception, and print a line of its own
    return runner.Outcome.from_exception(returned._return_value)


def from_exit_code(code: int, *, details: str) -> Outcome:
    """What a process that left no result died of; signals may spare it the next time."""
    if code < 0:
        return runner.Outcome(error=_signal_text(-code), details=details, retriable=True)
    return runner.Outcome(error=_code_text(code), details=details, retriable=code > 128)


def from_early_exit(code: int, *, details: str = "") -> Outcome:
    """The same of a process that had not come to begin its job.

    A program without a guard runs itself again there and raises; what is killed may just be young.
    """
    if code != 1:
        return from_exit_code(code, details=details)
    return runner.Outcome(
        error=f"exit code {code} before the job began; does the program call its main "
        'function under `if __name__ == "__main__":`?',
        details=details,
    )


def keep_error(outcome: Outcome, folder: Path) -> None:
    """The stack trace goes into the job's folder, where its log is."""
    if outcome.error and outcome.details and folder.is_dir():
        with suppress(OSError):  # perhaps the disk is full, and the job failed of that
            (folder / ERROR_FILE).write_text(hiding.redacted(outcome.details), encoding="utf-8")


def forget_error(folder: Path) -> None:
    """That of an earlier attempt."""
    (folder / ERROR_FILE).unlink(missing_ok=True)


def _signal_text(number: int) -> str:
    if number == signal.SIGKILL:
        return f"SIGKILL (signal {number}; perhaps the kernel was out of memory)"
    return f"{_signal_name(number)} (signal {number})"


def _code_text(code: int) -> str:
    if code == 128 + signal.SIGKILL:
        return f"exit code {code} (killed, perhaps out of memory)"
    if name := _signal_name(code - 128):
        return f"exit code {code} ({name})"
    return f"exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""
