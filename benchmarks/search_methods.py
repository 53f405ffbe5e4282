"""The pruners that are compared, as a user chooses them, and how each fares on resampled curves."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hydra import compose, initialize_config_dir
from hydra_plugins.hpsearch_sweeper.settings import read_settings
from search_recording import SEARCH
from search_replay import Array, Curves, search

from hpsearch.config import CONF_DIR, register

__all__ = ["METHODS", "Found", "Method", "replay"]


class Method(NamedTuple):
    """One way to search the grid.

    Attributes:
        overrides: what the command line has for it.
        by_seed: its steps are whole runs with other seeds, not epochs.
        claimed: whether the claim is made for it.
        share: of the points, which all run to their end.
    """

    name: str
    overrides: tuple[str, ...]
    by_seed: bool = False
    claimed: bool = False
    share: float = 1.0


class Found(NamedTuple):
    """One resampling; what is lost is in points of accuracy."""

    share: float  # of the full grid's epochs
    drawn: float  # lost against the full grid's best in the same resampling
    true: float  # lost against the grid's best, by the mean over all recorded seeds


METHODS = (
    Method("full grid", ("hydra/sweeper/pruner=none",)),
    Method("a random third of the grid", ("hydra/sweeper/pruner=none",), share=1 / 3),
    Method("`early`", ("hydra/sweeper/pruner=early",), claimed=True),
    Method(
        "`hyperband`",
        ("hydra/sweeper/pruner=hyperband", "hydra.sweeper.pruner.max_resource=${trainer.epochs}"),
    ),
    Method(
        "`hyperband`, reduction_factor=4",
        (
            "hydra/sweeper/pruner=hyperband",
            "hydra.sweeper.pruner.max_resource=${trainer.epochs}",
            "hydra.sweeper.pruner.reduction_factor=4",
        ),
    ),
    Method("`successive_halving`", ("hydra/sweeper/pruner=successive_halving",)),
    Method("`median`", ("hydra/sweeper/pruner=median",)),
    Method("`percentile`", ("hydra/sweeper/pruner=percentile",)),
    Method("`wilcoxon` over seeds", ("hydra/sweeper/pruner=wilcoxon",), by_seed=True),
)


def replay(method: Method, curves: Curves, *, resamplings: int) -> list[Found]:
    """The same resamplings for every method."""
    pruner = _pruner(method, epochs=curves.epochs)
    return [_resample(method, pruner, curves, number=n) for n in range(resamplings)]


def _pruner(method: Method, *, epochs: int) -> dict[str, Any]:
    """`hydra.sweeper.pruner` as that command line composes it."""
    register()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        given = [f"search={SEARCH}", f"trainer.epochs={epochs}", *method.overrides]
        return read_settings(compose("config", given, return_hydra_config=True)).pruner


def _resample(method: Method, pruner: dict[str, Any], curves: Curves, *, number: int) -> Found:
    random = np.random.default_rng(number)
    order = [int(point) for point in random.permutation(len(curves.points))]
    order = order[: round(method.share * len(order))]
    values = _draw(curves, random, by_seed=method.by_seed)
    # A training returns its best checkpoint's accuracy, replicates their mean.
    returned = values.mean(axis=1) if method.by_seed else values.max(axis=1)
    outcome = search(values, returned, pruner, name=f"resampling-{number}", order=order)
    return Found(
        share=outcome.steps / values.size,
        drawn=100 * float(returned.max() - returned[outcome.chosen]),
        true=100 * float(curves.quality.max() - curves.quality[outcome.chosen]),
    )


def _draw(curves: Curves, random: np.random.Generator, *, by_seed: bool) -> Array:
    """(points, steps): the curve of one seed each, or the results of as many as are recorded."""
    points, seeds, _ = curves.values.shape
    if by_seed:  # the same ones for all points, for the test is paired
        return curves.best[:, random.integers(seeds, size=seeds)]
    return curves.values[np.arange(points), random.integers(seeds, size=points)]
