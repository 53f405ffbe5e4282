"""hpsearch's room for MLflow: everything written to it and read from it.

    tracker = open_tracker(Path("."))
    tracker.prepare()                                    # once, by the parent process
    tracker.start_study("lr", base=config, keys=["optimizer.lr"], tags={})
    with tracker.start_trial(study="lr", name=run_name(point), ...) as run:
        run.log({"val/accuracy": 0.9}, step=1)           # one batch an epoch
        run.summary({"val/accuracy": 0.9})               # kept as `best/val/accuracy`
    tracker.end_study("lr")
    study = tracker.read_study("lr")                     # .runs has one row a trial
    tracker.log_report("lr", [Path("reports/lr.md")])    # beside the study's figures
    tracker.register_winner(study, fingerprint, folder=best)      # models:/lr@champion

Importing this package imports neither MLflow nor torch. Runs in a sqlite file are written and read
by SQL; MLflow itself comes with the first call that needs it (:mod:`hpsearch.tracking.client` is
what a warm server may import ahead of it).
"""

import os

# MLflow looks at these: nothing is sent to its makers, and neither a server's addresses nor bars of
# its own for each small file are printed amid the progress bars.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from hpsearch.tracking.data_info import DataInfo
from hpsearch.tracking.names import as_text, default_artifacts, default_uri, run_name, same_value
from hpsearch.tracking.registry import Registered
from hpsearch.tracking.sending import Sent
from hpsearch.tracking.study import Study
from hpsearch.tracking.tracker import Tracker, open_tracker
from hpsearch.tracking.trial_run import TrialRun

__all__ = [
    "DataInfo",
    "Registered",
    "Sent",
    "Study",
    "Tracker",
    "TrialRun",
    "as_text",
    "default_artifacts",
    "default_uri",
    "open_tracker",
    "run_name",
    "same_value",
]
