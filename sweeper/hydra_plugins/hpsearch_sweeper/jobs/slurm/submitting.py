"""Hands jobs over to Slurm, through submitit's executor."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO

from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.jobs import server
from hydra_plugins.hpsearch_sweeper.jobs.slurm import queue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hydra_plugins.hpsearch_sweeper.jobs.slurm.settings import Settings

__all__ = ["RefusedError", "Submitter", "explain", "require"]

# What a job inherits of the Slurm job in which the sweep itself runs would contradict its own.
OF_A_JOB = ("SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_", "PMI")
KEPT = {"SLURM_CONF"}

# It answers, but has no time: what it says then is not about the job.
BUSY = (
    "timed out",
    "unable to contact",
    "connection refused",
    "temporarily",
    "zero bytes",
    "communication",
)

# Parameters that have a value in any case, which is hardly ever at fault.
UNTOLD = ("additional_parameters", "signal_delay_s")


class RefusedError(Exception):
    """sbatch did not take the job; the text is one line."""

    @property
    def may_pass(self) -> bool:
        """Whether the same job may be taken a minute later."""
        return any(word in str(self).lower() for word in BUSY)


class Submitter:
    """For the jobs of one sweep; raises ConfigError where a parameter has a wrong type."""

    def __init__(self, settings: Settings) -> None:
        submitit = _submitit()
        python = {"slurm_python": settings.python} if settings.python else {}
        self._executor = submitit.AutoExecutor(
            settings.folder,
            cluster="slurm",
            slurm_max_num_timeout=settings.max_requeues,
            **python,
        )
        self._parameters = settings.parameters

    def submit(self, function: Callable[[], bytes], *, name: str) -> Any:
        """submitit's job. Raises RefusedError."""
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        try:
            with _environment(), server.no_interrupt(), redirect_stderr(_Unsaid(sys.stderr)):
                self._executor.update_parameters(**self._parameters, name=name)
                submitted = self._executor.submit(function)
        except (FailedJobError, FailedSubmissionError) as error:
            raise RefusedError(_one_line(str(error))) from error
        _remove_links(submitted.paths.folder.parent)
        return submitted


def require() -> None:
    """Raises ConfigError where something that it takes is not installed."""
    if find_spec("submitit") is None:
        raise errors.ConfigError(
            "hydra/launcher=slurm needs submitit: pip install 'hpsearch[slurm]'"
        )
    for program in ("sbatch", "srun", "squeue", "scancel"):
        queue.require(program)


def explain(refused: RefusedError, parameters: Mapping[str, Any]) -> errors.ConfigError:
    """One line with what was given, and which partitions there are where that is at fault."""
    given = {key.removeprefix("slurm_"): value for key, value in parameters.items()}
    shown = ", ".join(f"{key}={given[key]}" for key in sorted(given) if key not in UNTOLD)
    known = f"; partitions are {queue.partitions()}" if "partition" in str(refused) else ""
    return errors.ConfigError(
        f"hydra/launcher=slurm: sbatch refuses the job: {refused}{known}; "
        f"hydra.launcher has {shown}"
    )


class _Unsaid(io.TextIOBase):
    """A stream without what submitit prints of sbatch: the exception has it too."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._held = False

    def write(self, text: str, /) -> int:
        held = text.startswith("sbatch: ") or (self._held and text == "\n")
        self._held = held and text != "\n"
        return len(text) if held else self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()


def _submitit() -> Any:
    """Without its logging, which would close the handlers that a program has."""
    before = os.environ.get("SUBMITIT_LOG_LEVEL")
    os.environ["SUBMITIT_LOG_LEVEL"] = "NOCONFIG"
    try:
        import submitit
    finally:
        del os.environ["SUBMITIT_LOG_LEVEL"]
        if before is not None:
            os.environ["SUBMITIT_LOG_LEVEL"] = before
    return submitit


@contextmanager
def _environment() -> Iterator[None]:
    """What sbatch hands on: the sweeper's, with which the job finds what the sweeper finds."""
    before = dict(os.environ)
    if "SLURM_JOB_ID" in os.environ:
        for key in [key for key in os.environ if key.startswith(OF_A_JOB) and key not in KEPT]:
            del os.environ[key]
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    try:
        yield
    finally:
        for key in ("PYTHONPATH", *before):
            if key in before:
                os.environ[key] = before[key]
            else:
                del os.environ[key]


def _remove_links(folder: Path) -> None:
    """submitit leaves one for each job, to a script that sbatch has read."""
    for link in folder.glob(".submission_file_*"):
        if link.is_symlink():
            link.unlink(missing_ok=True)


def _one_line(said: str) -> str:
    lines = (line.removeprefix("sbatch: ").removeprefix("error: ") for line in said.splitlines())
    return "; ".join(line.strip() for line in lines if line.strip()) or "it gives no reason"
