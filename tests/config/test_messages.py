"""What Hydra and OmegaConf raise becomes one line: the key, what was given, what is allowed."""

import pytest

from hpsearch.config import explain_hydra
from tests.conftest import Compose

LINES = {
    "head.activaton=relu": (
        "head.activaton: no such key; head.* has dim, activation, dropout, init "
        "(did you mean 'activation'?)"
    ),
    "bckbone=cnn": "(did you mean 'backbone'?)",
    "backbone=cnnn": "backbone=cnnn: allowed are cnn, longformer, longformer_large, minilm",
    "head.dim=wide": "head.dim: Value 'wide'",
    "head.dropout=[1": "head.dropout=[1: not a valid override",
    "experiment=imdb": "experiment=imdb: allowed are cnn_imdb",
}


@pytest.mark.parametrize(("word", "line"), LINES.items())
def test_a_bad_override_is_told_in_one_line(config: Compose, word: str, line: str) -> None:
    with pytest.raises(Exception) as caught:
        config(word)
    told = explain_hydra(caught.value)
    assert told is not None
    assert line in told
    assert "\n" not in told


def test_a_defect_of_ours_is_not_explained_away() -> None:
    assert explain_hydra(ZeroDivisionError("x")) is None
