"""What submitit runs on a node: it starts the trial, waits, and has Slurm queue the job again.

The trial is a process of its own, so that a segfault or the kernel's out-of-memory killer leaves
somebody to say so.
"""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.jobs import orders, runner
from hydra_plugins.hpsearch_sweeper.jobs.slurm import process

if TYPE_CHECKING:
    from submitit.core.utils import DelayedSubmission

__all__ = ["Guardian"]

# Seconds between two looks at the trial and at what Slurm has signalled.
PULSE = 0.2

# Of the seconds before the time limit: Slurm itself needs some to queue the job again.
SHARE = 0.75


class Guardian:
    """Called by submitit, without arguments; returns the trial's packed Answer."""

    def __init__(self, work: bytes, *, signal_delay_s: float, max_requeues: int) -> None:
        self._work = work
        self._signal_delay_s = signal_delay_s
        self._max_requeues = max_requeues

    def __call__(self) -> bytes:
        told = _Signals()
        trial = process.TrialProcess(self._work)
        while trial.runs(PULSE) and not told:
            pass
        if told:
            trial.end(within=SHARE * self._signal_delay_s)
        else:
            time.sleep(PULSE)  # the trial may have died of what is about to arrive here too
        if told and _is_cut_short(trial.answer()):
            return self._queue_again(told)
        return trial.answer()

    def checkpoint(self) -> DelayedSubmission | None:
        """For submitit, once the trial has ended: what the same job runs next time.

        None says that it was queued again too often.
        """
        from submitit.core.utils import DelayedSubmission

        again = _restarts() < self._max_requeues
        return DelayedSubmission(self) if again else None

    def _queue_again(self, told: _Signals) -> bytes:
        """Does not return, but where the job may not be queued again.

        A SIGTERM is Slurm's for a job that is cancelled and for one that is preempted alike.
        """
        import subprocess

        from submitit.core.utils import UncompletedJobError

        if not told.again and _state() != "RUNNING":
            raise SystemExit(1)  # the sweeper asks Slurm for the cause
        try:
            told.queue_again()
        except UncompletedJobError:
            cause = (
                f"preempted or out of time after {_restarts()} requeues, as many as "
                f"hydra.launcher.max_requeues={self._max_requeues} allows"
            )
        except (subprocess.SubprocessError, OSError) as error:
            if getattr(error, "returncode", 1) < 0:  # Slurm, queueing it again, ended scontrol too
                raise SystemExit(1) from None
            cause = f"Slurm does not queue the job again ({error})"
        outcome = runner.Outcome(error=cause, retriable=True)
        return pickle.dumps(orders.Answer(outcome, None))


class _Signals:
    """Notes what comes, instead of submitit, whose handlers would act amid anything."""

    def __init__(self) -> None:
        from submitit.core.job_environment import JobEnvironment

        self.end = self.again = False
        self._number = signal.Signals[f"SIG{JobEnvironment.USR_SIG}"]
        self._submitit: Callable[..., Any] = signal.getsignal(self._number)  # type: ignore[assignment]
        signal.signal(self._number, self._note_again)
        signal.signal(signal.SIGTERM, self._note_end)

    def __bool__(self) -> bool:
        return self.end or self.again

    def queue_again(self) -> None:
        """submitit calls `checkpoint`, stores what comes of it, asks Slurm and exits."""
        self._submitit(self._number)

    def _note_again(self, number: int, frame: Any) -> None:
        self.again = True

    def _note_end(self, number: int, frame: Any) -> None:
        self.end = True


def _is_cut_short(packed: bytes) -> bool:
    """Whether the trial was kept from its end, by whatever it says of that."""
    outcome = pickle.loads(packed).outcome
    return outcome.values is None and not outcome.pruned


def _restarts() -> int:
    return int(os.environ.get("SLURM_RESTART_COUNT", 0))


def _state() -> str:
    """What Slurm says of this job."""
    import subprocess

    command = ["squeue", "--noheader", "--format=%T", f"--jobs={os.environ['SLURM_JOB_ID']}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip()
