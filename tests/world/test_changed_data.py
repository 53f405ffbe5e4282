"""A data file that changes while a study waits to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import run
from tests.world.conftest import LITTLE


@pytest.mark.slow
def test_a_study_does_not_go_on_with_another_file(tmp_path: Path, reviews_folder: Path) -> None:
    sweep = ["-m", "data=files", "data.path=reviews", *LITTLE, "hydra.sweeper.study_name=mine"]
    begun = run(tmp_path, "train", *sweep, "head.activation=tanh,relu", "hydra.sweeper.n_trials=1")
    assert begun.code == 0, begun.err
    file = reviews_folder / "train.csv"
    whole = file.read_text()
    file.write_text(whole.replace("film number 7 ", "film number seven "))

    refused = run(tmp_path, "train", *sweep, "head.activation=tanh,relu")
    assert refused.code == 2
    assert refused.err.count("data.path=reviews: its content has changed since study mine") == 1
    assert "Traceback" not in refused.err
    assert len(list((tmp_path / "outputs" / "trials").iterdir())) == 1

    file.write_text(whole)
    again = run(tmp_path, "train", *sweep, "head.activation=tanh,relu")
    assert again.code == 0, again.err
    assert len(list((tmp_path / "outputs" / "trials").iterdir())) == 2
