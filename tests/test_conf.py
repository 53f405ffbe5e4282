"""Every YAML of conf/ opens with the command that selects it, composes, and builds what it says."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf
from transformers import (
    AutoModel,
    BertConfig,
    LongformerConfig,
    ModernBertConfig,
    RobertaConfig,
)

from hpsearch import builders
from hpsearch.config import CONF_DIR, check, register
from hpsearch.data import Examples, Splits, tokenise
from hpsearch.weights import locate
from tests.conftest import Compose

FILES = sorted(CONF_DIR.rglob("*.yaml"))
GROUPS = [file for file in FILES if file.parent != CONF_DIR and "hydra" not in file.parts]
CUDA_ONLY = ("fp16", "tf32")

TINY: dict[str, Any] = {
    "vocab_size": 300,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "pad_token_id": 0,
}
# The architecture behind each hub name; its weights are random, for there is no network.
ARCHITECTURES = {
    "sbert": BertConfig(**TINY, max_position_embeddings=256),
    "roberta": RobertaConfig(**TINY, max_position_embeddings=513),
    "longformer": LongformerConfig(**TINY, attention_window=8, max_position_embeddings=4097),
    "longformer_large": LongformerConfig(**TINY, attention_window=8, max_position_embeddings=4097),
    "modernbert": ModernBertConfig(**TINY, cls_token_id=2, sep_token_id=3),
}
TEXTS = [f"a {'good' if i % 2 else 'bad'} film {i}" for i in range(12)]
EXAMPLES = Examples(TEXTS, np.arange(12) % 2)
SPLITS = Splits(EXAMPLES, EXAMPLES, ("bad", "good"), "digest")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF_DIR)))
def test_a_yaml_opens_with_the_command_that_selects_it(file: Path) -> None:
    lines = file.read_text().splitlines()
    command = lines[1] if lines[0] == "# @package _global_" else lines[0]
    assert command.startswith("# python -m hpsearch.train")
    if file.parent != CONF_DIR:
        group = str(file.parent.relative_to(CONF_DIR))
        told = f"{group}={file.stem}" in command
        assert told or f"{group}." in command, "it names its own group"


@pytest.mark.parametrize("file", GROUPS, ids=lambda file: str(file.relative_to(CONF_DIR)))
def test_a_yaml_composes_and_builds(config: Compose, file: Path, tmp_path: Path) -> None:
    composed = config(f"{file.parent.name}={file.stem}")
    check(composed)
    weights = _weights(composed, tmp_path)
    tokenizer = builders.find_tokenizer(composed, SPLITS, weights)
    model = builders.build_classifier(composed, tokenizer.loaded, num_classes=2, weights=weights)
    plan = builders.build_plan(composed)
    if file.stem in CUDA_ONLY:
        return
    forward = builders.build_forward(composed, model, tokenizer.loaded.pad_token_id)
    tokens = tokenise(EXAMPLES, tokenizer, max_length=32, cache=None)
    sizes = builders.build_sizes(composed)
    trainer = builders.build_trainer(composed, forward, plan, tokens, num_classes=2, sizes=sizes)
    logits = forward.logits(forward.batch(tokens, np.arange(4)))
    assert logits.shape == (4, 2)
    assert torch.isfinite(logits).all()
    assert trainer.optimizer.param_groups


def _weights(composed: Any, folder: Path) -> Path | None:
    """The weights of a pretrained backbone: a random one of the architecture, or minilm's own."""
    if composed.backbone.kind != "pretrained":
        return None
    name = composed.hydra.runtime.choices.backbone
    if name not in ARCHITECTURES:
        return locate(composed.backbone.name, cache=folder)
    composed.backbone.vocab_size = 300
    made = AutoModel.from_config(ARCHITECTURES[name])
    made.save_pretrained(folder / "model")
    return folder / "model"


def test_an_experiment_names_its_study(config: Compose) -> None:
    assert config("experiment=sbert_imdb", "backbone=minilm").name == "sbert_imdb"
    assert config("backbone=rnn").name == "rnn_reviews"


def test_the_searches_are_the_ones_of_the_notes(config: Compose) -> None:
    grid = config("search=head_grid").hydra.sweeper.params
    sizes = [len(str(values).split(",")) for values in grid.values()]
    assert int(np.prod(sizes)) == 24
    ofat = config("experiment=longformer_imdb", "search=head_ofat")
    base = (ofat.loss.label_smoothing, ofat.head.dropout, ofat.head.activation, ofat.head.dim)
    assert base == (0.1, 0.1, "tanh", 768)


def test_checkpoints_come_as_often_as_asked(config: Compose, tmp_path: Path) -> None:
    by_time, by_steps, rarely = (
        builders.build_checkpoints(config(f"checkpoint.every={every}"), tmp_path)
        for every in ("5min", "7", "null")
    )
    assert (by_time.every_seconds, by_time.every_steps) == (300.0, None)
    assert (by_steps.every_seconds, by_steps.every_steps) == (None, 7)
    assert (rarely.every_seconds, rarely.every_steps) == (None, None)
    assert {each.min_seconds for each in (by_time, by_steps, rarely)} == {1.0}


@pytest.mark.parametrize("launcher", ["warm", "ray"])
def test_trials_load_the_client_of_mlflow_only_for_a_server(config: Compose, launcher: str) -> None:
    words = [f"hydra/launcher={launcher}"]
    assert config(*words).hydra.launcher.preload == ["hpsearch.warm"]
    words.append("tracking.uri=http://127.0.0.1:5000")
    loaded = config(*words).hydra.launcher.preload
    assert loaded == ["hpsearch.warm", "hpsearch.tracking.client"]
    assert all(map(find_spec, loaded))


def test_the_schema_is_stored_once_and_its_resolver_comes_back(config: Compose) -> None:
    stored = ConfigStore.instance().repo["schema"]["config.yaml"]
    OmegaConf.clear_resolver("hpsearch.warm")
    register()
    assert ConfigStore.instance().repo["schema"]["config.yaml"] is stored
    assert config().hydra.launcher.preload == ["hpsearch.warm"]
