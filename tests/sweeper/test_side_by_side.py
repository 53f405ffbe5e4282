"""hydra-optuna-sweeper and this sweeper in one environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "example" / "sphere.py"
SOURCES = Path(__file__).parents[2] / "sweeper"
Command = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow  # it asks the package index

SETTINGS = """
from hydra import compose, initialize_config_dir
from hydra_plugins.hpsearch_sweeper import official
from hydra_plugins.hpsearch_sweeper.samplers.building import build_sampler
from hydra_plugins.hpsearch_sweeper.settings import read_settings
import logging, sys
logging.basicConfig(level="INFO", stream=sys.stdout, format="%(message)s")
with initialize_config_dir(sys.argv[1], version_base="1.3"):
    config = compose("config", overrides=sys.argv[2:], return_hydra_config=True)
node = config.hydra.sweeper.sampler
print("composed:", sorted(node))
chosen = read_settings(config)
print("set:", official.without_defaults(chosen.sampler))
sampler = build_sampler(chosen, trials_so_far=0, listed=False)
print("built:", type(sampler).__name__, vars(sampler).get("_multivariate", "-"))
official.say_which()
"""


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The released plugin, without the old Optuna that it asks for."""
    folder = tmp_path_factory.mktemp("official")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    done = subprocess.run(
        [*pip, "hydra-optuna-sweeper==1.3.0"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"hydra-optuna-sweeper cannot be had: {done.stderr[-300:]}")
    return folder


@pytest.fixture
def command(official: Path, tmp_path: Path) -> Command:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCES), str(official)])},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_ours_runs_beside_the_official_one_with_a_sampler_of_its_name(command: Command) -> None:
    tpe = ("hydra/sweeper=hpsearch", "hydra/sweeper/sampler=tpe")
    done = command(str(EXAMPLE), "-m", *tpe, "x=1,2", "y=interval(0,1)", "hydra.sweeper.n_trials=3")
    assert done.returncode == 0, done.stderr
    assert "best of 3 trials" in done.stdout + done.stderr


def test_the_official_name_stays_the_official_ones(command: Command) -> None:
    done = command(str(EXAMPLE), "hydra/sweeper=optuna", "--cfg", "hydra", "-p", "hydra.sweeper")
    assert "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper" in done.stdout
    assert "pruner" not in done.stdout


@pytest.mark.parametrize(
    ("name", "built"),
    [
        ("tpe", "TPESampler None"),
        ("random", "RandomSampler -"),
        ("cmaes", "CmaEsSampler -"),
        ("nsgaii", "NSGAIISampler -"),
    ],
)
def test_the_old_defaults_of_the_official_node_are_not_passed_on(
    command: Command, tmp_path: Path, name: str, built: str
) -> None:
    (tmp_path / "config.yaml").write_text("defaults:\n  - override hydra/sweeper: hpsearch\n")
    option = (f"hydra/sweeper/sampler={name}", "hydra.sweeper.sampler.seed=3")
    done = command("-W", "error::FutureWarning", "-c", SETTINGS, str(tmp_path), *option)
    if name == "cmaes" and "cmaes" in done.stderr and "No module" in done.stderr:
        pytest.skip("cmaes is not installed")
    assert done.returncode == 0, done.stderr
    target = re.escape(f"optuna.samplers.{built.split()[0]}")
    assert re.search(rf"set: {{'_target_': '{target}', 'seed': 3}}", done.stdout), done.stdout
    assert f"built: {built}" in done.stdout
    assert "hydra/sweeper=hpsearch runs (hydra-optuna-sweeper is installed too" in done.stdout
