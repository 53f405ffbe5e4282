"""A study that has been searched already, written at once, as a sweeper finds it later on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import optuna
import sqlalchemy
from hydra_plugins.hpsearch_sweeper.study import storage
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages._rdb import models

__all__ = ["SPACE", "STUDY", "value_of", "write"]

STUDY = "scale"
SPACE: dict[str, BaseDistribution] = {  # as in sweep_overhead_task.CONF
    "model.dim": optuna.distributions.IntDistribution(8, 511),
    "model.dropout": optuna.distributions.FloatDistribution(0.0, 0.5),
    "model.activation": optuna.distributions.CategoricalDistribution(["relu", "tanh", "gelu"]),
    "optimizer.lr": optuna.distributions.FloatDistribution(1e-5, 1e-1, log=True),
    "optimizer.weight_decay": optuna.distributions.FloatDistribution(1e-6, 1e-2, log=True),
    "trainer.epochs": optuna.distributions.IntDistribution(1, 49),
    "trainer.schedule": optuna.distributions.CategoricalDistribution(
        ["linear", "cosine", "constant"]
    ),
}
_AT_ONCE = 500

Rows = dict[Any, list[dict[str, Any]]]


def value_of(point: dict[str, Any]) -> float:
    """Smooth, with its best inside of the space."""
    return float(
        (point["model.dropout"] - 0.2) ** 2
        + abs(point["optimizer.lr"] - 1e-3) ** 0.5
        + (point["trainer.epochs"] - 20) ** 2 / 1000
        + 0.1 * (point["model.activation"] != "gelu")
    )


def write(url: str, *, finished: int, running: int = 0, reports: int) -> None:
    """Random points, each with its value and reports; the running ones without a value."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    opened = storage.open_storage(url)
    study = optuna.create_study(storage=opened, study_name=STUDY)
    with sqlalchemy.create_engine(url).begin() as connection:
        for first in range(0, finished + running, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, finished + running))
            rows: Rows = {}
            for number in numbers:
                _add(rows, study._study_id, number, ended=number < finished, reports=reports)
            for model, given in rows.items():
                connection.execute(sqlalchemy.insert(model), given)
    if url.startswith("postgresql"):  # the rows came with their identities
        with sqlalchemy.create_engine(url).begin() as connection:
            text = "SELECT setval('trials_trial_id_seq', (SELECT max(trial_id) + 1 FROM trials))"
            connection.exec_driver_sql(text)


def _add(rows: Rows, study_id: int, number: int, *, ended: bool, reports: int) -> None:
    trial = number + 1  # its identity
    state = optuna.trial.TrialState.COMPLETE if ended else optuna.trial.TrialState.RUNNING
    now = datetime.now()
    row = {"trial_id": trial, "number": number, "study_id": study_id, "state": state}
    row |= {"datetime_start": now, "datetime_complete": now if ended else None}
    rows.setdefault(models.TrialModel, []).append(row)
    point = dict(_drawn(np.random.default_rng([number, 2])))
    for name, inner in point.items():
        given = {"trial_id": trial, "param_name": name, "param_value": inner}
        given["distribution_json"] = distribution_to_json(SPACE[name])
        rows.setdefault(models.TrialParamModel, []).append(given)
    value = value_of({k: SPACE[k].to_external_repr(x) for k, x in point.items()})
    kind = models.TrialIntermediateValueModel.TrialIntermediateValueType.FINITE
    for step in range(1, reports + 1):
        given = {"trial_id": trial, "step": step, "intermediate_value": value * (1 + 1 / step)}
        given["intermediate_value_type"] = kind
        rows.setdefault(models.TrialIntermediateValueModel, []).append(given)
    if ended:
        given = {"trial_id": trial, "objective": 0, "value": value}
        given["value_type"] = models.TrialValueModel.TrialValueType.FINITE
        rows.setdefault(models.TrialValueModel, []).append(given)


def _drawn(random: np.random.Generator) -> Iterator[tuple[str, float]]:
    """Each parameter as Optuna stores it."""
    for name, given in SPACE.items():
        if isinstance(given, optuna.distributions.CategoricalDistribution):
            yield name, float(random.integers(len(given.choices)))
        elif isinstance(given, optuna.distributions.IntDistribution):
            yield name, float(random.integers(given.low, given.high + 1))
        elif given.log:  # type: ignore[attr-defined]
            low, high = np.log([given.low, given.high])  # type: ignore[attr-defined]
            yield name, float(np.exp(random.uniform(low, high)))
        else:
            yield name, float(random.uniform(given.low, given.high))  # type: ignore[attr-defined]
