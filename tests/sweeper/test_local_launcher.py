"""`hydra/launcher=local` under Hydra's own sweeper: programs as users write them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "sweeper"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a program from another folder than its own."""

    def run(text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "there").mkdir()
        (tmp_path / "here").mkdir()
        path = tmp_path / "there" / "program.py"
        path.write_text(textwrap.dedent(text))
        local = ["-m", "hydra/launcher=local", "hydra.sweep.dir=sweep", *arguments]
        return subprocess.run(
            [sys.executable, "-W", "error", str(path), *local],
            cwd=tmp_path / "here",
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


PROGRAM = """
    import os
    from dataclasses import dataclass
    import hydra
    from hydra.core.config_store import ConfigStore
    from hydra.core.hydra_config import HydraConfig
    from hydra.experimental.callback import Callback
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("twice", lambda x: 2 * x)
    LOADED_BY = os.getpid()

    @dataclass
    class Config:
        x: int = 1
        y: str = "${twice:${x}}"
        z: str = "${later:${x}}"

    class Shout(Callback):
        def on_job_start(self, config, **kwargs):
            print("starts in", os.getpid())

        def on_job_end(self, config, job_return, **kwargs):
            print("ends with", job_return.return_value)

    def helper(x):
        return 10 * x

    @hydra.main(version_base="1.3", config_path=None, config_name="config")
    def main(config):
        assert LOADED_BY == os.getpid()
        assert type(OmegaConf.to_object(config)) is Config
        hydra_config = HydraConfig.get()
        print("job", hydra_config.job.name, hydra_config.job.num, os.environ["MARK"])
        return helper(config.x), config.y, config.z

    if __name__ == "__main__":
        ConfigStore.instance().store(name="config", node=Config)
        OmegaConf.register_new_resolver("later", lambda x: f"later {x}")
        main()
"""


def test_a_program_finds_its_functions_classes_resolvers_and_callbacks(
    run: Run, tmp_path: Path
) -> None:
    done = run(
        PROGRAM,
        "x=1,2,3",
        "hydra.launcher.n_jobs=2",
        "+hydra.callbacks.shout._target_=__main__.Shout",
        "++hydra.job.env_set.MARK=marked",
    )
    assert done.returncode == 0, done.stderr
    for number, x in enumerate((1, 2, 3)):
        lines = (tmp_path / f"here/sweep/{number}/output.txt").read_text().splitlines()
        assert lines[0].startswith("starts in")
        assert lines[1:] == [
            f"job program {number} marked",
            f"ends with ({10 * x}, '{2 * x}', 'later {x}')",
        ]
    assert "Launching 3 jobs, 2 at once" in done.stdout


FAILING = """
    import os, signal, hydra

    @hydra.main(version_base="1.3", config_path=None)
    def main(config):
        if config.x == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        if config.x == 2:
            raise ValueError("two is bad")
        return config.x

    if __name__ == "__main__":
        main()
"""


@pytest.mark.parametrize(
    ("x", "error"), [(1, "RuntimeError: SIGSEGV (signal 11)"), (2, "ValueError: two is bad")]
)
def test_a_failed_job_fails_the_sweep_after_the_others_have_ended(
    run: Run, tmp_path: Path, x: int, error: str
) -> None:
    done = run(FAILING, f"+x={x},5")
    assert done.returncode == 1
    assert error in done.stderr
    assert (tmp_path / "here/sweep/1/.hydra").is_dir()


def test_a_program_without_a_guard_is_told_so(run: Run) -> None:
    text = FAILING.replace('if __name__ == "__main__":', "if True:")
    done = run(text, "+x=3")
    assert done.returncode == 1
    assert 'under `if __name__ == "__main__":`' in done.stderr
