"""One factor at a time: the base, then each key's other values with all other keys at the base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.samplers._ofat import OfatSampler
    from hydra_plugins.hpsearch_sweeper.space.values import Label

__all__ = ["OfatSampler", "one_factor_at_a_time"]


def one_factor_at_a_time(
    base: Mapping[str, Label], levels: Mapping[str, Sequence[Label]]
) -> list[dict[str, Label]]:
    """The base point first; n keys with k values each make 1 + n (k - 1) points, not k ** n."""
    points = [dict(base)]
    for name, labels in levels.items():
        points += [{**base, name: label} for label in labels if label != base[name]]
    return points


def __getattr__(name: str) -> Any:
    """The sampler's class imports Optuna, so it stands where Hydra's scanner does not look."""
    if name == "OfatSampler":
        from hydra_plugins.hpsearch_sweeper.samplers import _ofat

        return _ofat.OfatSampler
    raise AttributeError(f"module {__name__} has no attribute {name}")
