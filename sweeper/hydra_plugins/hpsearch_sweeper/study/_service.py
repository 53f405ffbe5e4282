"""What answers the jobs behind a proxy: Optuna's own service, but for the reading of all trials.

Hydra's plugin scanner leaves modules out whose names begin with an underscore; the others must not
import grpc at their top, or every program would.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from optuna.storages import BaseStorage
from optuna.storages._grpc import servicer
from optuna.storages._grpc.auto_generated import api_pb2
from optuna.trial import FrozenTrial

__all__ = ["Service"]

# What is read serves for so many times as long as the reading took.
_SERVES = 10.0


class Service(servicer.OptunaStorageProxyService):
    """A pruner reads all trials, in each job anew, and the sweeper has other things to do.

    The message of a trial that has ended is made once, and the database is not asked all the time.
    What a job wants to know of its own trial is always read.
    """

    def __init__(self, storage: BaseStorage) -> None:
        super().__init__(storage)
        self._messages: dict[int, Any] = {}  # by identity
        self._read: dict[int, tuple[float, list[FrozenTrial]]] = {}  # by study, and until when
        self._reading = threading.Lock()

    def GetTrials(self, request: Any, context: Any) -> Any:  # noqa: N802 (gRPC's name)
        """Those that the job does not know, or knows as not ended."""
        try:
            trials = self._trials(request.study_id)
        except KeyError:
            return super().GetTrials(request, context)  # says it as Optuna does
        known, last = set(request.included_trial_ids), request.trial_id_greater_than
        wanted = [x for x in trials if x._trial_id > last or x._trial_id in known]
        return api_pb2.GetTrialsReply(trials=[self._message(x) for x in wanted])

    def _trials(self, study_id: int) -> list[FrozenTrial]:
        with self._reading:
            until, trials = self._read.get(study_id, (0.0, []))
            began = time.monotonic()
            if began >= until:
                trials = self._backend.get_all_trials(study_id, deepcopy=False)
                now = time.monotonic()
                self._read[study_id] = (now + _SERVES * (now - began), trials)
            return trials

    def _message(self, trial: FrozenTrial) -> Any:
        if not trial.state.is_finished():
            return servicer._to_proto_trial(trial)
        if trial._trial_id not in self._messages:
            self._messages[trial._trial_id] = servicer._to_proto_trial(trial)
        return self._messages[trial._trial_id]
