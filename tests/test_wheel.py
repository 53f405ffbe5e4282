"""The wheel carries conf/ and the Hydra plugin: it works without the checkout, from any folder."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.commands import environment

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.slow
def test_an_installed_wheel_trains_from_any_folder(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, REPOSITORY]
    subprocess.run(build, check=True, timeout=300)
    (wheel,) = tmp_path.glob("hpsearch-*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "hpsearch.train", "-m", "debug=limit", "head.activation=tanh,relu"],
        cwd=elsewhere,
        env={**environment(elsewhere), "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "best of 2 trials" in done.stderr
    origin = subprocess.run(
        [sys.executable, "-c", "import hpsearch.config as c; print(c.CONF_DIR)"],
        cwd=elsewhere,
        env={**environment(elsewhere), "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(origin.stdout.strip()) == site / "hpsearch" / "conf"
