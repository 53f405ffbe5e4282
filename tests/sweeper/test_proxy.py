"""Jobs that reach the study through their sweeper alone: hydra.sweeper.proxy."""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from hydra.errors import CompactHydraException
from hydra_plugins.hpsearch_sweeper import errors, trial
from hydra_plugins.hpsearch_sweeper.settings import read_settings
from hydra_plugins.hpsearch_sweeper.study import proxy, storage

from tests.sweeper.conftest import EXAMPLE, SOURCES


def sweep(folder: Path, *words: str) -> str:
    """`reporting.py` with a process for each job; what it printed."""
    (folder / "out").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "reporting.py"), "-m", f"out={folder}/out", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def study(bench: Any) -> optuna.Study:
    """With one trial that runs."""
    study = optuna.create_study(storage=storage.open_storage(bench.url), study_name="test")
    study.ask()
    return study


@pytest.fixture
def address(study: optuna.Study) -> Iterator[str]:
    with proxy.serving(study._storage, "127.0.0.1:0") as address:
        assert address is not None
        yield address


def handle(address: str, **more: Any) -> trial.TrialHandle:
    return trial.TrialHandle(number=0, study_name="test", storage=address, **more)


def test_jobs_report_prune_and_note_through_their_sweeper_alone(bench: Any) -> None:
    printed = sweep(
        bench.folder, f"hydra.sweeper.storage={bench.url}", "hydra.sweeper.proxy=127.0.0.1:0",
        "x=1,2,3,4,5,6,7,8,9", "hydra/sweeper/sampler=grid", "hydra/sweeper/pruner=median",
        "hydra.sweeper.constraints={size:3.5}",
    )  # fmt: skip
    (address,) = set(re.findall(r"served to its jobs at (grpc://127.0.0.1:\d+)", printed))
    seen = [json.loads(path.read_text()) for path in (bench.folder / "out").iterdir()]
    assert {json.loads(x[trial.ENVIRONMENT_KEY])["storage"] for x in seen} == {address}
    trials = bench.study("test").trials
    assert [x.state.name for x in trials[:5]] == ["COMPLETE"] * 5
    assert "PRUNED" in {x.state.name for x in trials[5:]}
    assert trials[0].intermediate_values == {0: 1.0, 1: 1.0, 2: 1.0}
    assert [x.constraints["size"] for x in trials[:2]] == [-2.5, -1.5]
    assert len({x.user_attrs["pid"] for x in trials}) == 9
    assert bench.results.best_value == 1.0


def test_a_job_sees_what_has_changed_since_it_looked_last(
    study: optuna.Study, address: str
) -> None:
    seen = optuna.load_study(study_name="test", storage=proxy.connect(address))
    assert [x.state.name for x in seen.get_trials(deepcopy=False)] == ["RUNNING"]
    study.ask()
    study.tell(0, 1.0)
    time.sleep(0.5)
    found = seen.get_trials(deepcopy=False)
    assert [x.state.name for x in found] == ["COMPLETE", "RUNNING"]
    assert found == study.trials
    with pytest.raises(KeyError):
        seen._storage.get_all_trials(17)


def test_what_is_lost_with_a_proxy_is_the_report_and_not_the_trial(
    study: optuna.Study, caplog: pytest.LogCaptureFixture
) -> None:
    pruner = {"_target_": "optuna.pruners.MedianPruner"}
    with proxy.serving(study._storage, "127.0.0.1:0") as address:
        assert address is not None
        running = handle(address, pruner=pruner)
        running.report(1.0, 1)
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        running.report(2.0, 2)
        running.set_user_attr("note", 1)
        assert running.should_prune() is False
    assert time.monotonic() - began < 10
    assert study.trials[0].intermediate_values == {1: 1.0}
    said = [x.message for x in caplog.records if "the trial goes on" in x.message]
    assert len(said) == 3
    assert "\n" not in "".join(said)


def test_a_job_that_never_reached_its_proxy_goes_on(study: optuna.Study) -> None:
    with proxy.serving(study._storage, "127.0.0.1:0") as address:
        pass
    assert address is not None
    handle(address).report(1.0, 1)


def test_a_proxy_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "_CALL_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        handle(f"grpc://127.0.0.1:{silent.getsockname()[1]}").report(1.0, 1)
    assert 0.4 < time.monotonic() - began < 10


def test_a_proxy_whose_database_is_gone_costs_the_report(study: optuna.Study, bench: Any) -> None:
    with proxy.serving(study._storage, "127.0.0.1:0") as address:
        assert address is not None
        running = handle(address)
        running.report(1.0, 1)
        study._storage._backend.engine.dispose()  # type: ignore[attr-defined]
        (bench.folder / "db" / "studies.db").write_text("no database" * 1000)
        running.report(2.0, 2)


def test_a_port_that_is_taken_is_one_line(study: optuna.Study, address: str) -> None:
    taken = address.removeprefix("grpc://")
    with (
        pytest.raises(errors.ConfigError) as caught,
        proxy.serving(study._storage, taken),
    ):
        pass
    assert f"hydra.sweeper.proxy={taken} cannot be served ({taken} is taken" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_the_address_that_was_given_is_open(address: str) -> None:
    port = int(address.rpartition(":")[2])
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_a_port_alone_is_one_of_this_hosts_name() -> None:
    assert proxy.parse(13000) == proxy.parse("13000") == (socket.gethostname(), 13000)
    assert proxy.parse("10.0.0.5:0") == ("10.0.0.5", 0)
    assert proxy.parse("[::1]:13000") == ("::1", 13000)


@pytest.mark.parametrize("given", ["head", "head:port", "70000", "true", "head:-1", "''"])
def test_what_is_no_port_is_refused(bench: Any, given: str) -> None:
    with pytest.raises(CompactHydraException, match=r"proxy=.* allowed: null, a port, or HOST"):
        bench.ask(read_settings, f"hydra.sweeper.proxy={given}")


def test_a_missing_package_is_named(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)
    with (
        pytest.raises(errors.ConfigError, match="pip install grpcio protobuf"),
        proxy.serving(study._storage, 0),
    ):
        pass


def test_a_sweeper_cannot_share_a_study_through_a_proxy(bench: Any) -> None:
    with pytest.raises(CompactHydraException, match="a sweeper needs the database itself"):
        bench.sweep("x=1,2", "hydra.sweeper.storage='grpc://127.0.0.1:13000'")
