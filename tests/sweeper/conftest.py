"""A sweep in this process, of any function, with the config of the example program."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import optuna
import pytest
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

EXAMPLE = Path(__file__).parent / "example"
SOURCES = Path(__file__).parents[2] / "sweeper"

Answer = TypeVar("Answer")
Task = Callable[[DictConfig], Any]


def sphere(config: DictConfig) -> float:
    return float(config.x**2 + config.y**2 + config.model.size)


@dataclass
class Bench:
    """Runs sweeps in a folder of its own and remembers what the jobs got and what was logged."""

    folder: Path
    conf: Path = EXAMPLE / "conf"
    jobs: list[dict[str, Any]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.folder}/db/studies.db"

    def sweep(self, *overrides: str, task: Task = sphere) -> None:
        """One command with --multirun."""
        self.jobs.clear()
        self.messages.clear()
        with self._hydra() as hydra:
            hydra.multirun("config", self._watched(task), self._given(overrides))

    def ask(self, question: Callable[[DictConfig], Answer], *overrides: str) -> Answer:
        """What a callback would find out from the config of that command; no job runs."""
        with self._hydra() as hydra:
            config = hydra.compose_config("config", self._given(overrides), RunMode.MULTIRUN)
            return question(config)

    def stored(self, *overrides: str, task: Task = sphere) -> optuna.Study:
        """The same, on sqlite under the name `test`; returns the study."""
        names = (f"hydra.sweeper.storage={self.url}", "hydra.sweeper.study_name=test")
        self.sweep(*names, *overrides, task=task)
        return self.study("test")

    def study(self, name: str) -> optuna.Study:
        return optuna.load_study(study_name=name, storage=self.url)

    def column(self, key: str) -> list[Any]:
        """What each job saw at one key, in the order of the jobs."""
        return [job[key] for job in self.jobs]

    @property
    def results(self) -> Any:
        return OmegaConf.load(self.folder / "sweep" / "optimization_results.yaml")

    @contextmanager
    def _hydra(self) -> Iterator[Hydra]:
        GlobalHydra.instance().clear()
        version.setbase("1.3")
        path = create_config_search_path(str(self.conf))
        try:
            yield Hydra.create_main_hydra2(task_name="sphere", config_search_path=path)
        finally:
            GlobalHydra.instance().clear()

    def _given(self, overrides: Sequence[str]) -> list[str]:
        memory = "hydra.sweeper.storage=null"
        return [f"hydra.sweep.dir={self.folder}/sweep", "hydra.mode=MULTIRUN", memory, *overrides]

    def _watched(self, task: Task) -> Task:
        def watched(config: DictConfig) -> Any:
            self.jobs.append(OmegaConf.to_container(config))  # type: ignore[arg-type]
            return task(config)

        return watched


class _Listener(logging.Handler):
    def __init__(self, messages: list[str]) -> None:
        super().__init__()
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.append(record.getMessage())


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: creating the tables takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "studies.db"
    optuna.storages.RDBStorage(f"sqlite:///{path}").engine.dispose()
    return path


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> Iterator[Bench]:
    monkeypatch.chdir(tmp_path)
    bench = Bench(tmp_path)
    (tmp_path / "db").mkdir()
    shutil.copy(empty_database, tmp_path / "db" / "studies.db")
    logger, listener = logging.getLogger("hydra_plugins"), _Listener(bench.messages)
    logger.addHandler(listener)
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield bench
    logger.removeHandler(listener)
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The example program in a process of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
        return subprocess.run(
            [sys.executable, str(EXAMPLE / "sphere.py"), *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@dataclass
class Program:
    """The example program `troubles.py`, in a folder of its own."""

    folder: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(EXAMPLE / "troubles.py"), "-m", f"out={self.begun}", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str, code: int = 0) -> str:
        with self.start(*words) as sweep:
            printed, _ = sweep.communicate(timeout=120)
        assert sweep.returncode == code, printed
        return printed

    @property
    def begun(self) -> Path:
        return self.folder / "begun"

    @property
    def trials(self) -> list[optuna.trial.FrozenTrial]:
        url = f"sqlite:///{self.folder}/studies.db"
        return optuna.load_study(study_name="test", storage=url).trials

    def wait_for_jobs(self, count: int) -> list[Path]:
        for _ in range(600):
            if len(found := sorted(self.begun.iterdir())) >= count:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{count} jobs did not begin")


@pytest.fixture
def program(tmp_path: Path, empty_database: Path) -> Program:
    (tmp_path / "begun").mkdir()
    shutil.copy(empty_database, tmp_path / "studies.db")
    return Program(tmp_path)


def assert_gone(pid: int) -> None:
    for _ in range(400):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":  # dead; whoever inherited it has not looked yet
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} still runs")
