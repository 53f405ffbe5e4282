"""Runs each job as one of Slurm's: handed over by itself, and taken back when it has ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra_plugins.hpsearch_sweeper.jobs import fresh, orders, output, runner
from hydra_plugins.hpsearch_sweeper.jobs.slurm import guardian, queue, running, submitting
from hydra_plugins.hpsearch_sweeper.study import workers

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Job, Outcome
    from hydra_plugins.hpsearch_sweeper.jobs.slurm.settings import Settings

__all__ = ["SlurmRunner"]

log = logging.getLogger(__name__)

# Seconds between two looks into the shared folder, and jobs that are looked at in a second.
LOOK = 0.5
LOOKS = 100.0

# Seconds between two questions to Slurm while the end of a job is waited for.
SOON = 1.0

# Seconds until a job is offered again that Slurm did not take.
AGAIN = 30.0


class _Waiting(NamedTuple):
    """A job that Slurm does not have yet."""

    job: Job
    function: Callable[[], bytes]


class SlurmRunner:
    """A job that is preempted or runs out of time stays the same one: Slurm queues it again."""

    in_this_process = False
    can_stop = True

    # Called from `wait` with a job's number and a line that it has printed.
    output: Callable[[int, str], None] | None = None

    def __init__(
        self,
        task_function: Callable[[Any], Any],
        settings: Settings,
        *,
        slots: int,
        objectives: int,
        wants_returns: bool = False,
    ) -> None:
        submitting.require()
        self.slots = slots
        self.returns: dict[int, bytes] = {}  # Hydra's own account of each job, where wanted
        self._orders = orders.Orders(
            task_function, objectives=objectives, wants_returns=wants_returns
        )
        self._settings = settings
        self._submitter = submitting.Submitter(settings)
        self._waiting: list[_Waiting] = []
        self._jobs: dict[int, running.SlurmJob] = {}
        self._not_begun: list[tuple[int, Outcome]] = []
        self._left: set[str] = set()  # the names of jobs that dead sweepers may have left
        self._accepted = False  # whether Slurm has taken a job of this sweep
        self._looked_at = self._asked_at = self._submit_at = float("-inf")

    def start(self, job: Job) -> None:
        try:
            order = self._orders.of(job, environment=self._settings.env)
        except Exception as error:  # the config holds what cannot be sent
            self._not_begun.append((job.number, runner.Outcome.from_exception(error)))
            return
        watched = guardian.Guardian(
            fresh.pack_work(order),
            signal_delay_s=self._settings.signal_delay_s,
            max_requeues=self._settings.max_requeues,
        )
        self._waiting.append(_Waiting(job, watched))
        self._submit()

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        deadline = time.monotonic() + timeout
        while not (ended := self._ended()) and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, LOOK))
        return ended

    def stop(self, number: int, outcome: Outcome) -> bool:
        """Slurm lets it write a checkpoint; it counts as running until it has ended."""
        for waiting in [each for each in self._waiting if each.job.number == number]:
            self._waiting.remove(waiting)
            self._not_begun.append((number, outcome))
            return True
        if (found := self._jobs.get(number)) is None:
            return False
        found.look(self.output)
        if not found.over and found.stopped is None and queue.cancel([found.job_id]):
            found.stopped = outcome
        return True

    def close(self) -> None:
        """Does not wait for their end: the next sweeper of the study does."""
        self._waiting.clear()
        alive = [each for each in self._jobs.values() if not each.over and not each.stopped]
        if not queue.cancel([each.job_id for each in alive]):
            names = " ".join(each.job_id for each in alive)
            log.warning("not all jobs could be cancelled; later: scancel %s", names)
        for each in self._jobs.values():
            each.release()
        self._jobs.clear()

    def waits(self, number: int) -> bool:
        found = self._jobs.get(number)
        return found is None or found.waits

    def withdraw(self) -> list[int]:
        never = [each.job.number for each in self._waiting]
        self._waiting.clear()
        pending = [each for each in self._jobs.values() if each.waits and not each.stopped]
        if pending:
            queue.cancel_pending([each.job_id for each in pending])
            self._ask()
        taken = [each for each in pending if each.was_cancelled]
        for each in taken:
            del self._jobs[each.number]
            each.release()
        return [*never, *(each.number for each in taken)]

    def end_left(self, left: Iterable[tuple[str, int]]) -> None:
        """They write a checkpoint where they can; until they have ended nothing is handed over."""
        name = self._settings.name
        self._left |= {queue.job_name(name, number, worker=worker) for worker, number in left}

    def _ended(self) -> list[tuple[int, Outcome]]:
        ended, self._not_begun = self._not_begun, []
        now = time.monotonic()
        if now - self._looked_at >= max(LOOK, len(self._jobs) / LOOKS):
            self._looked_at = now
            self._look()
        for number, each in list(self._jobs.items()):
            if each.over:
                del self._jobs[number]
                ended.append((number, each.close()))
                if each.returned is not None:
                    self.returns[number] = each.returned
        return ended

    def _look(self) -> None:
        for each in self._jobs.values():
            each.look(self.output)
        soon = any(each.stopped for each in self._jobs.values())
        interval = min(SOON, self._settings.poll_interval) if soon else self._settings.poll_interval
        if self._jobs and time.monotonic() - self._asked_at >= interval:
            self._ask()
        if self._waiting and time.monotonic() >= self._submit_at:
            self._submit()

    def _ask(self) -> list[queue.Entry] | None:
        """One question for all of them."""
        self._asked_at = time.monotonic()
        found = queue.entries()
        if found is not None:
            known = {entry.job_id: entry for entry in found}
            for each in self._jobs.values():
                each.told(known.get(each.job_id), self.output)
                if each.held:
                    held = f"Slurm job {each.job_id}: {each.held}"
                    self.stop(each.number, runner.Outcome(error=held, retriable=True))
        return found

    def _submit(self) -> None:
        while self._waiting and not self._left_run():
            job, function = self._waiting[0]
            try:
                self._hand_over(job, function)
            except submitting.RefusedError as refused:
                self._submit_at = time.monotonic() + AGAIN
                if not self._accepted and not refused.may_pass:
                    raise submitting.explain(refused, self._settings.parameters) from refused
                log.warning("Slurm does not take job %d yet: %s", job.number, refused)
                return
            del self._waiting[0]

    def _hand_over(self, given: Job, function: Callable[[], bytes]) -> None:
        tail = output.Tail(given.folder)  # before the job can print
        worker = workers.this_worker()
        name = queue.job_name(self._settings.name, given.number, worker=worker)
        submitted = self._submitter.submit(function, name=name)
        self._jobs[given.number] = running.SlurmJob(
            given.number, submitted, tail, folder=given.folder
        )
        self._accepted = True

    def _left_run(self) -> bool:
        """Whether a dead sweeper's job still runs, or that is not known; tells them to end."""
        if not self._left:
            return False
        self._submit_at = time.monotonic() + SOON
        found = self._ask()
        if found is None:
            return True
        alive = [x for x in found if x.name in self._left and x.state not in queue.ENDED]
        queue.cancel([x.job_id for x in alive if x.state != "COMPLETING"])
        self._left &= {x.name for x in alive}
        return bool(alive)
