"""The exception tree, and how an exception becomes one line for a person."""

from __future__ import annotations

import difflib
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

__all__ = [
    "BackboneError",
    "ConfigError",
    "DataError",
    "DivergedError",
    "HpsearchError",
    "LeaseLostError",
    "PreemptedError",
    "ReportError",
    "TooLargeError",
    "TrackerAwayError",
    "TrackingConflictError",
    "TrackingError",
    "TrainingError",
    "allowed",
    "nearest",
    "one_line_errors",
]

EXIT_USER_ERROR = 2
EXIT_BROKEN_PIPE = 141
INTERRUPTED = "interrupted; the same command goes on from here"
EXIT_SIGNAL = 128  # and the signal's number, as a shell has it

# Asked before we set it ourselves.
_TRACEBACKS = os.environ.get("HYDRA_FULL_ERROR") == "1"


class HpsearchError(Exception):
    """Something the user can mend; its text is one line that names key, given and allowed."""


class ConfigError(HpsearchError):
    """A key or value of the configuration is not allowed."""


class DataError(HpsearchError):
    """A file, column, label or split is missing or wrong."""


class BackboneError(HpsearchError):
    """A pretrained model or tokenizer cannot be loaded."""


class TrainingError(HpsearchError):
    """The training itself failed, for example because the loss became NaN."""


class DivergedError(TrainingError):
    """The loss, the gradient or a weight is NaN or infinite."""


class TooLargeError(TrainingError):
    """Not even one example fits into memory."""


class PreemptedError(HpsearchError):
    """The training was told to stop (SIGTERM); what it had is kept, and a later one goes on."""

    retriable = True  # the sweeper asks any exception for it


class LeaseLostError(HpsearchError):
    """Another process took over what this one held, for it gave no sign of life."""

    retriable = True


class TrackingError(HpsearchError):
    """MLflow's store cannot be used as asked."""


class TrackerAwayError(TrackingError):
    """MLflow's store does not answer; it may later."""


class TrackingConflictError(TrackingError):
    """Another process wrote the same rows in that moment; who looks again finds them."""


class ReportError(HpsearchError):
    """There is nothing to report, or not under that name."""


def nearest(given: str, options: Iterable[str]) -> str:
    """``" (did you mean 'tanh'?)"`` for the closest option, ``""`` where none is close."""
    found = difflib.get_close_matches(str(given), [str(o) for o in options], n=1, cutoff=0.5)
    return f" (did you mean {found[0]!r}?)" if found else ""


def allowed(key: str, given: object, options: Iterable[object]) -> str:
    """One line for a value outside a closed list."""
    names = [str(option) for option in options]
    return f"{key}={given}: allowed are {', '.join(names)}{nearest(str(given), names)}"


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Print what the user can mend as one line and exit; leave a defect its traceback.

    Exit codes: 2 for a user's error, 130 for Ctrl-C, 143 for SIGTERM. ``HYDRA_FULL_ERROR=1`` turns
    this off.
    """
    if _TRACEBACKS:
        yield
        return
    try:
        with _hydra_raises():
            yield
    except KeyboardInterrupt as error:
        terminated = error.args == (signal.SIGTERM,)  # as `hpsearch.preemption` says it
        number = signal.SIGTERM if terminated else signal.SIGINT
        told = error.__context__  # a training says where it stopped
        where = str(told) if isinstance(told, PreemptedError) else INTERRUPTED
        _leave(where, EXIT_SIGNAL + number)
    except PreemptedError as error:
        _leave(str(error), EXIT_SIGNAL + signal.SIGTERM)
    except BrokenPipeError:
        # `… | head` has read enough; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(EXIT_BROKEN_PIPE) from None
    except Exception as error:
        line = explain(error)
        if line is None:
            raise
        _leave(f"error: {line}", EXIT_USER_ERROR)


@contextmanager
def _hydra_raises() -> Iterator[None]:
    """Hydra prints several lines of its own and exits, unless it is told to raise."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before


def _leave(line: str, code: int) -> None:
    from hpsearch.redaction import redact  # it imports OmegaConf, which takes its time

    # What was given may hold anything, a line break or a terminal's control codes too.
    shown = (c if c.isprintable() else repr(c)[1:-1] for c in redact(line))
    print("".join(shown), file=sys.stderr)
    raise SystemExit(code) from None


def explain(error: BaseException) -> str | None:
    """The one line for an exception that a user can mend; None for a defect of ours."""
    if isinstance(error, HpsearchError):
        return _flat(str(error))
    # They import Hydra, which not every entry needs.
    from hpsearch.config import explain_hydra
    from hpsearch.disk import explain_disk

    return explain_hydra(error) or explain_disk(error)


def _flat(text: str) -> str:
    return " ".join(text.split())
