"""Use the best model of a study.

python -m hpsearch.predict study=NAME text="A film to remember"
python -m hpsearch.predict study=NAME split=test
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.cli import parse
from hpsearch.errors import ConfigError, ReportError, allowed, one_line_errors

if TYPE_CHECKING:
    import torch

    from hpsearch.tracking import Tracker
    from hpsearch.tracking.study import Study

__all__ = ["Options", "Predictor", "main", "predict"]

BEST = "best"  # a trial's folder holds its model under this name


@dataclass(frozen=True)
class Options:
    """python -m hpsearch.predict study=NAME text="A film to remember" """

    study: str | None = field(default=None, metadata={"help": "a study; the newest by default"})
    model: str | None = field(default=None, metadata={"help": "a model's folder instead"})
    text: str | None = field(default=None, metadata={"help": "the text to classify"})
    split: str | None = field(default=None, metadata={"help": "or a split to evaluate on: test"})
    root: str = field(default=".", metadata={"help": "the folder with outputs/ and mlflow.db"})
    tracking_uri: str | None = field(default=None, metadata={"help": "another MLflow store"})
    trust_remote_code: bool = field(
        default=False, metadata={"help": "true runs Python code that comes with the model"}
    )


class Predictor:
    """A model that is loaded once and then classifies any number of texts."""

    def __init__(self, folder: Path, *, trust_remote_code: bool = False) -> None:
        from hpsearch.builders import build_sizes
        from hpsearch.data import LazyTokenizer
        from hpsearch.model_folder import load_model

        self._forward, tokenizer, config = load_model(folder, trust_remote_code=trust_remote_code)
        self._tokenizer = LazyTokenizer.of(tokenizer)
        self._sizes = build_sizes(config)
        self._longest = int(config.backbone.max_length)
        self.classes = [str(name) for name in config.data.classes]

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """Probabilities (texts, classes) in float32."""
        import numpy as np

        from hpsearch.data import Examples, tokenise
        from hpsearch.training import evaluate

        examples = Examples(texts, np.zeros(len(texts), dtype=np.int64))
        tokens = tokenise(examples, self._tokenizer, max_length=self._longest, cache=None)
        return evaluate(self._forward, tokens, sizes=self._sizes).softmax(dim=1)


def predict(
    folder: Path, texts: Sequence[str], *, trust_remote_code: bool = False
) -> tuple[torch.Tensor, list[str]]:
    """Probabilities (texts, classes) in float32, and the classes' names."""
    model = Predictor(folder, trust_remote_code=trust_remote_code)
    return model(texts), model.classes


def _chosen(options: Options) -> tuple[Path, Study | None]:
    """The model that is asked for, and the study that it won."""
    if options.model is not None:
        folder, study = Path(options.model), None
    else:
        from hpsearch.reporting import best_fingerprint
        from hpsearch.trials import TrialStore

        tracker = _tracker(options)
        study = tracker.read_study(options.study or tracker.newest_study())
        folder = TrialStore(Path(options.root)).look(best_fingerprint(study)).best
    if not (folder / "config.yaml").is_file():
        key = f"model={options.model}" if options.model else f"root={options.root}"
        raise ReportError(f"{key}: there is no model in {folder}")
    return folder, study


def _tracker(options: Options) -> Tracker:
    from hpsearch.tracking import open_tracker

    return open_tracker(Path(options.root), uri=options.tracking_uri)


def _main(options: Options) -> None:
    if (options.text is None) == (options.split is None):
        raise ConfigError("text=… or split=test: exactly one of them is needed")
    if options.split not in (None, "test"):
        raise ConfigError(allowed("split", options.split, ["test"]))
    folder, study = _chosen(options)
    if options.text is None:
        print(_test(folder, study, options))
        return
    trusted = options.trust_remote_code
    probabilities, classes = predict(folder, [options.text], trust_remote_code=trusted)
    row = probabilities[0].tolist()
    best = classes[row.index(max(row))]
    print(best, *(f"{name}={p:.6f}" for name, p in zip(classes, row, strict=True)), sep="  ")


def _test(model: Path, study: Study | None, options: Options) -> str:
    """The figures on the test split; a trial's are computed once, and stored."""
    from hpsearch.final_test import evaluate_test, evaluate_trial, record_test
    from hpsearch.reporting.sections.tested import tested_text
    from hpsearch.trials import TrialFolder

    trusted, trial = options.trust_remote_code, TrialFolder(model.absolute().parent)
    if model.name != BEST or trial.result() is None:
        found = evaluate_test(model, options.root, trust_remote_code=trusted)
        return tested_text(found, f"computed, not stored: {model} is no trial's")
    result, stored = evaluate_trial(trial, Path(options.root), trust_remote_code=trusted)
    assert result is not None  # its model is there
    if study is not None:
        record_test(_tracker(options), study, result)
    return tested_text(result, f"{'stored before' if stored else 'computed and stored'}: {model}")


def main() -> None:
    with one_line_errors():
        _main(parse(sys.argv[1:], Options))


if __name__ == "__main__":
    main()
