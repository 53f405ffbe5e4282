"""The whole report of the published table, sign for sign: Markdown, LaTeX and CSV.

A wanted change: delete the file, run this test, which writes it anew and fails, and read the diff.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.reporting import write_report
from hpsearch.tracking import Tracker
from tests.reporting.test_seed_table import log_all

Log = Callable[..., None]

# MLflow uses a part of SQLAlchemy that is on its way out.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload``:DeprecationWarning")

GOLDEN = Path(__file__).parent / "golden"
# What no two runs have in common: MLflow's own names, folders, times.
OWN = {
    r"MLflow run [0-9a-f]{32}": "MLflow run ID",
    r"root=\S+": "root=ROOT",
    r"took [\d.]+ \w+": "took SOME TIME",
}


@pytest.mark.parametrize("suffix", [".md", ".tex", ".csv"])
def test_the_report_of_the_published_table_stays_as_it_is(
    tracker: Tracker, log: Log, tmp_path: Path, suffix: str
) -> None:
    log_all(tracker, log)
    report = write_report(tracker.read_study("longformer"), tmp_path)
    written = next(file for file in report.files if file.suffix == suffix)
    text = written.read_bytes().decode()
    for pattern, instead in OWN.items():
        text = re.sub(pattern, instead, text)
    golden = GOLDEN / f"longformer{suffix}"
    if not golden.is_file():
        golden.write_bytes(text.encode())
        pytest.fail(f"{golden} was not there and has been written: read it")
    assert text == golden.read_bytes().decode()
