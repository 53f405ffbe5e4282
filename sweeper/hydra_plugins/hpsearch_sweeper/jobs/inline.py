"""Runs each job in this process, as Hydra's basic launcher does, but composes nothing again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper.jobs import orders, returns, runner

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Job, Outcome
    from omegaconf import DictConfig

__all__ = ["InlineRunner"]


class InlineRunner:
    """One job at a time, and a crash of the job is the sweeper's: for debugging."""

    slots = 1
    in_this_process = True
    can_stop = False

    def __init__(
        self,
        task_function: TaskFunction,
        hydra_context: HydraContext,
        *,
        config: DictConfig,
        objectives: int,
    ) -> None:
        self._task_function = task_function
        self._hydra_context = hydra_context
        self._config = config
        self._objectives = objectives
        self._waiting: list[Job] = []

    def start(self, job: Job) -> None:
        """The job runs in `wait`."""
        self._waiting.append(job)

    def wait(self, timeout: float) -> list[tuple[int, Outcome]]:
        """As long as the job takes, whatever the timeout."""
        if not self._waiting:
            return []
        job = self._waiting.pop(0)
        returns.forget_error(job.folder)
        outcome = self._run(job)
        returns.keep_error(outcome, job.folder)
        return [(job.number, outcome)]

    def stop(self, number: int, outcome: Outcome) -> bool:
        return False

    def close(self) -> None:
        self._waiting.clear()

    def _run(self, job: Job) -> Outcome:
        from hydra.core.utils import configure_log, setup_globals

        setup_globals()
        try:
            returned = orders.run_composed(
                self._task_function, job.config, self._hydra_context.callbacks
            )
        except (Exception, SystemExit) as error:  # Ctrl-C is for the sweeper
            return runner.Outcome.from_exception(error)
        finally:
            configure_log(self._config.hydra.hydra_logging, self._config.hydra.verbose)
        return returns.from_return(returned, objectives=self._objectives)
