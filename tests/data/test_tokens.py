"""Tokenizers and tokens: trained once, cached, and made again where the cache is damaged."""

from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from hpsearch.data import Examples, LazyTokenizer, load_tokenizer, tokenise
from hpsearch.errors import BackboneError

TEXTS = ["The acting was superb, truly superb!", "A dull, dull film.", "", "Not bad at all"]
EXAMPLES = Examples(TEXTS, np.array([1, 0, 0, 1]))


def trained(cache: Path, which: str = "wordpiece", **changes: object) -> PreTrainedTokenizerFast:
    options = {"vocab_size": 300, "lowercase": True, "digest": "d", **changes}
    return load_tokenizer(which, texts=TEXTS, cache=cache, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("which", ["wordpiece", "bpe"])
def test_a_text_becomes_cls_tokens_sep_and_back(tmp_path: Path, which: str) -> None:
    tokenizer = trained(tmp_path, which)
    ids = tokenizer("A Dull film")["input_ids"]
    assert ids[0] == tokenizer.cls_token_id
    assert ids[-1] == tokenizer.sep_token_id
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == "a dull film"
    assert tokenizer("")["input_ids"] == [tokenizer.cls_token_id, tokenizer.sep_token_id]


def test_training_gives_the_same_vocabulary_each_time(tmp_path: Path) -> None:
    vocabularies = [trained(tmp_path / name).get_vocab() for name in "ab"]
    assert vocabularies[0] == vocabularies[1]


def test_what_the_vocabulary_depends_on_names_its_cache(tmp_path: Path) -> None:
    trained(tmp_path)
    trained(tmp_path)
    assert len(list((tmp_path / "tokenizers").iterdir())) == 1
    trained(tmp_path, lowercase=False)
    trained(tmp_path, digest="other")
    assert len(list((tmp_path / "tokenizers").iterdir())) == 3


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"backbone.tokenizer=.*: no tokenizer there; allowed"):
        trained(tmp_path, str(tmp_path))


def test_tokens_are_those_of_the_tokenizer_cut_to_the_length(tmp_path: Path) -> None:
    tokenizer = trained(tmp_path)
    tokens = tokenise(EXAMPLES, LazyTokenizer.of(tokenizer), max_length=6, cache=tmp_path)
    expected = [tokenizer(text, truncation=True, max_length=6)["input_ids"] for text in TEXTS]
    rows = [
        tokens.values[a:b].tolist()
        for a, b in zip(tokens.offsets, tokens.offsets[1:], strict=False)
    ]
    assert rows == expected
    assert tokens.lengths.tolist() == [len(ids) for ids in expected]
    assert tokens.labels.tolist() == [1, 0, 0, 1]


def test_tokens_are_made_once_and_again_where_the_cache_is_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = trained(tmp_path)
    with caplog.at_level("INFO", logger="hpsearch"):
        first = tokenise(EXAMPLES, LazyTokenizer.of(tokenizer), max_length=6, cache=tmp_path)
        again = tokenise(EXAMPLES, LazyTokenizer.of(tokenizer), max_length=6, cache=tmp_path)
        assert caplog.text.count("tokenising") == 1
        for file in (tmp_path / "tokens").rglob("*.arrow"):
            file.write_bytes(file.read_bytes()[:50])
        repaired = tokenise(EXAMPLES, LazyTokenizer.of(tokenizer), max_length=6, cache=tmp_path)
    assert "is damaged" in caplog.text
    assert first.values.tolist() == again.values.tolist() == repaired.values.tolist()


def test_without_a_cache_nothing_is_written(tmp_path: Path) -> None:
    tokenizer = trained(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    tokenise(EXAMPLES, LazyTokenizer.of(tokenizer), max_length=6, cache=None)
    assert sorted(tmp_path.rglob("*")) == before
