from __future__ import annotations

import pytest
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.samplers.ofat import one_factor_at_a_time


def test_the_base_comes_first_then_each_factor_alone() -> None:
    found = one_factor_at_a_time({"a": 1, "b": "x"}, {"a": [1, 2, 3], "b": ["y", "x"]})
    assert found == [
        {"a": 1, "b": "x"},
        {"a": 2, "b": "x"},
        {"a": 3, "b": "x"},
        {"a": 1, "b": "y"},
    ]


def test_an_ofat_sweep_starts_from_the_config_even_where_its_value_is_not_listed(bench) -> None:
    bench.sweep("hydra/sweeper/sampler=ofat", "model=small,large", "y=range(1,3)")
    assert bench.column("y") == [0, 0, 1, 2]
    assert [model["size"] for model in bench.column("model")] == [1, 2, 1, 1]


def test_ofat_refuses_an_interval(bench) -> None:
    with pytest.raises(errors.SearchSpaceError, match=r"x: sampler=ofat needs .* interval\(0,1\)"):
        bench.sweep("hydra/sweeper/sampler=ofat", "x=interval(0,1)")
