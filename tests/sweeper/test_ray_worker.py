"""What a worker of Ray does with an order, in a program that stands for the worker."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.jobs import orders, ray_worker
from omegaconf import DictConfig

from tests.sweeper.conftest import SOURCES, assert_gone
from tests.sweeper.test_runners import Task, Workshop, composed, shop

__all__ = ["composed", "shop"]  # fixtures

WORKER = """
    import json, pickle, sys
    from pathlib import Path
    from hydra_plugins.hpsearch_sweeper.jobs import ray_worker

    for packed in sys.argv[1:]:
        answer = pickle.loads(ray_worker.perform(Path(packed).read_bytes()))
        print(json.dumps(answer.outcome.__dict__), flush=True)
"""


def packed(shop: Workshop, task: Task, **given: Any) -> Path:
    """A parcel as the sweeper sends it, in a file."""
    made = orders.Orders(task, objectives=1, wants_returns=False)
    parcel = ray_worker.Parcel(
        number=0,
        order=made.of(shop.job(0, f"out={shop.folder / 'pid'}"), environment={"SECRET": "secret"}),
        program=ray_worker.main_module(),
        modules=("colorsys",),
        env={"GIVEN": "given", "NODE": "not this"},
        grace=1.0,
        tells_place=False,
    )
    file = shop.folder / "parcel"
    file.write_bytes(pickle.dumps(parcel._replace(**given)))
    return file


def start(shop: Workshop, *parcels: Path) -> subprocess.Popen[str]:
    program = shop.folder / "worker.py"
    program.write_text(textwrap.dedent(WORKER))
    return subprocess.Popen(
        [sys.executable, str(program), *map(str, parcels)],
        cwd=shop.folder,
        env={**os.environ, "PYTHONPATH": str(SOURCES), "NODE": "node"},
        stdout=subprocess.PIPE,
        text=True,
    )


def outcomes(worker: subprocess.Popen[str]) -> list[dict[str, Any]]:
    printed, _ = worker.communicate(timeout=60)
    return [json.loads(line) for line in printed.splitlines()]


def test_a_worker_carries_out_one_order_after_the_other(shop: Workshop) -> None:
    def task(config: DictConfig) -> float:
        print(os.environ["GIVEN"], os.environ["NODE"], os.environ["SECRET"], os.getcwd())
        return float(config.x)

    parcel = packed(shop, task)
    with start(shop, parcel, parcel) as worker:
        assert [outcome["values"] for outcome in outcomes(worker)] == [[1.0], [1.0]]
    assert shop.text("output.txt") == f"given node secret {os.getcwd()}\n" * 2


@pytest.mark.parametrize(
    ("heeds", "number", "error"),
    [
        ("write", signal.SIGINT, "SystemExit: written"),  # what ray.cancel is in a worker
        ("write", signal.SIGTERM, "SystemExit: written"),  # what the end of a node is
        ("", signal.SIGINT, "SIGTERM (signal 15)"),
        ("ignore", signal.SIGINT, "SIGKILL (signal 9; perhaps the kernel was out of memory)"),
    ],
)
def test_a_trial_that_shall_end_is_asked_before_it_is_killed(
    shop: Workshop, heeds: str, number: int, error: str
) -> None:
    def task(config: DictConfig) -> float:
        handlers = {"write": lambda *_: sys.exit("written"), "ignore": signal.SIG_IGN}
        signal.signal(signal.SIGTERM, handlers.get(heeds, signal.SIG_DFL))
        Path(config.out).write_text(str(os.getpid()))
        time.sleep(60)
        return 1.0

    mark = shop.folder / "pid"
    with start(shop, packed(shop, task)) as worker:
        while not (mark.exists() and mark.read_text()):
            assert worker.poll() is None
            time.sleep(0.02)
        worker.send_signal(number)
        assert [outcome["error"] for outcome in outcomes(worker)] == [error]
    assert_gone(int(mark.read_text()))


def test_a_server_that_cannot_import_what_it_should_costs_an_attempt(shop: Workshop) -> None:
    (shop.folder / "leaves.py").write_text("import os; os._exit(1)")
    with start(shop, packed(shop, lambda config: 1, modules=("leaves",))) as worker:
        [outcome] = outcomes(worker)
    assert outcome["error"].endswith("while it imported: leaves")
    assert outcome["retriable"]


@pytest.mark.parametrize("key", ["dir", "init_main_from_path"])
def test_a_node_without_the_program_or_its_folder_says_so(tmp_path: Path, key: str) -> None:
    with pytest.raises(errors.SweepError, match=f"{socket.gethostname()} has no /not/there"):
        ray_worker._require_files({"dir": str(tmp_path), key: "/not/there"})
