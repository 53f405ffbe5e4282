"""What a trial's model does on the test split, stored beside its result: ``test.json``.

Read without torch, so that a report can show it; :mod:`hpsearch.final_test` computes it.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hpsearch.atomic import write_text
from hpsearch.trials import TrialFolder

__all__ = ["TESTED", "TestResult", "read_test_result", "store_test_result"]

log = logging.getLogger(__name__)

TESTED = "test.json"


@dataclass(frozen=True)
class TestResult:
    """A model's figures on the test split.

    Attributes:
        loss: plain cross-entropy, nats an example.
        f1: macro F1, the mean over classes.
        confusion: (classes, classes) counts; rows are true classes, columns predicted ones.
        digest: of the test split's texts, labels and class names.
        versions: of the libraries that computed it.
    """

    __test__ = False  # pytest would take it for a test

    examples: int
    loss: float
    accuracy: float
    f1: float
    confusion: list[list[int]]
    classes: list[str]
    digest: str
    versions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for counts that do not fit the classes and examples."""
        if self.counts.shape != (len(self.classes),) * 2 or self.counts.sum() != self.examples:
            raise ValueError("the confusion matrix does not fit the classes and examples")

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """The confusion matrix as an array."""
        return np.array(self.confusion, dtype=np.int64)

    @property
    def figures(self) -> dict[str, float]:
        """By the names that MLflow has them under."""
        return {"test/accuracy": self.accuracy, "test/f1": self.f1, "test/loss": self.loss}


def read_test_result(folder: TrialFolder) -> TestResult | None:
    """What is stored; None where nothing is, or where the file is damaged, which is told."""
    file = _file(folder)
    if not file.is_file():
        return None
    try:
        return TestResult(**json.loads(file.read_text()))
    except (ValueError, TypeError) as error:
        log.warning("%s is damaged (%s): the test split has to be evaluated again", file, error)
        return None


def store_test_result(folder: TrialFolder, result: TestResult) -> None:
    """Whole or not at all; the trial's folder is there."""
    write_text(_file(folder), json.dumps(asdict(result), indent=2) + "\n")


def _file(folder: TrialFolder) -> Path:
    return folder.path / TESTED
