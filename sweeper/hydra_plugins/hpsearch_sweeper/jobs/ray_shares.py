"""What a trial takes of a Ray cluster, and whether there is room for it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hydra_plugins.hpsearch_sweeper import errors

__all__ = ["Terms", "options", "require_room", "wanted"]

log = logging.getLogger(__name__)

Resources = Mapping[str, float]  # of a node, by Ray's names


class Terms(NamedTuple):
    """What hydra.launcher says about the cluster and a trial's share of it, in Ray's terms."""

    address: str | None = None
    num_cpus: float = 1
    num_gpus: float | None = None
    memory: float | None = None
    resources: Mapping[str, float] = {}
    runtime_env: Mapping[str, Any] = {}
    init: Mapping[str, Any] = {}


def wanted(terms: Terms, nodes: Sequence[Resources]) -> dict[str, float]:
    """What a trial takes, by Ray's names of resources."""
    has_gpus = any(node.get("GPU") for node in nodes)
    gpus = terms.num_gpus if terms.num_gpus is not None else float(has_gpus)
    given = {"CPU": terms.num_cpus, "GPU": gpus, "memory": terms.memory or 0, **terms.resources}
    return {name: amount for name, amount in given.items() if amount}


def require_room(
    wanted: Mapping[str, float], nodes: Sequence[Resources], *, slots: int, own: bool
) -> None:
    room = sum(_room(wanted, node) for node in nodes)
    asked = ", ".join(f"{name}={amount:g}" for name, amount in wanted.items())
    if room < 1 and own:
        has = ", ".join(f"{name}={nodes[0].get(name, 0):g}" for name in wanted)
        raise errors.ConfigError(
            f"hydra.launcher asks for {asked} for a trial, and this host has {has}"
        )
    if room < 1:
        log.warning("no node of the Ray cluster has %s: trials wait until one joins", asked)
    elif room < slots:
        log.warning(
            "n_jobs=%d: the Ray cluster has room for %d trials at once (%s each); the others wait",
            slots,
            room,
            asked,
        )


def options(terms: Terms, wanted: Mapping[str, float]) -> dict[str, Any]:
    """The store and the sweeper try again what was killed; Ray would do it behind their backs."""
    found: dict[str, Any] = {
        "num_cpus": terms.num_cpus,
        "num_gpus": wanted.get("GPU", 0),
        "memory": terms.memory,
        "resources": dict(terms.resources),
        "max_retries": 0,
    }
    return {name: value for name, value in found.items() if value not in (None, {})}


def _room(wanted: Mapping[str, float], node: Mapping[str, float]) -> float:
    """So many trials fit on the node."""
    shares = [node.get(name, 0) / amount for name, amount in wanted.items()]
    return math.floor(min(shares, default=math.inf) + 1e-9) if shares else math.inf
