"""Whatever stands on the command line: one line says what is wrong, and nothing else happens."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
import torch

from hpsearch.tracking import open_tracker
from hpsearch.train import main
from tests.corpus import lay_out
from tests.fuzz.cases import Case, chosen_cases, other_cases

TRIPPED = "the training has begun"
QUIET = ["hydra/job_logging=none", "hydra/launcher=basic"]
SECONDS = 10.0  # of the processor; most take 0.2, the first one to import something more
# Of the thousands that are made each sixteenth, with HPSEARCH_FUZZ=1 each one.
STRIDE = int(os.environ.get("HPSEARCH_FUZZ", "16"))
CASES = [
    *chosen_cases(),
    *(pytest.param(case, marks=pytest.mark.slow) for case in other_cases(STRIDE)),
]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's empty database, and everything imported: both take longer than a hundred cases."""
    import hpsearch.run  # noqa: F401

    gc.freeze()  # else each of the many collections looks through all that torch has brought
    file = tmp_path_factory.mktemp("ready") / "mlflow.db"
    open_tracker(file.parent).prepare()
    return file


def _trip(*_: object) -> None:
    raise AssertionError(TRIPPED)


def _with(added: list[str], words: tuple[str, ...]) -> list[str]:
    """After the flags, which come first, and before what the case sets."""
    flags = [word for word in words if word.startswith("-")]
    return [*flags, *added, *(word for word in words if word not in flags)]


def _snapshot(folder: Path, *, without: Path) -> dict[str, int]:
    entries = [entry for entry in folder.rglob("*") if without not in (entry, *entry.parents)]
    return {str(entry): entry.stat().st_mtime_ns for entry in entries}


def _refused(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> str:
    """Runs the command in ``folder/work``; what it said."""
    work, home = folder / "work", folder / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    for name, content in case.files:
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(content)
    before = _snapshot(folder, without=work)
    monkeypatch.setattr(torch.Tensor, "backward", _trip)
    monkeypatch.setattr(sys, "argv", ["train", *_with(QUIET, case.words)])
    started = time.process_time()
    with pytest.raises(SystemExit) as left:
        main()
    assert time.process_time() - started < SECONDS
    assert left.value.code not in (0, None)
    assert _snapshot(folder, without=work) == before, "something was written elsewhere"
    return capfd.readouterr().err


def _check(
    case: Case,
    ready: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    work = folder / "work"
    work.mkdir()
    shutil.copy(ready, work / "mlflow.db")
    lay_out(work)
    given = {name.partition("/")[0] for name, _ in case.files} | {"mlflow.db"}
    told = _refused(case, folder, monkeypatch, capfd)
    assert told.startswith("error: "), told
    assert told.count("\n") == 1, told
    assert told.removesuffix("\n").isprintable(), repr(told)
    assert "Traceback" not in told
    assert TRIPPED not in told
    written = {entry.name for entry in work.iterdir()} - given
    assert {name for name in written if not name.startswith("mlflow.db")} <= {"outputs", "cache"}
    trained = {path.name for path in work.glob("outputs/trials/*/*")}
    assert trained <= {".lease"}, "something has trained"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_bad_configuration_is_refused_in_one_line(
    case: Case,
    ready: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    _check(case, ready, tmp_path, monkeypatch, capfd)
