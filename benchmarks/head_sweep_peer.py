"""The peer of `head_sweep.py`, in a process of its own: HF Trainer's search over heads."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from hydra import compose, initialize_config_dir
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments, set_seed

from hpsearch import builders
from hpsearch.config import CONF_DIR, register
from hpsearch.data import read_tokenizer
from hpsearch.run import find_weights

__all__ = ["EPOCHS", "LENGTH", "TRAIN", "VAL", "words"]

TRAIN, VAL, LENGTH, EPOCHS, LR = 2000, 1000, 256, 10, 1e-3
GRID: dict[str, list[Any]] = {
    "activation": ["tanh", "relu"],
    "dim": [50, 250, 768],
    "dropout": [0.1, 0.5],
    "smoothing": [0.0, 0.1],
}


def words(data: Path | None) -> list[str]:
    """What both train on, as hpsearch's overrides."""
    source = ["data=reviews"] if data is None else ["data=imdb", f"data.path={data.absolute()}"]
    return [
        *("backbone=minilm", "backbone.freeze=all", f"backbone.max_length={LENGTH}", *source),
        *(f"data.train_size={TRAIN}", f"data.val_size={VAL}"),
        *(f"trainer.epochs={EPOCHS}", f"optimizer.lr={LR}", "trainer.device=cpu"),
    ]


def main() -> None:
    given = _arguments()
    register()
    with initialize_config_dir(str(CONF_DIR), version_base="1.3"):
        config = compose("config", overrides=["root=.", *words(given.data)])
    splits, weights = builders.read_splits(config), find_weights(config)
    assert weights is not None
    tokenizer = read_tokenizer(weights)

    def rows(examples: Any) -> list[dict[str, Any]]:
        encoded = tokenizer(list(examples.texts), truncation=True, max_length=LENGTH)
        return [
            {"input_ids": ids, "attention_mask": mask, "labels": int(label)}
            for ids, mask, label in zip(
                encoded["input_ids"], encoded["attention_mask"], examples.labels, strict=True
            )
        ]

    class Model(torch.nn.Module):
        """The classifier of a point; the backbone is in eval mode, as ours."""

        def __init__(self, point: dict[str, Any]) -> None:
            super().__init__()
            config.head.update({k: v for k, v in point.items() if k != "smoothing"})
            set_seed(0)
            self.classifier = builders.build_classifier(
                config, tokenizer, num_classes=2, weights=weights
            )
            self.smoothing = point["smoothing"]

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
        ) -> dict[str, torch.Tensor]:
            with torch.no_grad():
                vectors = self.classifier.backbone(input_ids, attention_mask)
            logits = self.classifier.head(vectors)
            smoothing = self.smoothing if self.training else 0.0
            loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing)
            return {"loss": loss, "logits": logits}

    def point(trial: optuna.Trial) -> dict[str, Any]:
        # The model is made before HF Trainer asks for the space.
        return {name: trial.suggest_categorical(name, values) for name, values in GRID.items()}

    first = {name: values[0] for name, values in GRID.items()}
    arguments = TrainingArguments(
        *("peer",),
        num_train_epochs=given.epochs,
        learning_rate=LR,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = Trainer(
        args=arguments,
        model_init=lambda trial: Model(point(trial) if trial else first),
        train_dataset=rows(splits.train),
        eval_dataset=rows(splits.val),
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda p: {"accuracy": float((np.argmax(p[0], 1) == p[1]).mean())},
    )

    began = time.perf_counter()
    best = trainer.hyperparameter_search(
        hp_space=lambda trial: point(trial) and {},
        compute_objective=lambda metrics: metrics["eval_accuracy"],
        n_trials=given.points,
        direction="maximize",
        backend="optuna",
        sampler=optuna.samplers.GridSampler(GRID, seed=0),
    )
    seconds = time.perf_counter() - began
    told = {"epoch": seconds / given.points / given.epochs, "accuracy": best.objective}
    print("PEER", json.dumps(told), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--points", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
