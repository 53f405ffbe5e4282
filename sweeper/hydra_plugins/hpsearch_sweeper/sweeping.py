"""One sweep: the study, the runner, the display and the results, wired together."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper import display, errors, hiding, trial
from hydra_plugins.hpsearch_sweeper.jobs import interrupts, making, slots
from hydra_plugins.hpsearch_sweeper.study import opening, proxy, results, storage, summary

if TYPE_CHECKING:
    from hydra_plugins.hpsearch_sweeper.jobs.patching import Composer
    from hydra_plugins.hpsearch_sweeper.jobs.runner import Runner
    from hydra_plugins.hpsearch_sweeper.plan import Plan
    from hydra_plugins.hpsearch_sweeper.study.study import SweepStudy
    from omegaconf import DictConfig

__all__ = ["run_sweep"]

log = logging.getLogger(__name__)

# The results file is written after every trial, but no more often than this.
_RESULTS_SECONDS = 0.5


def run_sweep(plan: Plan, jobs: Runner, *, composer: Composer, config: DictConfig) -> None:
    """Runs what is missing, then says what came out.

    Raises SweepFailedError when every trial failed, or too many did; leaves with exit code 130
    after Ctrl-C, 143 after SIGTERM.
    """
    resumable = plan.settings.storage is not None
    told = storage.clear_errors(plan.settings.storage)
    with _reachable(plan, jobs) as plan, _orderly_interrupt(resumable=resumable), told:
        sweep = _Sweep(plan, config, composer)
        sweep.study.resume()
        if sweep.study.finished >= plan.total:
            log.info("study %s: all %d trials are finished", plan.study_name, plan.total)
        else:
            sweep.run(jobs)
        sweep.conclude()


class _Sweep:
    def __init__(self, plan: Plan, config: DictConfig, composer: Composer) -> None:
        self.plan = plan
        self.study: SweepStudy = opening.open_study(plan)
        self._config = config
        self._folder = Path(str(config.hydra.sweep.dir))
        self._maker = making.JobMaker(plan, composer, folder=self._folder)
        self._written = 0.0

    def run(self, jobs: Runner) -> None:
        """The trials, on as many slots as the runner has."""
        self._prepare_folder()
        try:
            with self._reached_by_jobs(), self.study.beating(), _open_display(jobs) as shown:
                self._begin(shown, jobs.slots)
                slots.Slots(
                    self.study,
                    jobs,
                    make_job=self._maker.job,
                    display=shown,
                    after_each=self._write_soon,
                ).run()
        finally:
            trial.forget(self.plan.study_name)
            self._write()

    @contextmanager
    def _reached_by_jobs(self) -> Iterator[None]:
        """Told how; what is served to them ends with the sweep."""
        with proxy.serving(self.study.storage, self.plan.settings.proxy) as address:
            self._maker.storage = address or self.plan.settings.storage
            trial.announce(self.plan.study_name, self.study.storage, given=self._maker.storage)
            if address:
                log.info("study %s: served to its jobs at %s", self.plan.study_name, address)
            yield

    def conclude(self) -> None:
        """The results file, and the best trial in the log."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write()
        held = self.study.ledger
        failed = len(held.failures)
        if failed and not held.counts["COMPLETE"] and not held.counts["PRUNED"]:
            raise errors.SweepFailedError(
                f"study {self.plan.study_name}: {failed} of {failed} trials failed, "
                f"the last one with {self.study.failure_of(held.failures[-1])}"
            )
        for best in self.study.best_trials():
            log.info(
                "%s of %d trials (%s): value %s, job %d  %s",
                "best" if len(self.plan.settings.directions) == 1 else "Pareto front",
                held.finished,
                _failures(held.counts),
                ", ".join(f"{value:.6g}" for value in best.values),
                best.number,
                _point(best.params),
            )

    def _begin(self, shown: display.Display, slots: int) -> None:
        held = self.study.ledger
        best = [
            display.rows.Best(x.number, _point(x.params), tuple(x.values))
            for x in self.study.best_trials()
        ]
        progress = display.rows.Progress(
            total=self.plan.total,
            finished=self.study.finished,
            slots=slots,
            began=time.monotonic(),
            failed=held.counts["FAIL"],
            infeasible=held.counts["INFEASIBLE"],
            pruned=held.counts["PRUNED"],
            best=best[0] if len(self.plan.settings.directions) == 1 and best else None,
        )
        shown.begin(self.plan.study_name, progress, folder=str(self._folder))

    def _prepare_folder(self) -> None:
        from omegaconf import OmegaConf

        self._folder.mkdir(parents=True, exist_ok=True)
        shown = hiding.hidden(OmegaConf.to_container(self._config))
        OmegaConf.save(OmegaConf.create(shown), self._folder / "multirun.yaml")

    def _write_soon(self) -> None:
        if time.monotonic() - self._written >= _RESULTS_SECONDS:
            self._write()
            self._written = time.monotonic()

    def _write(self) -> None:
        found = summary.results_of(self.study, folder_of=self._maker.folder_of)
        results.write_results(self._folder, found)


@contextmanager
def _orderly_interrupt(*, resumable: bool) -> Iterator[None]:
    """Ctrl-C and SIGTERM are no defect: a line, no traceback."""
    try:
        yield
    except KeyboardInterrupt as error:
        kept = "the same command goes on from here" if resumable else "nothing is kept in memory"
        log.warning("interrupted; %s", kept)
        raise SystemExit(interrupts.exit_code(error)) from None


def _open_display(jobs: Runner) -> display.Display:
    # A debugger in a job of this process would fight with a live table for the terminal.
    live = False if jobs.in_this_process else None
    shown = display.open_display(live=live, slots=jobs.slots)
    if hasattr(jobs, "output"):  # the others' jobs print to the terminal, or where they run
        jobs.output = shown.output
    return shown


def _failures(counts: Mapping[str, int]) -> str:
    infeasible = f", {counts['INFEASIBLE']} infeasible" if counts["INFEASIBLE"] else ""
    return f"{counts['FAIL']} failed{infeasible}"


def _point(params: Mapping[str, Any]) -> str:
    return "  ".join(f"{key}={value}" for key, value in params.items())


@contextmanager
def _reachable(plan: Plan, jobs: Runner) -> Iterator[Plan]:
    """A study in memory becomes one in a temporary file where jobs run in other processes."""
    in_memory = plan.settings.storage is None
    if not in_memory or jobs.in_this_process:
        yield plan
        return
    with tempfile.TemporaryDirectory(prefix="hpsearch-") as folder:
        settings = replace(plan.settings, storage=f"sqlite:///{folder}/study.db")
        yield replace(plan, settings=settings)
