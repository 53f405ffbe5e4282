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

__all__ = ["Options", "main", "predict"]


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


def predict(
    folder: Path, texts: Sequence[str], *, trust_remote_code: bool = False
) -> tuple[torch.Tensor, list[str]]:
    """Probabilities (texts, classes) in float32, and the classes' names."""
    import numpy as np

    from hpsearch.builders import build_sizes
    from hpsearch.data import Examples, tokenise
    from hpsearch.model_folder import load_model
    from hpsearch.training import evaluate

    forward, tokenizer, config = load_model(folder, trust_remote_code=trust_remote_code)
    examples = Examples(texts, np.zeros(len(texts), dtype=np.int64))
    tokens = tokenise(examples, tokenizer, max_length=config.backbone.max_length, cache=None)
    logits = evaluate(forward, tokens, sizes=build_sizes(config))
    return logits.softmax(dim=1), list(config.data.classes)


def evaluate_test(folder: Path, root: str, *, trust_remote_code: bool = False) -> dict[str, float]:
    """Loss, accuracy and macro F1 on the test split."""
    from hpsearch import builders
    from hpsearch.builders import build_sizes
    from hpsearch.data import tokenise
    from hpsearch.frozen import cached_logits, is_cached
    from hpsearch.model_folder import load_model
    from hpsearch.training import evaluate
    from hpsearch.training.metrics import classification_metrics

    forward, tokenizer, config = load_model(folder, trust_remote_code=trust_remote_code)
    config.root = root
    test = builders.read_test(config)
    cache = builders.cache_folder(config)
    tokens = tokenise(test, tokenizer, max_length=config.backbone.max_length, cache=cache)
    if is_cached(config, folder):
        logits = cached_logits(folder, config, tokenizer, forward, tokens)
    else:
        logits = evaluate(forward, tokens, sizes=build_sizes(config))
    return {"examples": len(test), **classification_metrics(logits, test.labels)}


def _folder(options: Options) -> Path:
    """The model that is asked for."""
    if options.model is not None:
        folder = Path(options.model)
    else:
        from hpsearch.reporting import best_fingerprint
        from hpsearch.tracking import open_tracker
        from hpsearch.trials import TrialStore

        tracker = open_tracker(Path(options.root), uri=options.tracking_uri)
        study = tracker.read_study(options.study or tracker.newest_study())
        folder = TrialStore(Path(options.root)).open(best_fingerprint(study)).best
    if not (folder / "config.yaml").is_file():
        key = f"model={options.model}" if options.model else f"root={options.root}"
        raise ReportError(f"{key}: there is no model in {folder}")
    return folder


def _main(options: Options) -> None:
    if (options.text is None) == (options.split is None):
        raise ConfigError("text=… or split=test: exactly one of them is needed")
    if options.split not in (None, "test"):
        raise ConfigError(allowed("split", options.split, ["test"]))
    folder, trusted = _folder(options), options.trust_remote_code
    if options.text is None:
        figures = evaluate_test(folder, options.root, trust_remote_code=trusted)
        print("  ".join(f"test/{k} {v:.5g}" for k, v in figures.items()), f" {folder}")
        return
    probabilities, classes = predict(folder, [options.text], trust_remote_code=trusted)
    row = probabilities[0].tolist()
    best = classes[row.index(max(row))]
    print(best, *(f"{name}={p:.6f}" for name, p in zip(classes, row, strict=True)), sep="  ")


def main() -> None:
    with one_line_errors():
        _main(parse(sys.argv[1:], Options))


if __name__ == "__main__":
    main()
