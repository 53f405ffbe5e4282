"""The GPUs of this host, one to a slot: what a job sees of them is CUDA_VISIBLE_DEVICES."""

from __future__ import annotations

import heapq
import itertools
import logging
import os
import re
from collections.abc import Sequence
from typing import Any

from hydra_plugins.hpsearch_sweeper import errors

__all__ = ["Assignment", "assign"]

log = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
ALL = "all"  # of hydra.launcher.gpus: nothing is pinned

_NAME = re.compile(r"\d+|(GPU|MIG)-[\w/-]+")


class Assignment:
    """A GPU for each slot, which keeps it from job to job.

    Args:
        names: a GPU's name for each slot, as CUDA takes it, and an empty one for none; without
            names the jobs see what the sweeper sees.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._names = list(names)
        self._free = list(range(len(names)))
        self._taken: dict[int, int] = {}  # by job number

    def environment(self, number: int) -> dict[str, str]:
        """What makes the job see its GPU alone, from now until `release`."""
        if not self._names:
            return {}
        self._taken[number] = heapq.heappop(self._free)
        return {VISIBLE: self._names[self._taken[number]]}

    def place(self, number: int) -> str:
        """Where the job runs, in words; empty where all run in the same place."""
        several = len(set(self._names)) > 1
        return f"GPU {self._names[self._taken[number]]}" if several else ""

    def release(self, number: int) -> None:
        if number in self._taken:
            heapq.heappush(self._free, self._taken.pop(number))


def assign(given: Any, *, slots_per_gpu: Any, slots: int) -> Assignment:
    """Spreads the slots over the GPUs that are given as hydra.launcher.gpus.

    Raises ConfigError for a wrong value, and where the slots are more than the GPUs shall hold.
    """
    _require_count(slots_per_gpu)
    if given == ALL:
        return Assignment()
    names = _visible() if given is None else _checked(given)
    if given is None and len(names) < 2:
        _warn_of_sharing(len(names), slots_per_gpu=slots_per_gpu, slots=slots)
        return Assignment()
    if names and slots > len(names) * slots_per_gpu:
        raise errors.ConfigError(
            f"n_jobs={slots} is more than the GPUs {','.join(names)} hold with "
            f"hydra.launcher.slots_per_gpu={slots_per_gpu}; allowed: n_jobs up to "
            f"{len(names) * slots_per_gpu}, a larger slots_per_gpu where so many trials fit on one "
            "GPU, or hydra.launcher.gpus=[] for trials that need none"
        )
    return Assignment([names[slot % len(names)] if names else "" for slot in range(slots)])


def _require_count(slots_per_gpu: Any) -> None:
    whole = isinstance(slots_per_gpu, int) and not isinstance(slots_per_gpu, bool)
    if not whole or slots_per_gpu < 1:
        raise errors.ConfigError(
            f"hydra.launcher.slots_per_gpu={slots_per_gpu} is not possible; allowed: a whole "
            "number from 1 on"
        )


def _checked(given: Any) -> list[str]:
    names = [str(name) for name in given] if isinstance(given, Sequence) else []
    wrong = isinstance(given, str) or not isinstance(given, Sequence)
    if wrong or not all(map(_NAME.fullmatch, names)) or len(set(names)) < len(names):
        raise errors.ConfigError(
            f"hydra.launcher.gpus={given} is not possible; allowed: null, all, or a list of "
            "different GPUs, each named by its index or UUID, as [0,1]"
        )
    return names


def _visible() -> list[str]:
    """Those that the sweeper sees: CUDA reads the list up to the first entry that is no GPU."""
    if VISIBLE in os.environ:
        names = [name.strip() for name in os.environ[VISIBLE].split(",")]
        return list(itertools.takewhile(_NAME.fullmatch, names))
    return [str(index) for index in range(_installed())]


def _installed() -> int:
    """As the driver's own library tells: torch would take seconds, and a CUDA context memory."""
    import ctypes

    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:  # no driver
        return 0
    if nvml.nvmlInit_v2():
        return 0
    count, handle = ctypes.c_uint(), ctypes.c_void_p()
    try:
        nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
        # a container may be denied some of those that are counted
        numbers = map(ctypes.c_uint, range(count.value))
        denied = [nvml.nvmlDeviceGetHandleByIndex_v2(x, ctypes.byref(handle)) for x in numbers]
    finally:
        nvml.nvmlShutdown()
    return denied.count(0)


def _warn_of_sharing(gpus: int, *, slots_per_gpu: int, slots: int) -> None:
    if gpus and slots > slots_per_gpu:
        log.warning(
            "n_jobs=%d: so many trials share one GPU and its memory; "
            "hydra.launcher.slots_per_gpu=%d says that they fit",
            slots,
            slots,
        )
