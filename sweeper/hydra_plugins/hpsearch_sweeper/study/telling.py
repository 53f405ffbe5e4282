"""What becomes of a running trial in the study: notes, reports, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hydra_plugins.hpsearch_sweeper.study import ledger

if TYPE_CHECKING:
    import optuna
    from hydra_plugins.hpsearch_sweeper.reports import Report
    from optuna.trial import FrozenTrial

__all__ = ["Teller"]

# Characters of a stack trace that are kept with a failed trial.
_DETAILS_LENGTH = 2000


class Teller:
    """Tells the study of trials, by number.

    It may have been told before the connection broke; or others have taken this sweeper for dead
    after a long sleep of its machine, and have ended its trial: what stands there stands.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._storage = study._storage

    def read(self, number: int) -> FrozenTrial:
        """The trial as of now."""
        return self._storage.get_trial(self._identity(number))

    def report(self, number: int, found: Sequence[Report]) -> None:
        """Intermediate values, each with its step."""
        from optuna.exceptions import UpdateFinishedTrialError

        identity = self._identity(number)
        with suppress(UpdateFinishedTrialError):
            for step, value in found:
                self._storage.set_trial_intermediate_value(identity, step, value)

    def constrain(self, number: int, constraints: Mapping[str, float]) -> None:
        """The trial's constraints, as samplers read them."""
        identity = self._identity(number)
        for name, value in constraints.items():
            self._storage.set_trial_system_attr(identity, f"constraints:{name}", value)

    def end(
        self,
        number: int,
        *,
        values: Sequence[float] | None = None,
        state: str | None = None,
        notes: Mapping[str, Any] | None = None,
        details: str = "",
    ) -> FrozenTrial:
        """The trial ended with values, or in a state; as it stands in the study then."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        kept = {ledger.DETAILS: details[-_DETAILS_LENGTH:]} if details else {}
        identity = self._identity(number)
        with suppress(UpdateFinishedTrialError):
            for key, value in {**kept, **(notes or {})}.items():
                self._storage.set_trial_user_attr(identity, key, value)
        given = None if state is None else TrialState[state]
        told = None if values is None else list(values)
        with suppress(UpdateFinishedTrialError):
            self._study.tell(number, told, state=given, skip_if_finished=True)
        return self.read(number)

    def _identity(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number)
