"""`hydra.sweeper.dry_run`: what would run, as far as it is known beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.space.points import Point

__all__ = ["print_trials", "trials"]


def print_trials(plan: Plan) -> None:
    """A line a trial on standard output."""
    shown = list(trials(plan))[: plan.total]
    print(f"study {plan.study_name}: {plan.total} trials; dry run, none is started")
    for position, overrides in enumerate(shown, start=1):
        print(f"trial {position}/{plan.total}  {overrides}")
    if left := plan.total - len(shown):
        name = plan.settings.sampler["_target_"].rpartition(".")[2]
        print(f"{left} more, chosen by {name} as values come in")


def trials(plan: Plan) -> Iterator[str]:
    """The searched overrides of each trial whose point is known beforehand."""
    for point in plan.first if plan.listed is None else plan.listed:
        for seed in plan.settings.seeds or (None,):
            yield _overrides(plan, point, seed) or "the base config"


def _overrides(plan: Plan, point: Point, seed: int | None) -> str:
    words = [x.override(point[x.name]) for x in plan.space.parameters if x.name in point]
    words += [] if seed is None else [f"{plan.settings.seed_key}={seed}"]
    return "  ".join(word.lstrip("+") for word in words)
