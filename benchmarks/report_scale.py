"""How long a report takes at thousands of runs, and against reading MLflow the plain way.

    python benchmarks/report_scale.py [--runs 1000 5000] [--repeats 3] [--peer-runs 50]

Writes random searches of so many finished runs, 20 epochs each with the predictions for 1,000
validation examples, into a new folder each, and reports them. Claimed: the whole process, start
included, takes at most 10 s for 1,000 runs, and grows in proportion at most.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import section
from report_scale_study import EPOCHS, EXAMPLES, STUDY, make_study

from hpsearch.reporting import Report, write_report
from hpsearch.tracking import Tracker, open_tracker
from hpsearch.tracking.histories import HISTORY

LIMIT = 10.0  # seconds for 1,000 runs, and in proportion for others


class Seconds(NamedTuple):
    wall: float
    processor: float


def main() -> None:
    given = _arguments()
    found = {runs: measure(runs, given) for runs in given.runs}
    section.write("report_scale", body(found, given), command=_command(given))


def measure(runs: int, given: argparse.Namespace) -> dict[str, Seconds]:
    """Each part in seconds, the median of some repeats."""
    with tempfile.TemporaryDirectory(prefix="report-scale-", dir=given.root) as name:
        root = Path(name)
        make_study(root, runs=runs)
        print(f"{runs} runs are written", file=sys.stderr)
        tracker = open_tracker(root)
        tracker.studies()  # opens the store; the whole process has that in its own figure
        parts: dict[str, Callable[[], object]] = {
            "read_study": lambda: tracker.read_study(STUDY),
            "read_histories": lambda: tracker.read_histories(tracker.read_study(STUDY)),
            "write_report": lambda: _written(tracker, root),
            "python -m hpsearch.report": lambda: _process(root),
        }
        found = {name: _median(part, given.repeats) for name, part in parts.items()}
        found["peer"] = _scaled(_peer(tracker, given.peer_runs), runs / given.peer_runs)
        found["write_report"] = _less(found["write_report"], found["read_histories"])
        found["read_histories"] = _less(found["read_histories"], found["read_study"])
        return found


def _written(tracker: Tracker, root: Path) -> Report:
    study = tracker.read_study(STUDY)
    return write_report(study, root, histories=tracker.read_histories(study))


def _median(part: Callable[[], object], repeats: int) -> Seconds:
    each = [_timed(part) for _ in range(repeats)]
    return Seconds(*(statistics.median(column) for column in zip(*each, strict=True)))


def _timed(part: Callable[[], Any]) -> Seconds:
    wall, processor = time.perf_counter(), _processor()
    part()
    return Seconds(time.perf_counter() - wall, _processor() - processor)


def _processor() -> float:
    """Seconds of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _less(one: Seconds, other: Seconds) -> Seconds:
    return Seconds(one.wall - other.wall, one.processor - other.processor)


def _scaled(one: Seconds, by: float) -> Seconds:
    return Seconds(one.wall * by, one.processor * by)


def _process(root: Path) -> None:
    command = [sys.executable, "-m", "hpsearch.report", f"root={root}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _peer(tracker: Tracker, some: int) -> Seconds:
    """The same figures of some runs: one frame of runs, then a question a run and metric."""
    mlflow.set_tracking_uri(tracker.uri)
    client = mlflow.MlflowClient(tracker.uri)

    def read() -> None:
        kind = "tags.`hpsearch.kind` = 'trial'"
        names = [tracker.experiment]
        frame = mlflow.search_runs(experiment_names=names, filter_string=kind, max_results=some)
        for run_id in frame["run_id"]:
            for metric in HISTORY:
                client.get_metric_history(run_id, metric)

    return _timed(read)


def body(found: dict[int, dict[str, Seconds]], given: argparse.Namespace) -> str:
    heads = " | ".join(f"{runs:,} runs, s | processor, s" for runs in found)
    rows = [
        f"| part | {heads} |",
        f"|---|{'---:|---:|' * len(found)}",
        *(_row(part, found) for part in next(iter(found.values()))),
    ]
    about = (
        f"{EPOCHS} epochs a run, {EXAMPLES:,} validation examples; sqlite. The peer is "
        "`mlflow.search_runs` and `get_metric_history` for each run and metric: what `read_study` "
        f"and `read_histories` read. It was measured on {given.peer_runs} runs and scaled."
    )
    return "\n".join([*rows, "", about, "", *(_claim(runs, each) for runs, each in found.items())])


def _row(part: str, found: dict[int, dict[str, Seconds]]) -> str:
    name = "the peer" if part == "peer" else f"`{part}`"
    cells = [f"{each[part].wall:.2f} | {each[part].processor:.2f}" for each in found.values()]
    return f"| {name} | {' | '.join(cells)} |"


def _claim(runs: int, each: dict[str, Seconds]) -> str:
    took, limit = each["python -m hpsearch.report"].wall, LIMIT * runs / 1000
    reading = each["read_study"].wall + each["read_histories"].wall
    verdict = "holds" if took <= limit else "**DOES NOT HOLD**"
    return (
        f"Claim: the report of {runs:,} runs takes at most {limit:.0f} s: {took:.1f} s, {verdict}. "
        f"Reading them takes {each['peer'].wall / reading:.1f} times less than the peer's way.\n"
    )


def _command(given: argparse.Namespace) -> str:
    runs = " ".join(str(each) for each in given.runs)
    return f"python benchmarks/report_scale.py --runs {runs} --repeats {given.repeats}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peer-runs", type=int, default=50)
    parser.add_argument("--root", type=Path, help="a folder for the studies; default: temporary")
    return parser.parse_args()


if __name__ == "__main__":
    main()
