"""The launchers of others, really installed: each is called one job at a time from a slot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from tests.sweeper.conftest import EXAMPLE, SOURCES

pytestmark = pytest.mark.slow  # it asks the package index

PACKAGES = ("hydra-joblib-launcher", "hydra-submitit-launcher", "submitit")


@pytest.fixture(scope="module")
def launchers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("launchers")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    done = subprocess.run([*pip, *PACKAGES], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{', '.join(PACKAGES)} cannot be had: {done.stderr[-300:]}")
    return folder


@pytest.mark.parametrize("name", ["joblib", "submitit_local"])
def test_a_sweep_runs_on_it_in_two_slots(launchers: Path, tmp_path: Path, name: str) -> None:
    words = ["x=1,2", "z=a,fail", f"hydra/launcher={name}", "hydra.sweeper.n_jobs=2"]
    stored = ["hydra.sweeper.storage=sqlite:///studies.db", "hydra.sweeper.study_name=test"]
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "sphere.py"), "-m", *words, *stored, "hydra.sweep.dir=out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCES), str(launchers)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    study = optuna.load_study(study_name="test", storage=f"sqlite:///{tmp_path}/studies.db")
    ended = {(x.params["x"], x.params["z"]): x for x in study.trials}
    assert (ended[1, "a"].value, ended[2, "a"].value) == (2.0, 5.0)
    assert ended[1, "fail"].user_attrs["error"] == "ValueError: told to fail"
    assert all((tmp_path / "out" / str(x.number) / "seen.json").is_file() for x in study.trials)
