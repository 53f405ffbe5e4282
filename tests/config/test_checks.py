"""A composed configuration is checked key by key before anything is loaded."""

import pytest

from hpsearch.config import check, flatten
from hpsearch.config.checks import keys
from hpsearch.config.schema import BACKBONES
from hpsearch.errors import ConfigError
from tests.conftest import Compose

BAD = {
    "head.activation=tan": "head.activation=tan: allowed is tanh, relu, gelu, silu (did you mean",
    "head.dropout=1.0": "head.dropout=1.0: allowed is a number of at least 0 and below 1",
    "head.dropout=-0.1": "head.dropout=-0.1: allowed",
    "head.dim=-1": "head.dim=-1: allowed is a whole number of at least 0",
    "loss.label_smoothing=1": "loss.label_smoothing=1.0: allowed",
    "optimizer.lr=0": "optimizer.lr=0.0: allowed is a number above 0",
    "schedule.warmup=1.5": "schedule.warmup=1.5: allowed is a share in [0, 1) or a whole number",
    "trainer.batch_size=0": "trainer.batch_size=0: allowed",
    "trainer.eval_every=day": "trainer.eval_every=day: allowed is epoch, or a whole number",
    "trainer.early_stopping.metric=accuracy": "(did you mean 'val/accuracy'?)",
    "backbone.filter_widths=[]": "backbone.filter_widths=[]: allowed is a list",
    "backbone.freeze=2": "backbone.freeze=2: a cnn starts from random weights",
    "backbone.gradient_checkpointing=true": "backbone.gradient_checkpointing=true: backbone.kind",
    "data.val_size=null": "data.val_size=null: allowed",
    "seed=-1": "seed=-1: allowed",
}


@pytest.mark.parametrize(("word", "message"), BAD.items())
def test_a_bad_value_is_named_with_what_is_allowed(
    config: Compose, word: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check(config(word))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_that_was_added_is_refused_for_nothing_would_read_it(config: Compose) -> None:
    for word in ("+head.activaton=relu", "+_target_=os.system", "+new.key=1", "+new={}"):
        name = word.removeprefix("+").partition("=")[0]
        with pytest.raises(ConfigError, match=f"^{name}: no such key"):
            check(config(word))


def test_a_missing_value_is_named(config: Compose) -> None:
    with pytest.raises(ConfigError, match=r"optimizer.lr: a value is needed"):
        check(config("optimizer.lr=???"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("backbone=transformer", "backbone.num_heads=3"), "backbone.num_heads=3"),
        (("trainer.overfit=true", "trainer.accumulate=2"), "trainer.accumulate=2"),
    ],
)
def test_keys_that_exclude_each_other_are_named(
    config: Compose, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        check(config(*words))


def test_flatten_gives_every_key_of_the_schema_in_its_order(config: Compose) -> None:
    flat = flatten(config("head.dim=12"))
    assert list(flat) == [key.name for key in keys("cnn")]
    assert flat["head.dim"] == 12
    assert flat["backbone.filter_widths"] == [3]


@pytest.mark.parametrize("kind", BACKBONES)
def test_every_key_has_a_rule_in_words(kind: str) -> None:
    assert all(key.rule.text for key in keys(kind))
