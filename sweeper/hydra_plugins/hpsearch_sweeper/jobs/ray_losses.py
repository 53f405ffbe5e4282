"""How a trial ended of which Ray brings no answer."""

from __future__ import annotations

from hydra_plugins.hpsearch_sweeper.jobs import runner

__all__ = ["outcome_of"]

# By the names of Ray's exceptions. The cause is not the trial's: it may end better next time.
LOST = {
    "LocalRayletDiedError": "the Ray node of this host died",
    "NodeDiedError": "its Ray node died, or is out of reach",
    "ObjectLostError": "its Ray node died before it had handed over the result",
    "OutOfMemoryError": "out of memory: Ray killed it, for its node had too little left",
    "OwnerDiedError": "its Ray node died before it had handed over the result",
    "RaySystemError": "Ray failed",
    "TaskCancelledError": "cancelled by somebody else than the sweep",
    "WorkerCrashedError": "its Ray worker was killed (perhaps its node was out of memory)",
}


def outcome_of(error: Exception) -> runner.Outcome:
    """From what ray.get raises."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception):  # raised in the worker, before the trial began
        return runner.Outcome.from_exception(cause)
    outcome = runner.Outcome.from_exception(error)
    known = [LOST[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in LOST]
    if not known:
        return outcome
    return runner.Outcome(error=known[0], details=outcome.details, retriable=True)
