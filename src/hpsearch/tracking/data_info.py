"""What a trial was trained and validated on, as MLflow shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.tracking import names

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

__all__ = ["DataInfo", "as_input"]

LONGEST_DIGEST = 36


@dataclass(frozen=True)
class DataInfo:
    """What a trial was trained and validated on."""

    name: str
    digest: str
    source: str  # a folder or file, an http(s) address, or a name on the hub
    n_train: int
    n_val: int
    classes: Sequence[str]

    def tags(self) -> dict[str, str]:
        return {
            names.DATA: self.name,
            names.DIGEST: self.digest,
            names.SOURCE: self.source,
            names.N_TRAIN: str(self.n_train),
            names.N_VAL: str(self.n_val),
            names.CLASSES: names.as_text(list(self.classes)),
        }

    def dataset(self) -> dict[str, str]:
        """The fields of MLflow's data set; a relative path is one of this working folder."""
        kind, source = _source(self.source)
        profile = {"n_train": self.n_train, "n_val": self.n_val, "classes": list(self.classes)}
        return {
            "name": names.cut(self.name, 500),
            "digest": self.digest[:LONGEST_DIGEST],
            "source_type": kind,
            "source": json.dumps(source),
            "profile": json.dumps(profile),
        }


def as_input(dataset: Mapping[str, str]) -> DatasetInput:
    """The data set under MLflow's "Datasets used"."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    return DatasetInput(Dataset(**dataset), tags=[InputTag(*names.DATA_CONTEXT)])


def _source(source: str) -> tuple[str, dict[str, str]]:
    if source.startswith(("http://", "https://")):
        return "http", {"url": source}
    if Path(source).exists():
        return "local", {"uri": str(Path(source).absolute())}
    return "hpsearch", {"source": source}
