"""A job in Slurm, seen from the sweeper."""

from __future__ import annotations

import os
import pickle
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.jobs import orders, returns, runner
from hydra_plugins.hpsearch_sweeper.jobs.slurm import queue

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.orders import Answer
    from hydra_plugins.hpsearch_sweeper.jobs.output import Tail
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Outcome

__all__ = ["SlurmJob"]

# Seconds that a result may be on its way over a network file system, from a job that has ended.
ON_ITS_WAY = 15.0


class SlurmJob:
    """Collects a job's output and result until Slurm has ended it."""

    def __init__(self, number: int, submitted: Any, tail: Tail, *, folder: Path) -> None:
        self.number = number
        self.job_id = str(submitted.job_id)
        self.stopped: Outcome | None = None
        self.waits = True  # in Slurm's queue, for the first time or again
        self._paths = submitted.paths
        self._tail = tail
        self._folder = folder
        self._handed_over = self._written()
        self._answer: Answer | None = None
        self._gone_since: float | None = None
        self._entry: queue.Entry | None = None
        self._said = ""

    def look(self, show: Callable[[int, str], None] | None) -> None:
        """Takes what has come over the shared folder."""
        if self._answer is None and self.stopped is None:
            self._read()
        for line in self._tail.lines(final=self.over):
            if show is not None:
                show(self.number, line)

    def told(self, entry: queue.Entry | None, show: Callable[[int, str], None] | None) -> None:
        """What Slurm says of it; None where it does not know the job any more."""
        gone = entry is None or entry.state in queue.ENDED
        self.waits = entry is not None and entry.state in queue.WAITING
        self._entry = entry
        if not gone:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = time.monotonic()
        if entry is not None and self.waits and entry.reason != "None":  # nobody knows it yet
            self._say(f"waits in Slurm as job {self.job_id} ({entry.reason})", show)
        if entry is not None and entry.reason == "BeginTime" and self._ended_in_order():
            queue.begin_soon(self.job_id)

    @property
    def over(self) -> bool:
        """Whether nothing more will come: neither from it nor of it."""
        if self._answer is not None:
            return True
        if self._gone_since is None:
            return False
        # One that was ended has no result; of any other it may be slower than Slurm's word.
        cut = self.stopped or (self._entry and self._entry.state not in ("COMPLETED", "FAILED"))
        return bool(cut) or time.monotonic() - self._gone_since > ON_ITS_WAY

    @property
    def held(self) -> str:
        """Why Slurm will not start it again by itself, as after a node that failed; or nothing."""
        reason = self._entry.reason if self._entry else ""
        return reason if queue.HELD in reason else ""

    @property
    def was_cancelled(self) -> bool:
        """Whether Slurm says so."""
        return self._entry is not None and self._entry.state == "CANCELLED"

    @property
    def returned(self) -> bytes | None:
        """Hydra's own account, packed, where that was wanted."""
        return self._answer.returned if self._answer else None

    def close(self) -> Outcome:
        """How it ended; its scripts and logs stay where that was badly."""
        self.release()
        outcome = self._outcome()
        returns.keep_error(outcome, self._folder)
        if outcome.error is None:
            shutil.rmtree(self._paths.folder, ignore_errors=True)
        return outcome

    def release(self) -> None:
        """Nobody looks at it any more."""
        self._tail.close()

    def _outcome(self) -> Outcome:
        if self.stopped is not None:
            return self.stopped
        if self._answer is not None:
            return self._answer.outcome
        details = "\n".join(filter(None, (self._tail.last_lines, self._log())))
        return runner.Outcome(error=queue.cause(self._entry), details=details, retriable=True)

    def _ended_in_order(self) -> bool:
        """Whether the guardian has Slurm queue it again, and not Slurm itself: a node that failed
        may still run it."""
        with suppress(OSError):
            before, self._handed_over = self._handed_over, self._written()
            return self._handed_over != before
        return False

    def _written(self) -> int:
        """When submitit wrote what the job runs next."""
        return int(self._paths.submitted_pickle.stat().st_mtime_ns)

    def _read(self) -> None:
        """Listing the folder makes NFS look anew; the result is written aside and renamed."""
        with suppress(OSError):
            os.listdir(self._paths.folder)
        try:
            state, result = pickle.loads(self._paths.result_pickle.read_bytes())
        except (OSError, EOFError):  # not there yet, or not all of it
            return
        if state == "success":
            self._answer = pickle.loads(result)
        else:  # the guardian's own exception, as text
            *_, last = result.strip().splitlines()
            outcome = runner.Outcome(error=last, details=result, retriable=True)
            self._answer = orders.Answer(outcome, None)

    def _log(self) -> str:
        """The end of what Slurm and the job's script said."""
        with suppress(OSError):
            return str(self._paths.stderr.read_text(errors="replace"))[-2000:].strip()
        return ""

    def _say(self, line: str, show: Callable[[int, str], None] | None) -> None:
        if line != self._said and show is not None:
            show(self.number, line)
        self._said = line
