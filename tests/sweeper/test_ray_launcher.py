"""`hydra/launcher=ray` as far as no cluster is needed: `tests/cluster` has the rest."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from hydra_plugins.hpsearch_sweeper import config, errors
from hydra_plugins.hpsearch_sweeper.config.ray import RayLauncherConf
from hydra_plugins.hpsearch_sweeper.jobs import ray_cluster, ray_losses, ray_shares
from omegaconf import OmegaConf

from tests.conftest import Compose

GPU_NODE = {"CPU": 8.0, "GPU": 2.0, "memory": 64e9}
CPU_NODE = {"CPU": 2.0, "memory": 8e9}


def test_it_composes_under_its_name(config: Compose) -> None:
    launcher = config("hydra/launcher=ray", "+hydra.launcher.init.num_cpus=4").hydra.launcher
    assert launcher._target_.endswith("ray_launcher.RayLauncher")
    assert launcher.preload == ["hpsearch.warm"]
    assert launcher.init == {"include_dashboard": False, "log_to_driver": False, "num_cpus": 4}


def test_every_key_is_one_that_the_launcher_takes() -> None:
    from hydra_plugins.hpsearch_sweeper.ray_launcher import RayLauncher

    given: Any = OmegaConf.to_container(OmegaConf.structured(RayLauncherConf))
    names = {name for name in given if not name.startswith("_")}
    own = {"preload", "env", "env_copy", "grace", "n_jobs"}
    assert names - own == set(ray_shares.Terms._fields)
    RayLauncher(**{name: given[name] for name in names})


@pytest.mark.parametrize(("official", "expected"), [(True, False), (False, True)])
def test_the_official_launcher_keeps_its_name_where_it_is_installed(
    official: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ConfigStore.instance()
    monkeypatch.setattr(store, "repo", {})
    monkeypatch.setattr(config, "find_spec", lambda name: object() if official else None)
    config._register()
    config._register()  # Hydra's scanner does it twice
    names = store.list("hydra/launcher")
    assert ("ray.yaml" in names) is expected
    assert {"hpsearch_ray.yaml", "local.yaml"} <= set(names)


def test_where_ray_is_not_installed_one_line_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(errors.ConfigError, match=r"needs Ray: pip install 'hpsearch\[ray\]'"):
        ray_cluster.connect(ray_shares.Terms(), slots=1)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_an_address_where_nothing_answers_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    with pytest.raises(errors.ConfigError, match=f"launcher.address={address}: no Ray cluster"):
        ray_cluster.connect(ray_shares.Terms(address=address), slots=1)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(errors.ConfigError, match=f"RAY_ADDRESS={address}: no Ray cluster"):
        ray_cluster.connect(ray_shares.Terms(), slots=1)


@pytest.mark.parametrize(
    ("given", "nodes", "expected"),
    [
        ({}, [CPU_NODE], {"CPU": 1}),
        ({}, [CPU_NODE, GPU_NODE], {"CPU": 1, "GPU": 1}),
        ({"num_gpus": 0}, [GPU_NODE], {"CPU": 1}),
        ({"num_gpus": 0.5, "num_cpus": 2}, [GPU_NODE], {"CPU": 2, "GPU": 0.5}),
        ({"memory": 4e9, "resources": {"a": 1}}, [CPU_NODE], {"CPU": 1, "memory": 4e9, "a": 1}),
    ],
)
def test_a_trial_takes_what_is_asked_and_a_gpu_where_there_is_one(
    given: dict[str, Any], nodes: list[dict[str, float]], expected: dict[str, float]
) -> None:
    assert ray_shares.wanted(ray_shares.Terms(**given), nodes) == expected


@pytest.mark.parametrize(
    ("wanted", "node", "expected"),
    [
        ({"CPU": 1}, CPU_NODE, 2),
        ({"CPU": 0.1}, {"CPU": 0.3}, 3),
        ({"CPU": 1, "GPU": 0.5}, GPU_NODE, 4),
        ({"GPU": 1}, CPU_NODE, 0),
        ({"CPU": 1, "memory": 40e9}, GPU_NODE, 1),
        ({}, CPU_NODE, float("inf")),
    ],
)
def test_a_node_has_room_for_so_many_trials(
    wanted: dict[str, float], node: dict[str, float], expected: float
) -> None:
    assert ray_shares._room(wanted, node) == expected


def test_trials_that_must_wait_are_told(caplog: pytest.LogCaptureFixture) -> None:
    ray_shares.require_room({"CPU": 1}, [CPU_NODE, CPU_NODE], slots=4, own=False)
    assert not caplog.messages
    ray_shares.require_room({"CPU": 1}, [CPU_NODE], slots=4, own=False)
    ray_shares.require_room({"GPU": 1}, [CPU_NODE], slots=1, own=False)
    assert "n_jobs=4: the Ray cluster has room for 2 trials at once" in caplog.text
    assert "no node of the Ray cluster has GPU=1: trials wait until one joins" in caplog.text


def test_what_never_fits_on_this_host_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="asks for CPU=1, GPU=4 for a trial, and this"):
        ray_shares.require_room({"CPU": 1, "GPU": 4}, [GPU_NODE], slots=1, own=True)


@pytest.mark.parametrize(
    ("storage", "nodes", "warned"),
    [
        ("sqlite:///studies.db", 2, True),
        (None, 2, True),  # a temporary file
        ({"_target_": "optuna.storages.RDBStorage", "url": "sqlite:///a.db"}, 2, True),
        ("sqlite:///studies.db", 1, False),
        ("postgresql://user:word@host/db", 2, False),
        ({"_target_": "optuna.storages.GrpcStorageProxy", "host": "host"}, 2, False),
    ],
)
def test_a_file_as_the_storage_of_many_nodes_is_warned_of(
    storage: Any, nodes: int, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ray_cluster.warn_of_file(storage, nodes=nodes)
    assert bool(caplog.messages) is warned
    assert not warned or "postgresql://" in caplog.text


def _ray_error(name: str, base: type[Exception] = Exception, **own: Any) -> Exception:
    """One of Ray's by name: its exceptions need not be installed here."""
    return type(name, (base,), {"__module__": "ray.exceptions", **own})("what Ray says")


@pytest.mark.parametrize("name", sorted(ray_losses.LOST))
def test_what_ray_lost_is_tried_again(name: str) -> None:
    outcome = ray_losses.outcome_of(_ray_error(name))
    assert outcome.retriable
    assert outcome.error == ray_losses.LOST[name]
    assert "what Ray says" in outcome.details


def test_an_error_of_the_worker_itself_is_not() -> None:
    cause = ModuleNotFoundError("No module named 'hydra_plugins'")
    outcome = ray_losses.outcome_of(_ray_error("RayTaskError", cause=cause))
    assert outcome.error == "ModuleNotFoundError: No module named 'hydra_plugins'"
    assert not outcome.retriable


def test_the_names_of_what_ray_loses_are_rays_own() -> None:
    ray: ModuleType = pytest.importorskip("ray.exceptions")
    for name in ray_losses.LOST:
        assert issubclass(getattr(ray, name), ray.RayError)
