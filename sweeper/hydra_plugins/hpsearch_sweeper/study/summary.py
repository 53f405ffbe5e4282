"""What a study amounts to, for the results file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper.study import ledger, results

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.study.results import Results, Solution
    from hydra_plugins.hpsearch_sweeper.study.study import Asked, SweepStudy
    from optuna.trial import FrozenTrial

__all__ = ["results_of"]


def results_of(study: SweepStudy, *, folder_of: Callable[[Asked], str]) -> Results:
    """`folder_of` tells where a trial's job wrote, relative to the sweep's folder."""

    def folder(trial: FrozenTrial) -> str:
        return folder_of(study.asked(trial))

    failures = study.ledger.failures[-results.MOST_FAILURES :]
    return results.Results(
        study_name=study.plan.study_name,
        directions=study.plan.settings.directions,
        best=tuple(_solution(study, best, folder(best)) for best in study.best_trials()),
        counts=_counts(study),
        failures=tuple(results.Failure(x.number, folder(x), study.failure_of(x)) for x in failures),
    )


def _counts(study: SweepStudy) -> dict[str, int]:
    held = study.ledger
    return {
        "complete": held.counts["COMPLETE"],
        "pruned": held.counts["PRUNED"],
        "failed": held.counts["FAIL"],
        "infeasible": held.counts["INFEASIBLE"],
        "retried": held.counts["REQUEUED"],
        "running": len(held.running),
        "total": study.plan.total,
    }


def _solution(study: SweepStudy, best: FrozenTrial, folder: str) -> Solution:
    params = dict(best.params)
    if (seed := best.user_attrs.get(ledger.SEED)) is not None:
        params[study.plan.settings.seed_key] = seed
    return results.Solution(best.number, folder, params, tuple(best.values))
