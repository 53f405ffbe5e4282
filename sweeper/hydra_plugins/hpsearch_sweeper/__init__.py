"""A Hydra sweeper on Optuna that prunes, resumes, never waits and never repeats a point.

    space/      what is searched: override strings, conditions, points
    samplers/   who chooses the points
    study/      what is known of the trials: asked, told, shared, resumed
    jobs/       slots, and the runners behind them: processes, Ray, threads, this process
    display/    what a person sees meanwhile

Hydra's plugin scanner executes each module once more, and one that was not imported yet before
Python knows it, which dataclasses do not bear: hence all of those are imported here. For the same
reason the modules refer to each other as modules, never to each other's classes by name, and none
imports Optuna at its top.
"""

from hydra_plugins.hpsearch_sweeper import config, display, hpsearch_sweeper, sweeping
from hydra_plugins.hpsearch_sweeper.ahead import check_search, warm_up
from hydra_plugins.hpsearch_sweeper.plan import resolve_study_name, search_keys
from hydra_plugins.hpsearch_sweeper.trial import TrialHandle, current_trial, slots

__all__ = [
    "TrialHandle",
    "check_search",
    "config",
    "current_trial",
    "display",
    "hpsearch_sweeper",
    "resolve_study_name",
    "search_keys",
    "slots",
    "sweeping",
    "warm_up",
]
