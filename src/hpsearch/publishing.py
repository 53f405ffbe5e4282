"""A study's report, written and printed: what the report entry and the end of a sweep share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hpsearch.reporting import (
    Layout,
    Report,
    best_fingerprint,
    choose,
    markdown_section,
    show,
    summary,
    winner_figures,
    write_comparison,
    write_report,
)
from hpsearch.tracking import Study, Tracker
from hpsearch.trials import TrialStore

__all__ = ["publish", "publish_comparison"]

MEANS = (
    "`best/…` are the figures of the luckiest single trial; `best_point/…` are the means over the "
    "seeds of the best point, whose best model is the registered one."
)


def publish(
    study: Study,
    root: Path,
    tracker: Tracker,
    *,
    layout: Layout,
    test: bool = False,
    register: bool = False,
) -> None:
    """Write the report below ``root``, put it into MLflow, print its table and where it lies.

    With ``test`` the winner is evaluated on the test split first, once, and not while a trial runs
    that may yet be better; with ``register`` it gets a version in MLflow's registry.
    """
    if test and _has_ended(study):
        from hpsearch.final_test import evaluate_winner

        evaluate_winner(study, root, tracker=tracker)
    report = write_report(study, root, layout=layout, histories=tracker.read_histories(study))
    _show(report)
    _log(report, study, tracker)
    if register and len(study.finished()):
        _register(study, root, tracker)


def _log(report: Report, study: Study, tracker: Tracker) -> None:
    """MLflow's page of the study has the best trial's figures; it gets the best point's as well."""
    note = markdown_section(summary(report.document), digits=report.document.digits)
    figures, tags = winner_figures(study)
    said = [note, *([MEANS] if figures else [])]
    tracker.log_report(study.name, report.files, note="\n\n".join(said), figures=figures, tags=tags)


def publish_comparison(studies: Sequence[Study], root: Path, *, digits: int | None = None) -> None:
    """Several studies side by side, written and printed."""
    _show(write_comparison(studies, root, layout=choose(studies[0], digits=digits)))


def _has_ended(study: Study) -> bool:
    """Whether it has a winner, and no trial that may yet be a better one."""
    states = set(study.runs["status"])
    return "FINISHED" in states and not states & {"RUNNING", "SCHEDULED"}


def _register(study: Study, root: Path, tracker: Tracker) -> None:
    name = best_fingerprint(study)
    found = tracker.register_winner(study, name, folder=TrialStore(root).look(name).best)
    if found is not None:
        print(f"{found.uri} is version {found.version}")


def _show(report: Report) -> None:
    document = report.document
    show(summary(document), title=document.title, digits=document.digits)
    print("\n".join(map(str, report.files)))
