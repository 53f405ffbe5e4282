"""One parsed override of Hydra → one searched parameter."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.space import levels, search_space

if TYPE_CHECKING:
    from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
    from hydra_plugins.hpsearch_sweeper.space.search_space import Parameter
    from optuna.distributions import BaseDistribution

__all__ = ["parameter_of"]


def parameter_of(override: Override) -> Parameter:
    """A plain value makes a parameter with that one value."""
    key = override.get_key_element()
    name = key.lstrip("+")
    given = override.get_value_string()
    value: Any = override.value()
    if override.is_interval_sweep():
        return _interval(name, key, value, given)
    if override.is_range_sweep():
        return _range(name, key, value, given)
    choices = _choices(override, name) if override.is_sweep_override() else [value]
    found = levels.levels_of(choices)
    return search_space.Parameter(name, key, levels.categorical(found), found, given)


def _choices(override: Override, name: str) -> list[Any]:
    choices: list[Any]
    value: Any = override.value()
    if hasattr(value, "include"):  # a glob: the options of a config group
        choices = list(override.sweep_iterator())
    else:
        choices = [*map(override._convert_value, value.list)]
    if not choices:
        raise errors.SearchSpaceError(f"{name}: {override.get_value_string()} matches nothing")
    return _shuffled(choices, name) if getattr(value, "shuffle", False) else choices


def _range(name: str, key: str, sweep: RangeSweep, given: str) -> Parameter:
    from optuna.distributions import FloatDistribution, IntDistribution

    numbers = _numbers(sweep, name, given)
    low, high, step = min(numbers), max(numbers), abs(sweep.step)
    log = "log" in sweep.tags
    if log and (low <= 0 or not isinstance(step, int) or step != 1):
        raise errors.SearchSpaceError(
            f"{name}: tag(log, {given}) needs whole numbers above 0 and a step of 1"
        )
    distribution: BaseDistribution = (
        IntDistribution(int(low), int(high), log=log, step=int(step))
        if isinstance(low, int)
        else FloatDistribution(low, high, step=step)
    )
    if sweep.shuffle:
        numbers = _shuffled(numbers, name)
    return search_space.Parameter(name, key, distribution, levels.levels_of(numbers), given)


def _numbers(sweep: RangeSweep, name: str, given: str) -> list[Any]:
    """The numbers from start up to, not including, stop: counted in decimals, so 0.1 stays 0.1."""
    start, stop, step = (Decimal(str(x)) for x in (sweep.start, sweep.stop, sweep.step))
    if step == 0:
        raise errors.SearchSpaceError(f"{name}: {given} has step 0; allowed is any other step")
    numbers = [start + i * step for i in range(math.ceil((stop - start) / step))]
    if not numbers:
        raise errors.SearchSpaceError(f"{name}: {given} holds no value (the end is exclusive)")
    whole = all(isinstance(x, int) for x in (sweep.start, sweep.stop, sweep.step))
    return [int(x) if whole else float(x) for x in numbers]


def _interval(name: str, key: str, sweep: IntervalSweep, given: str) -> Parameter:
    from optuna.distributions import FloatDistribution, IntDistribution

    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    assert low is not None
    assert high is not None
    if not low < high or (log and low <= 0):
        limit = "0 < start < end" if log else "start < end"
        raise errors.SearchSpaceError(f"{name}: {given} is empty or reversed; allowed is {limit}")
    whole = "int" in sweep.tags or isinstance(low, int)
    distribution: BaseDistribution = (
        IntDistribution(int(low), int(high), log=log)
        if whole
        else FloatDistribution(low, high, log=log)
    )
    return search_space.Parameter(name, key, distribution, None, given)


def _shuffled(items: Sequence[Any], name: str) -> list[Any]:
    """Shuffled, but the same way each time: a resumed grid must keep its order."""
    return random.Random(name).sample(list(items), len(items))
