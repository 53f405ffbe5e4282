"""The test split, touched once: by the winner of a study. What it gives is stored and not repeated.

``python -m hpsearch.predict split=test`` and ``python -m hpsearch.report`` call it.
"""

from __future__ import annotations

import hashlib
import logging
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hpsearch.errors import HpsearchError
from hpsearch.reporting.sections.winner import winner_folder, winner_run
from hpsearch.tested import TestResult, read_test_result, store_test_result
from hpsearch.tracking import Tracker
from hpsearch.tracking.study import Study
from hpsearch.trials import TrialFolder, versions

if TYPE_CHECKING:
    from hpsearch.data import Examples

__all__ = ["evaluate_test", "evaluate_trial", "evaluate_winner", "record_test"]

log = logging.getLogger(__name__)


def evaluate_winner(
    study: Study, root: Path, *, tracker: Tracker | None = None
) -> TestResult | None:
    """The test figures of the study's winner: from the store, or computed and stored.

    With a ``tracker`` they are written to the winner's MLflow run too. None, and one line to the
    log that says why, where nothing has finished, or the model or the test split is not here (a
    model that is elsewhere is nothing to warn of: the report says it).
    """
    folder = winner_folder(study, root)
    try:
        result = None if folder is None else evaluate_trial(folder, root)[0]
    except (HpsearchError, OSError) as error:
        how = f"python -m hpsearch.predict study={shlex.quote(study.name)} split=test"
        log.warning("the winner was not evaluated on the test split (%s); later: %s", error, how)
        return None
    if result is None:
        log.info("no test figures: the winner's model does not lie below %s", root.absolute())
    elif tracker is not None:
        record_test(tracker, study, result)
    return result


def record_test(tracker: Tracker, study: Study, result: TestResult) -> None:
    """Into the MLflow run of the study's winner, unless it has them already."""
    run = winner_run(study)
    if any(run.get(f"metrics.{key}") != value for key, value in result.figures.items()):
        tracker.add_figures(str(run["run_id"]), result.figures)


def evaluate_trial(
    folder: TrialFolder, root: Path, *, trust_remote_code: bool = False
) -> tuple[TestResult | None, bool]:
    """Test figures of a trial's model, and whether they were stored before.

    Two that ask at once compute it once. None where there is neither a model nor a stored result.
    """
    stored = read_test_result(folder)
    if stored is not None:
        return stored, True
    if not (folder.best / "config.yaml").is_file():
        return None, False
    with folder.held():
        if (meanwhile := read_test_result(folder)) is not None:
            return meanwhile, True
        found = evaluate_test(folder.best, str(root), trust_remote_code=trust_remote_code)
        store_test_result(folder, found)
    return found, False


def evaluate_test(folder: Path, root: str, *, trust_remote_code: bool = False) -> TestResult:
    """A model's figures on the test split of its own configuration; nothing is stored."""
    from hpsearch import builders
    from hpsearch.builders import build_sizes
    from hpsearch.data import LazyTokenizer, tokenise
    from hpsearch.frozen import cached_logits, is_cached
    from hpsearch.model_folder import load_model
    from hpsearch.training import evaluate
    from hpsearch.training.metrics import classification_metrics

    forward, loaded, config = load_model(folder, trust_remote_code=trust_remote_code)
    config.root = root
    test = builders.read_test(config)
    cache = builders.cache_folder(config)
    tokenizer = LazyTokenizer.of(loaded)
    tokens = tokenise(test, tokenizer, max_length=config.backbone.max_length, cache=cache)
    if is_cached(config, folder):
        logits = cached_logits(folder, config, tokenizer, forward, tokens)
    else:
        logits = evaluate(forward, tokens, sizes=build_sizes(config))
    classes = [str(name) for name in config.data.classes]
    return TestResult(
        examples=len(test),
        **classification_metrics(logits, test.labels),
        confusion=_confusion(test, logits.argmax(dim=1).numpy(), classes=len(classes)),
        classes=classes,
        digest=_digest(test, classes),
        versions=versions(),
    )


def _confusion(
    test: Examples, predicted: npt.NDArray[np.int64], *, classes: int
) -> list[list[int]]:
    """(classes, classes) counts; rows are true classes, columns predicted ones."""
    cells = np.bincount(test.labels * classes + predicted, minlength=classes * classes)
    counts: list[list[int]] = cells.reshape(classes, classes).tolist()
    return counts


def _digest(test: Examples, classes: Sequence[str]) -> str:
    """16 hexadecimal digits over every text, label and class name, in order."""
    digest = hashlib.sha256(repr(tuple(classes)).encode())
    digest.update(test.labels.tobytes())
    for text in test.texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:16]
