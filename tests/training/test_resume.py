"""A training killed after any step ends, bit for bit, as one that was not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel

from hpsearch.data import Tokens
from hpsearch.errors import PreemptedError
from hpsearch.models import EncoderBackbone, RnnBackbone
from hpsearch.training import Checkpoints, Plan, State, Trainer, fit
from hpsearch.training.forward import StopRequested
from tests.training.tiny import PLAN, cnn, trainer, weights

# Twelve steps in three epochs, evaluated inside epochs too; the last batch of each is a small one.
LONG = replace(PLAN, epochs=6, eval_every=5, patience=None, clip_norm=1.0)


class Killed(BaseException):
    """Stands for a SIGKILL: nothing of ours catches it."""


def rnn() -> RnnBackbone:
    return RnnBackbone(
        vocab_size=20,
        pad_id=0,
        cell="lstm",
        embedding_dim=8,
        hidden_size=8,
        num_layers=2,
        nonlinearity="tanh",
        bidirectional=True,
        embedding_dropout=0.2,
        dropout=0.2,
    )


def bert(freeze: str | int = "none") -> EncoderBackbone:
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
    )
    return EncoderBackbone(
        BertModel(config, add_pooling_layer=False),
        pooling="mean",
        freeze=freeze,
        gradient_checkpointing=False,
    )


def make(kind: str) -> Trainer:
    torch.manual_seed(0)
    backbones: dict[str, Any] = {
        "cnn": lambda: cnn(dropout=0.2),
        "rnn": rnn,
        "bert": bert,
        "half frozen bert": lambda: bert(1),
    }
    made = trainer(backbone=backbones[kind](), dropout=0.3, schedule="cosine")
    made.sizes.micro_batch_size = 3  # so that a step is accumulated
    return made


def run(
    made: Trainer,
    plan: Plan,
    tokens: Tokens,
    folder: Path,
    *,
    kill_after: int | None = None,
    every_steps: int | None = 2,
    min_seconds: float = 0.0,
    stop: StopRequested = lambda: False,
    told: list[float] | None = None,
) -> State:
    def dying(batches: Any, total: int) -> Any:
        for number, rows in enumerate(batches):
            if number == kill_after:
                raise Killed
            yield rows

    return fit(
        made,
        plan,
        train=tokens,
        val=tokens,
        keep_best=lambda step, metrics: None,
        report=lambda step, metrics: (told if told is not None else []).append(metrics["step"]),
        progress=dying,
        checkpoints=Checkpoints(folder, every_steps=every_steps, min_seconds=min_seconds),
        stop_requested=stop,
    )


def figures(state: State) -> list[dict[str, float]]:
    """Every evaluation without what a clock or the kernel says."""
    return [
        {k: v for k, v in metrics.items() if not k.startswith("system/")}
        for metrics in state.fit.history
    ]


def assert_equal(left: tuple[Trainer, State], right: tuple[Trainer, State]) -> None:
    assert figures(left[1]) == figures(right[1])
    assert all(torch.equal(a, b) for a, b in zip(weights(left[0]), weights(right[0]), strict=True))
    assert left[1].fit.best_probabilities is not None
    assert right[1].fit.best_probabilities is not None
    assert (left[1].fit.best_probabilities == right[1].fit.best_probabilities).all()


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("rnn", "bert", "half frozen bert")]


@pytest.mark.parametrize("kind", ["cnn", *SLOW])
def test_a_training_killed_after_any_step_ends_as_if_it_had_not_been(
    kind: str, tokens: Tokens, tmp_path: Path
) -> None:
    undisturbed = make(kind)
    expected = run(undisturbed, LONG, tokens, tmp_path / "whole")
    assert expected.step == 12
    for step in range(12):
        folder = tmp_path / f"killed-{step}"
        with pytest.raises(Killed):
            run(make(kind), LONG, tokens, folder, kill_after=step)
        torch.rand(step)  # another process would have other random states
        again = make(kind)
        assert_equal((again, run(again, LONG, tokens, folder)), (undisturbed, expected))


class Countdown:
    """Wants the training to stop the n-th time that it is asked."""

    def __init__(self, n: float) -> None:
        self.n, self.asked = n, 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.asked > self.n


@pytest.mark.parametrize(
    ("kind", "stride"), [("cnn", 1), pytest.param("half frozen bert", 7, marks=pytest.mark.slow)]
)
def test_a_training_told_to_stop_at_any_moment_loses_no_step(
    kind: str, stride: int, tokens: Tokens, tmp_path: Path
) -> None:
    """Between any two steps, and between the batches of an evaluation."""
    undisturbed, never, reported = make(kind), Countdown(math.inf), list[float]()
    expected = run(undisturbed, LONG, tokens, tmp_path / "whole", stop=never, told=reported)
    moments = never.asked
    assert moments > expected.step + len(reported)
    for moment in range(0, moments, stride):
        folder, told = tmp_path / f"stopped-{moment}", list[float]()
        words: Any = {"every_steps": None, "told": told}
        with pytest.raises(PreemptedError, match="told to stop after step") as stopped:
            run(make(kind), LONG, tokens, folder, stop=Countdown(moment), **words)
        step = int(str(stopped.value).split()[5])
        assert Checkpoints(folder).steps()[-1:] == ([step] if step else [])
        torch.rand(moment)
        again = make(kind)
        assert_equal((again, run(again, LONG, tokens, folder, **words)), (undisturbed, expected))
        assert told == reported


def test_told_to_stop_again_and_again_it_ends_as_if_it_had_not_been(
    tokens: Tokens, tmp_path: Path
) -> None:
    undisturbed = make("cnn")
    expected = run(undisturbed, LONG, tokens, tmp_path / "whole")
    for _ in range(4):
        with pytest.raises(PreemptedError):
            run(make("cnn"), LONG, tokens, tmp_path / "stopped", stop=Countdown(5))
    again = make("cnn")
    state = run(again, LONG, tokens, tmp_path / "stopped")
    assert_equal((again, state), (undisturbed, expected))


def test_killed_again_and_again_it_ends_as_if_it_had_not_been(
    tokens: Tokens, tmp_path: Path
) -> None:
    undisturbed = make("cnn")
    expected = run(undisturbed, LONG, tokens, tmp_path / "whole")
    for _ in range(5):
        with pytest.raises(Killed):
            run(make("cnn"), LONG, tokens, tmp_path / "killed", kill_after=2)
    again = make("cnn")
    state = run(again, LONG, tokens, tmp_path / "killed")
    assert_equal((again, state), (undisturbed, expected))


def test_early_stopping_counts_on_over_a_kill(tokens: Tokens, tmp_path: Path) -> None:
    plan = replace(LONG, epochs=40, eval_every=1, patience=4, metric="val/loss")

    def stubborn() -> Trainer:
        return trainer(lr=0.5, dropout=0.3)

    undisturbed = stubborn()
    expected = run(undisturbed, plan, tokens, tmp_path / "whole")
    assert expected.fit.stopped_early
    assert expected.step < plan.total_steps(len(tokens))
    for step in range(expected.step - 3, expected.step):
        folder = tmp_path / f"killed-{step}"
        with pytest.raises(Killed):
            run(stubborn(), plan, tokens, folder, kill_after=step)
        again = stubborn()
        assert_equal((again, run(again, plan, tokens, folder)), (undisturbed, expected))


def test_what_has_ended_is_not_trained_any_further(tokens: Tokens, tmp_path: Path) -> None:
    expected = run(make("cnn"), LONG, tokens, tmp_path)
    again = run(make("cnn"), LONG, tokens, tmp_path, kill_after=0)
    assert figures(again) == figures(expected)


def test_where_evaluations_come_too_soon_for_checkpoints_it_begins_again_and_ends_the_same(
    tokens: Tokens, tmp_path: Path
) -> None:
    undisturbed = make("cnn")
    expected = run(undisturbed, LONG, tokens, tmp_path / "undisturbed")
    folder, rarely = tmp_path / "killed", {"every_steps": None, "min_seconds": 1000.0}
    with pytest.raises(Killed):
        run(make("cnn"), LONG, tokens, folder, kill_after=11, **rarely)
    assert Checkpoints(folder).steps() == []
    again = make("cnn")
    assert_equal((again, run(again, LONG, tokens, folder, **rarely)), (undisturbed, expected))


def test_the_evaluations_of_before_are_told_again(tokens: Tokens, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        run(make("cnn"), LONG, tokens, tmp_path, kill_after=11)
    told: list[Any] = []
    fit(
        make("cnn"),
        LONG,
        train=tokens,
        val=tokens,
        keep_best=lambda step, metrics: None,
        report=lambda step, metrics: told.append(step),
        resumed=told.append,
        checkpoints=Checkpoints(tmp_path),
    )
    assert [metrics["step"] for metrics in told[0]] == [5, 10]
    assert told[1:] == [12]
