"""A trial's name: everything that can change its result changes it, and nothing else does."""

from typing import Any

import pytest
from omegaconf import OmegaConf

from hpsearch.config import check, fingerprint
from hpsearch.config.checks import keys
from tests.conftest import Compose

# Another allowed value for each key, where one cannot be derived.
OTHER: dict[str, Any] = {
    "backbone.kind": None,  # another kind has other keys
    "backbone.name": None,  # its weights' digest counts
    "backbone.freeze": 1,
    "backbone.filter_widths": [2],
    "backbone.tokenizer": "bpe",
    "backbone.hidden_size": 64,
    "backbone.num_heads": 2,
    "data.classes": ["no", "yes"],
    "data.path": "elsewhere",
    "data.train_size": 10,
    "data.test_size": 10,
    "loss.class_weights": "balanced",
    "trainer.max_steps": 7,
    "trainer.micro_batch_size": 7,
    "trainer.eval_batch_size": 7,
    "trainer.eval_every": 7,
    "trainer.early_stopping.patience": 7,
    "optimizer.backbone_lr_scale": 0.5,
    "schedule.warmup": 7,
    "trainer.clip_norm": 7.0,
    "trainer.memory_limit": 7,
    "checkpoint.every": 7,
    "report.columns": ["seeds"],
    "backbone.dropout": 0.25,
}


def _name(composed: Any) -> str:
    check(composed)
    return fingerprint(composed, data_digest="d", weights_digest="w")


def _another(key: Any, value: Any) -> Any:
    if key.name in OTHER:
        return OTHER[key.name]
    others = [option for option in key.rule.options if option not in (value, None)]
    if others:
        return others[0]
    if isinstance(value, str):
        return f"other-{value}"
    return value + 1 if isinstance(value, int) else value / 2 or 0.5


@pytest.mark.parametrize(
    "backbone",
    ["cnn", "minilm", *(pytest.param(x, marks=pytest.mark.slow) for x in ("rnn", "transformer"))],
)
def test_each_key_changes_the_name_if_and_only_if_it_is_relevant(
    config: Compose, backbone: str
) -> None:
    from hpsearch.config import flatten

    base = config(f"backbone={backbone}")
    values, tested = flatten(base), 0
    for key in keys(base.backbone.kind):
        other = _another(key, values[key.name])
        illegal = backbone != "minilm" and key.name in (
            "backbone.freeze",
            "backbone.gradient_checkpointing",
        )
        if other is None or illegal:
            continue
        changed = base.copy()
        OmegaConf.update(changed, key.name, other)
        assert (_name(changed) != _name(base)) == key.relevant, key.name
        tested += 1
    assert tested > 40


def test_data_and_weights_change_the_name(config: Compose) -> None:
    names = {
        fingerprint(config(), data_digest=data, weights_digest=weights)
        for data in "ab"
        for weights in "ab"
    }
    assert len(names) == 4


def test_a_linear_head_has_no_activation_to_tell_apart(config: Compose) -> None:
    linear = {_name(config("head.dim=0", f"head.activation={a}")) for a in ("tanh", "relu")}
    hidden = {_name(config("head.dim=5", f"head.activation={a}")) for a in ("tanh", "relu")}
    assert (len(linear), len(hidden)) == (1, 2)
