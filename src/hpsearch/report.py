"""Entry: the table of a study, from MLflow into ``reports/``.

python -m hpsearch.report                    # the newest study
python -m hpsearch.report study=lr root=../thesis
python -m hpsearch.report study=short,long   # two studies side by side
python -m hpsearch.report columns=head.dim,val/accuracy,val/f1 digits=3
python -m hpsearch.report study=lr promote=3  # conf/search/lr_promoted.yaml: longer, more seeds
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.cli import parse
from hpsearch.errors import ConfigError, one_line_errors

if TYPE_CHECKING:
    from hpsearch.tracking import Tracker
    from hpsearch.tracking.study import Study

__all__ = ["Report", "main"]


@dataclass(frozen=True)
class Report:
    """Write and print the table of a study: python -m hpsearch.report [key=value ...]"""

    study: str = field(
        default="", metadata={"help": "its name, or several: a,b; default: the newest"}
    )
    root: str = field(default=".", metadata={"help": "where mlflow.db and reports/ lie"})
    tracking_uri: str = field(default="", metadata={"help": "MLflow; default: <root>/mlflow.db"})
    columns: str = field(
        default="", metadata={"help": "keys, metrics, seeds, ±, 95 %; default: what varied"}
    )
    digits: int | None = field(default=None, metadata={"help": "decimal places; default: 5"})
    register: bool = field(
        default=True, metadata={"help": "false: the winner gets no version in MLflow's registry"}
    )
    test: bool = field(default=True, metadata={"help": "false: the winner's test figures stay out"})
    promote: int | None = field(
        default=None, metadata={"help": "a longer search of so many points"}
    )
    epochs: int | None = field(default=None, metadata={"help": "of it; default: three times"})
    seeds: int | None = field(default=None, metadata={"help": "of it; default: 5"})


def main(argv: Sequence[str] | None = None) -> None:
    with one_line_errors():
        run(parse(sys.argv[1:] if argv is None else argv, Report))


def run(asked: Report) -> None:
    # A wrong key is told before pandas is loaded.
    from hpsearch.publishing import publish, publish_comparison
    from hpsearch.reporting import choose
    from hpsearch.tracking import open_tracker

    root = Path(asked.root)
    tracker = open_tracker(root, uri=asked.tracking_uri or None)
    sent = tracker.send_spooled()
    if sent.records:
        print(f"sent to MLflow: {sent.records} records of {sent.runs} runs, kept while it was away")
    names = _names(asked.study, tracker) or [tracker.newest_study()]
    _check(asked, names)
    first, *others = [tracker.read_study(name) for name in names]
    if asked.promote is not None:
        _promote(first, asked, root)
    elif others:
        publish_comparison([first, *others], root, digits=asked.digits)
    else:
        layout = choose(first, columns=asked.columns, digits=asked.digits)
        publish(first, root, tracker, layout=layout, test=asked.test, register=asked.register)


def _check(asked: Report, names: Sequence[str]) -> None:
    """Raise :class:`ConfigError` for a key that nothing would read."""
    if asked.promote is None:
        for key in ("epochs", "seeds"):
            if getattr(asked, key) is not None:
                raise ConfigError(f"{key}={getattr(asked, key)}: it goes with promote=K only")
    if len(names) > 1:
        for key in ("promote", "columns"):
            if getattr(asked, key):
                raise ConfigError(f"{key}={getattr(asked, key)}: it takes one study, not several")


def _promote(study: Study, asked: Report, root: Path) -> None:
    from hpsearch.promotion import promote

    k = asked.promote or 0
    print(promote(study, k, root=root, epochs=asked.epochs, seeds=asked.seeds).text)


def _names(given: str, tracker: Tracker) -> list[str]:
    """Of the studies, each once; a name may hold a comma itself."""
    if "," not in given or given in tracker.studies():
        return [given] if given else []
    return list(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))


if __name__ == "__main__":
    main()
