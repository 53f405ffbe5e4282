"""Where one sweeper saturates: real studies of thousands of trials, with simulated trainings.

    python benchmarks/scale_simulation.py [--sizes 1000 5000 10000] [--slots 256]

Sweeper, sampler, storage and reports are real; the trainings take virtual time (log-normal,
`--mean` seconds). All but the last `--slots` + `--last` trials of a study are written beforehand.
What the sweeper takes for an ask or a tell keeps slots waiting. Peer: `study.ask` and `study.tell`
of Optuna, beside as many open trials. Each figure of ours is the mean over the last trials.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import scale_history
import section
from scale_databases import Database, new_database
from scale_reports import Reporter, seconds_to_ask_whether_to_stop
from scale_variants import Costs, TimeOverError, run_optuna, run_ours
from scale_virtual import Clock, Trainings

PEER_TIMES = 5
LIMIT = 0.01  # claimed: so much of the slot time waits for the sweeper


@dataclass(frozen=True)
class Found:
    """One sampler and storage at one size; seconds, None where the minutes were over before."""

    sampler: str
    storage: str
    size: int
    ask: float | None
    tell: float | None
    report: float | None
    should_prune: float
    idle: float
    megabytes: float
    peer: float | None  # an ask and a tell

    @property
    def cost(self) -> float | None:
        return None if self.ask is None or self.tell is None else self.ask + self.tell


def main() -> None:
    given = _arguments()
    found = []
    for storage, sampler, size in product(given.storages, given.samplers, given.sizes):
        began = time.perf_counter()
        one = measure(storage, sampler, size, given)
        if one is None:
            print(f"{storage}: no server at {given.postgresql}", file=sys.stderr)
            continue
        found.append(one)
        print(_row(one, given), f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    section.write("scale_simulation", body(found, given), command=_command())


def measure(storage: str, sampler: str, size: int, given: argparse.Namespace) -> Found | None:
    peer = _peer(storage, sampler, size, given)
    with new_database(storage, server=given.postgresql) as database:
        if database is None:
            return None
        costs = Costs(until=time.perf_counter() + 60 * given.minutes)
        trainings = _simulated(database, sampler, size, given, costs)
        ask, tell = (costs.last(name, count=given.last // 2) for name in ("ask", "tell"))
        return Found(
            sampler,
            storage,
            size,
            ask,
            tell,
            costs.last("report", count=given.last // 2),
            seconds_to_ask_whether_to_stop(database.url, trainings.starts[-1].number),
            trainings.idle(size - given.last, size),
            database.megabytes(),
            peer,
        )


def _simulated(
    database: Database, sampler: str, size: int, given: argparse.Namespace, costs: Costs
) -> Trainings:
    finished = max(0, size - given.slots - given.last)
    scale_history.write(database.url, finished=finished, reports=given.reports)
    reporter = Reporter(database.url, costs)
    trainings = Trainings(Clock(), given.slots, given.mean, given.reports, reporter.report)
    with tempfile.TemporaryDirectory(prefix="scale-") as folder, suppress(TimeOverError):
        run_ours(
            database.url,
            Path(folder),
            sampler=sampler,
            trials=size,
            trainings=trainings,
            costs=costs,
        )
    return trainings


def _peer(storage: str, sampler: str, size: int, given: argparse.Namespace) -> float | None:
    with new_database(storage, server=given.postgresql) as database:
        if database is None:
            return None
        running = min(given.slots, size) - 1
        finished = max(0, size - running)
        scale_history.write(database.url, finished=finished, running=running, reports=given.reports)
        costs = Costs(until=time.perf_counter() + 60 * given.minutes)
        with suppress(TimeOverError):
            run_optuna(database.url, sampler=sampler, times=PEER_TIMES, costs=costs)
        parts = [costs.last(name, count=PEER_TIMES) for name in ("ask", "tell")]
        return None if None in parts else sum(x for x in parts if x is not None)


def body(found: Sequence[Found], given: argparse.Namespace) -> str:
    about = (
        f"{given.slots} slots, trials of 7 parameters and {given.reports} reports, a training of "
        f"{given.mean:g} s in the mean. Feeds: how many such slots one sweeper keeps busy, at "
        "mean ÷ (ask + tell). Idle: the share of slot time that waited for the sweeper, simulated. "
        "should_prune: the first of a job, with the median pruner. Peer: Optuna's own ask and tell."
    )
    heads = (
        "ask, ms | tell, ms | trials/s | feeds slots | idle | peer, ms | faster | report, ms "
        "| should_prune, s | MB"
    )
    rows = [f"| sampler, storage | trials | {heads} |", f"|---|---:|{'---:|' * 10}"]
    return "\n".join([about, "", *rows, *(_row(x, given) for x in found), "", *_claims(found)])


def _claims(found: Sequence[Found]) -> list[str]:
    largest = max((x.size for x in found), default=0)
    return [
        f"- Claim: {x.sampler} on {x.storage} leaves at most {LIMIT:.0%} of the slot time idle at "
        f"{x.size:,} trials: {x.idle:.1%}, {'holds' if x.idle <= LIMIT else '**DOES NOT HOLD**'}."
        for x in found
        if x.size == largest and x.cost is not None
    ]


def _row(x: Found, given: argparse.Namespace) -> str:
    cells = [f"{x.sampler}, {x.storage}", f"{x.size:,}", _ms(x.ask), _ms(x.tell)]
    if x.cost is None:
        cells += ["", "", ""]
    else:
        cells += [f"{1 / x.cost:.1f}", f"{given.mean / x.cost:,.0f}", f"{x.idle:.1%}"]
    faster = f"{x.peer / x.cost:.1f}" if x.peer is not None and x.cost is not None else ""
    cells += [_ms(x.peer), faster, _ms(x.report), f"{x.should_prune:.2f}", f"{x.megabytes:.1f}"]
    return f"| {' | '.join(cells)} |"


def _ms(seconds: float | None) -> str:
    return f"{1000 * seconds:.0f}" if seconds is not None else "not reached"


def _command() -> str:
    return " ".join(["python", "benchmarks/scale_simulation.py", *sys.argv[1:]])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 5000, 10_000])
    parser.add_argument("--slots", type=int, default=256)
    parser.add_argument(
        "--last", type=int, default=200, help="trials that are simulated and measured"
    )
    parser.add_argument("--mean", type=float, default=120.0, help="seconds of a training")
    parser.add_argument("--reports", type=int, default=3, help="of each trial")
    both = ["tpe", "random"]
    parser.add_argument("--samplers", nargs="+", choices=both, default=both)
    both = ["sqlite", "postgresql"]
    parser.add_argument("--storages", nargs="+", choices=both, default=both)
    parser.add_argument("--minutes", type=float, default=5, help="the most for each row")
    url = "postgresql://hpsearch:hpsearch@127.0.0.1:54329/hpsearch"
    parser.add_argument(
        "--postgresql", default=url, help="a server (.ci/postgresql starts this one)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
