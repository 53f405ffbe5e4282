"""Creates the study, or goes on with the one of the same name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra_plugins.hpsearch_sweeper import errors, pruners
from hydra_plugins.hpsearch_sweeper.samplers import building
from hydra_plugins.hpsearch_sweeper.study import locks, storage, study

if TYPE_CHECKING:
    import optuna
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.study.study import SweepStudy

__all__ = ["open_study"]


def open_study(plan: Plan) -> SweepStudy:
    """Creates the study, or goes on with the one of the same name."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    opened = storage.open_storage(plan.settings.storage)
    lock = locks.study_lock(plan.settings.storage, plan.study_name)
    with lock:
        opened_study = optuna.create_study(
            storage=opened,
            study_name=plan.study_name,
            directions=list(plan.settings.directions),  # type: ignore[arg-type]
            sampler=building.neutral_sampler(),
            pruner=pruners.build_pruner(plan.settings.pruner),
            load_if_exists=True,
        )
        _require_same_study(opened_study, plan)
    return study.SweepStudy(plan, opened_study, lock)


def _require_same_study(study: optuna.Study, plan: Plan) -> None:
    """One study, one search space: an explicit study_name could mix two."""
    directions = tuple(direction.name.lower() for direction in study.directions)
    if directions != plan.settings.directions:
        raise errors.StudyError(
            f"hydra.sweeper.study_name={plan.study_name} exists with direction="
            f"{', '.join(directions)}, given {', '.join(plan.settings.directions)}; "
            "choose another name, or put {hash} into it"
        )
    now = {x.name: x.canonical() for x in plan.space.parameters}
    before = study.user_attrs.get("search_space")
    if before is None:
        study.set_user_attr("search_space", now)
        return
    changed = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if changed:
        shown = "; ".join(f"{k} was {before.get(k)}, is {now.get(k)}" for k in changed)
        raise errors.StudyError(
            f"hydra.sweeper.study_name={plan.study_name} exists with another search space "
            f"({shown}); choose another name, or put {{hash}} into it"
        )
