"""A Hydra sweeper on Optuna that resumes, never repeats a point, and lets a job see its trial.

Hydra's plugin scanner executes each module once more, and one that was not imported yet before
Python knows it, which dataclasses do not bear: hence all of those are imported here. For the same
reason the modules refer to each other as modules, never to each other's classes by name, and none
imports Optuna at its top.
"""

from hydra_plugins.hpsearch_sweeper import config
from hydra_plugins.hpsearch_sweeper.jobs import slots
from hydra_plugins.hpsearch_sweeper.plan import resolve_study_name, search_keys
from hydra_plugins.hpsearch_sweeper.study import study
from hydra_plugins.hpsearch_sweeper.trial import TrialHandle, current_trial

__all__ = [
    "TrialHandle",
    "config",
    "current_trial",
    "resolve_study_name",
    "search_keys",
    "slots",
    "study",
]
