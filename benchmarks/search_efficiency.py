"""What pruning saves on a grid, and what it loses: replayed from recorded curves of the full grid.

    python benchmarks/search_efficiency.py [--curves FILE] [--resamplings 20]
    python benchmarks/search_efficiency.py --record --data FOLDER [--seeds 5] [--epochs 12]

`--record` trains all points of `search=head_grid` with several seeds and writes the curves to
`--curves`; without it they are read. A resampling draws one of the seeds for each point and an
order of the points, and runs the sweep again with each pruner, built from the project's own
configuration and asked as a job asks it. Claimed: the recommended one finds a point within 0.2
points of accuracy of the full grid's best with at most a third of its epochs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import optuna
import section
from search_methods import METHODS, replay
from search_recording import SEARCH, record
from search_replay import read_curves, write_curves
from search_report import draw_figure, report


def main() -> None:
    given = _arguments()
    if given.record:
        _record(given)
    if not given.curves.exists():
        sys.exit(f"search_efficiency: {given.curves} does not exist, --record makes it")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    curves = read_curves(given.curves)
    found = {x: replay(x, curves, resamplings=given.resamplings) for x in METHODS}
    section.write("search_efficiency", report(curves, found), command=_command(given))
    draw_figure(found, section.FIGURES / "search_efficiency.svg")


def _record(given: argparse.Namespace) -> None:
    curves = record(
        given.root,
        data=given.data,
        seeds=given.seeds,
        epochs=given.epochs,
        overrides=given.overrides,
    )
    write_curves(given.curves, curves)
    print(f"{curves.values.size} accuracies in {given.curves}", file=sys.stderr)


def _command(given: argparse.Namespace) -> str:
    """What gives the same figures anywhere: without the folders of this machine."""
    parts = ["python benchmarks/search_efficiency.py"]
    if given.record:
        data = ["--data FOLDER"] if given.data else []
        parts += ["--record", *data, f"--seeds {given.seeds} --epochs {given.epochs}"]
        parts += ["--overrides", *given.overrides] if given.overrides else []
    return " ".join([*parts, f"--resamplings {given.resamplings}"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    default = section.FIGURES / f"{SEARCH}_curves.csv"
    parser.add_argument("--curves", type=Path, default=default, help="the recorded curves, a csv")
    parser.add_argument("--resamplings", type=int, default=20)
    parser.add_argument("--record", action="store_true", help="train the grid, write --curves")
    help_ = "with IMDB's train.parquet; else the embedded reviews"
    parser.add_argument("--data", type=Path, metavar="FOLDER", help=help_)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    default = Path(tempfile.gettempdir()) / "hpsearch-bench" / "search_efficiency"
    parser.add_argument("--root", type=Path, default=default, help="where trials are kept")
    help_ = "of the recorded command, in place of its own: backbone=cnn backbone.freeze=none"
    parser.add_argument("--overrides", nargs="+", default=[], metavar="KEY=VALUE", help=help_)
    return parser.parse_args()


if __name__ == "__main__":
    main()
