"""A trial with a frozen backbone trains a head on cached features and leaves a whole model."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import open_dict
from transformers import AutoModel, BertConfig, BertModel

from hpsearch import builders
from hpsearch.final_test import evaluate_test, evaluate_trial
from hpsearch.fitting import Listener, train
from hpsearch.predict import predict
from hpsearch.trials import Result, TrialFolder, TrialStore
from tests.conftest import Compose

TINY = BertConfig(
    vocab_size=300,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=32,
)


class Killed(BaseException):
    """Stands for a SIGKILL: nothing of ours catches it."""


@dataclass
class Bench:
    """Trains trials of one tiny frozen BERT."""

    compose: Compose
    words: tuple[str, ...]
    root: Path
    threads: list[int] = field(default_factory=list)  # on which each evaluation found itself

    def config(self, *words: str) -> Any:
        composed = self.compose(*self.words, *words)
        with open_dict(composed):
            del composed["hydra"]
        return composed

    def run(self, name: str, *words: str, kill_after: int | None = None) -> TrialFolder:
        def report(step: int, metrics: dict[str, float]) -> None:
            self.threads.append(torch.get_num_threads())
            if step == kill_after:
                raise Killed

        config = self.config(*words)
        folder = TrialStore(Path(config.root)).open(name)
        splits = builders.read_splits(config)
        weights = Path(config.backbone.name)
        train(config, splits, weights, folder, Listener(report, lambda history: None))
        return folder


@pytest.fixture
def bench(config: Compose, tmp_path: Path, reviews_folder: Path) -> Bench:
    BertModel(TINY, add_pooling_layer=False).save_pretrained(tmp_path / "bert")
    words = (
        *("backbone=minilm", f"backbone.name={tmp_path / 'bert'}", "backbone.freeze=all"),
        *("backbone.tokenizer=wordpiece", "backbone.vocab_size=300", "backbone.max_length=16"),
        *("data=files", f"data.path={reviews_folder}", "trainer.epochs=3", "optimizer.lr=0.01"),
        *("head.dim=4", "head.dropout=0.2", "trainer.batch_size=8", "trainer.device=cpu"),
    )
    return Bench(config, words, tmp_path)


def result(folder: TrialFolder) -> Result:
    found = folder.result()
    assert found is not None
    return found


def losses(folder: TrialFolder) -> list[tuple[float, float]]:
    return [(m["train/loss"], m["val/loss"]) for m in result(folder).history]


def head(folder: TrialFolder) -> bytes:
    return (folder.best / "head.safetensors").read_bytes()


def test_the_saved_model_is_whole_and_gives_the_trials_own_probabilities(bench: Bench) -> None:
    folder = bench.run("one")
    texts = builders.read_splits(bench.config()).val.texts
    probabilities, classes = predict(folder.best, texts)
    assert classes == ["bad", "good"]
    assert np.allclose(probabilities.numpy(), folder.probabilities(), atol=1e-5)
    loaded = AutoModel.from_pretrained(folder.best)
    original = AutoModel.from_pretrained(bench.root / "bert")
    for name, weight in original.state_dict().items():
        if not name.startswith("pooler"):  # it is not used, so not kept
            assert torch.equal(weight, loaded.state_dict()[name])
    assert {entry.name for entry in folder.path.iterdir()} == {
        *("best", "result.json", "val_labels.npy", "val_probabilities.npy"),
    }


def test_a_second_head_computes_no_features_and_shares_the_backbones_file(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    first = bench.run("one")
    with caplog.at_level(logging.INFO):
        second = bench.run("two", "head.dim=8")
    assert "computed once" not in caplog.text
    files = [trial.best / "model.safetensors" for trial in (first, second)]
    assert files[0].samefile(files[1])


def test_a_second_head_does_not_load_the_backbones_own_tokenizer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = bench.config()
    made = builders.find_tokenizer(config, builders.read_splits(config), None)
    made.loaded.save_pretrained(bench.root / "bert")
    first = bench.run("one", "backbone.tokenizer=null")
    monkeypatch.setattr("hpsearch.builders.data.load_tokenizer", lambda *args, **kwargs: 1 / 0)
    again = bench.run("again", "backbone.tokenizer=null")
    assert losses(first) == losses(again)
    assert "tokenizer.json" in {file.name for file in again.best.iterdir()}


def test_a_tokenizer_that_has_changed_makes_other_tokens(bench: Bench) -> None:
    config = bench.config("backbone.tokenizer=null")
    for size in (300, 40):
        config.backbone.vocab_size = size
        made = builders.find_tokenizer(config, builders.read_splits(config), None)
        made.loaded.save_pretrained(bench.root / "bert")
        bench.run(str(size), "backbone.tokenizer=null")
    tokens = list((bench.root / "cache" / "tokens").iterdir())
    assert len(tokens) == 4  # two splits with each tokenizer


def test_features_that_were_cached_give_the_same_bits_as_new_ones(bench: Bench) -> None:
    first = bench.run("one", "head.dim=8")
    again = bench.run("again", "head.dim=8")
    other = bench.run("elsewhere", "head.dim=8", f"root={bench.root / 'other'}")
    assert losses(first) == losses(again) == losses(other)
    assert head(first) == head(again) == head(other)


def test_without_a_cache_the_whole_model_learns_the_same(bench: Bench) -> None:
    cached = bench.run("one", "head.dropout=0")
    plain = bench.run("plain", "head.dropout=0", "trainer.feature_cache=0")
    assert np.allclose(losses(cached), losses(plain), atol=1e-5)
    names = {entry.name for entry in plain.best.iterdir()}
    assert {entry.name for entry in cached.best.iterdir()} == names


def test_a_small_head_trains_on_one_core_and_a_large_one_on_its_share(bench: Bench) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        bench.run("small")
        bench.run("large", "head.dim=400_000", "trainer.epochs=1")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert bench.threads == [1, 1, 1, 2]


@pytest.mark.parametrize("step", [1, 3])
def test_a_head_trial_that_was_killed_ends_as_one_that_was_not(bench: Bench, step: int) -> None:
    expected = bench.run("whole")
    with pytest.raises(Killed):
        bench.run("killed", kill_after=step)
    folder = TrialStore(bench.root).open("killed")
    assert not list(folder.checkpoints.glob("best-*/model.safetensors")), "the head alone is kept"
    again = bench.run("killed")
    assert losses(again) == losses(expected)
    assert head(again) == head(expected)
    assert (again.probabilities() == expected.probabilities()).all()


def test_a_finish_that_broke_off_half_way_is_done_again(bench: Bench) -> None:
    expected = bench.run("whole")
    obstacle = TrialStore(bench.root).open("broken").path / "val_probabilities.npy"
    obstacle.mkdir()
    with pytest.raises(IsADirectoryError):  # its model has its name, its result does not stand
        bench.run("broken")
    obstacle.rmdir()
    again = bench.run("broken")
    assert head(again) == head(expected)
    assert losses(again) == losses(expected)


def test_one_batch_of_features_can_be_overfitted(bench: Bench) -> None:
    words = ("debug=overfit", "head.dropout=0", "trainer.epochs=60", "optimizer.lr=0.05")
    folder = bench.run("one", *words, "trainer.micro_batch_size=3", "loss.class_weights=balanced")
    last = result(folder).history[-1]
    assert last["train/loss"] < 0.1 < result(folder).history[0]["train/loss"]
    assert result(folder).sizes["micro_batch_size"] == 3


def test_the_test_split_of_the_winner_is_computed_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    best, root = bench.run("one").best, str(bench.root)
    with caplog.at_level(logging.INFO):
        first = evaluate_test(best, root)
        assert caplog.text.count("features of 20 test texts: computed once") == 1
        assert evaluate_test(best, root) == first
        other = bench.run("two", "head.dim=8").best
        assert evaluate_test(other, root).examples == 20
    assert caplog.text.count("features of 20 test texts: computed once") == 1


def test_a_trials_test_figures_are_stored_and_a_damaged_file_is_computed_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    folder = bench.run("one")
    first, stored = evaluate_trial(folder, bench.root)
    assert first is not None
    assert not stored
    assert sum(map(sum, first.confusion)) == first.examples == 20
    assert sum(first.confusion[n][n] for n in range(2)) == first.accuracy * 20
    file = folder.path / "test.json"
    bytes_before = file.read_bytes()
    assert evaluate_trial(folder, bench.root) == (first, True)
    file.write_bytes(bytes_before[:40])
    assert evaluate_trial(folder, bench.root) == (first, False)
    assert "is damaged" in caplog.text
    assert file.read_bytes() == bytes_before


def test_a_trial_without_a_model_and_without_figures_has_none(bench: Bench) -> None:
    assert evaluate_trial(TrialStore(bench.root).look("0" * 16), bench.root) == (None, False)


def test_a_backbone_of_random_weights_is_not_cached(bench: Bench) -> None:
    (bench.root / "bert" / "model.safetensors").unlink()
    bench.run("one")
    assert not (bench.root / "cache" / "features").exists()
