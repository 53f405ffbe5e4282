"""What makes two trials one: the texts that their jobs see, and the seed of a replicate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.space import points, values
from hydra_plugins.hpsearch_sweeper.study import ledger

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.space.points import Point
    from hydra_plugins.hpsearch_sweeper.space.search_space import SearchSpace
    from hydra_plugins.hpsearch_sweeper.study.ledger import Key
    from optuna.trial import FrozenTrial

__all__ = ["drawn", "key_of_point", "key_of_trial"]


def key_of_point(space: SearchSpace, point: Mapping[str, Any], seed: int | None) -> Key:
    """Equal points have equal keys; what a custom search space added counts too."""
    names = set(space.names)
    more = [(k, values.override_text(v)) for k, v in point.items() if k not in names]
    replicate = [("seed", str(seed))] if seed is not None else []
    return (*points.texts(space, dict(point)), *sorted(more), *replicate)


def key_of_trial(space: SearchSpace, trial: FrozenTrial) -> Key:
    """The key of the trial's point."""
    return key_of_point(space, drawn(trial), trial.user_attrs.get(ledger.SEED))


def drawn(trial: FrozenTrial) -> Point:
    """The trial's point as far as it is known: of a waiting trial only what was fixed."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}
