"""Every command of the README runs (on little data), in its order, in one folder."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.commands import run

README = Path(__file__).parents[1] / "README.md"
LITTLE = ["data.train_size=40", "data.val_size=20", "trainer.max_steps=3"]


def commands() -> list[list[str]]:
    """The words after ``python -m hpsearch.`` of each such line in a bash block."""
    blocks = re.findall(r"```bash\n(.*?)```", README.read_text(), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    found = [shlex.split(line, comments=True) for line in lines if "-m hpsearch." in line]
    return [[words[2].removeprefix("hpsearch."), *words[3:]] for words in found]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_command_of_the_readme_runs(tmp_path: Path, reviews_folder: Path) -> None:
    told = commands()
    assert len(told) >= 8
    begun = set[str]()
    for module, *words in told:
        given = [word.replace("DIR", str(reviews_folder)) for word in words]
        # A grid of 24 is too much even on little: two of its points do.
        long = {"search=head_grid", "search=coarse_to_fine"} & set(given)
        short = ["hydra.sweeper.n_trials=2"] if long else []
        little = [*LITTLE, *short] if module == "train" else []
        done = run(tmp_path, module, *given, *little, anew=module not in begun)
        begun.add(module)
        assert done.code == 0, (module, words, done.err)


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len(README.read_text().splitlines()) < 150
