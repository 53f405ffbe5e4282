"""An order: one job as it is sent to where it runs, and how it is carried out there."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra_plugins.hpsearch_sweeper.jobs import returns, runner, shipping

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn
    from hydra.types import TaskFunction
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Job, Outcome
    from omegaconf import DictConfig

__all__ = ["Answer", "Order", "Orders", "carry_out", "run_composed"]


class Order(NamedTuple):
    """Pickled inside, to be unpacked when all is ready."""

    program: bytes
    config: bytes
    folder: Path
    objectives: int
    environment: dict[str, str]
    wants_return: bool
    place: str  # where it runs, in words; empty where that goes without saying


class Answer(NamedTuple):
    """How the job ended, and Hydra's own account of it where that was wanted."""

    outcome: Outcome
    returned: bytes | None


class Orders:
    """Makes the orders of one sweep, whose program is packed once."""

    def __init__(
        self, task_function: Callable[[Any], Any], *, objectives: int, wants_returns: bool
    ) -> None:
        self._program = shipping.pack_program(task_function)
        self._objectives = objectives
        self._wants_returns = wants_returns

    def of(self, job: Job, *, environment: Mapping[str, str], place: str = "") -> Order:
        """Raises where the job's config holds what cannot be sent."""
        return Order(
            program=self._program,
            config=shipping.pack(job.config),
            folder=job.folder.absolute(),
            objectives=self._objectives,
            environment=dict(environment),
            wants_return=self._wants_returns,
            place=place,
        )


def carry_out(order: Order) -> Answer:
    """Runs the job in this process, whose environment and output are the order's by now."""
    returns.forget_error(order.folder)
    answer = _attempt(order)
    returns.keep_error(answer.outcome, order.folder)
    return answer


def run_composed(function: TaskFunction, config: DictConfig, callbacks: Any) -> JobReturn:
    """Hydra's own way of running a job, in the folder of a sweep."""
    from hydra.core.utils import run_job
    from hydra.types import HydraContext

    loader: Any = None  # nothing is left to compose
    return run_job(
        task_function=function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=HydraContext(config_loader=loader, callbacks=callbacks),
    )


def _attempt(order: Order) -> Answer:
    try:
        returned = _run(order)
        packed = shipping.pack(returned) if order.wants_return else None
        return Answer(returns.from_return(returned, objectives=order.objectives), packed)
    except BaseException as error:  # sys.exit ends the job, not more
        return Answer(runner.Outcome.from_exception(error), None)


def _run(order: Order) -> JobReturn:
    from hydra._internal.callbacks import Callbacks

    program: shipping.Program = pickle.loads(order.program)
    shipping.restore_globals(program)
    config: DictConfig = pickle.loads(order.config)
    return run_composed(shipping.load_function(program), config, Callbacks(config))
