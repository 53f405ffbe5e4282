"""A damaged cache is made again, with one line that says so, and gives what it gave before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pytest
from transformers import PreTrainedTokenizerFast

from hpsearch.data import Examples, LazyTokenizer, Tokens, load_tokenizer, tokenise
from hpsearch.data.sources import read

TEXTS = ["The acting was superb, truly superb!", "A dull, dull film.", "", "Not bad at all"] * 50
EXAMPLES = Examples(TEXTS, np.array([1, 0, 0, 1] * 50))


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def garbage(file: Path) -> None:
    file.write_bytes(b"\x00garbage\xff" * 40)


def flip(file: Path) -> None:
    """One bit, in the middle: what a failing disk does."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


WAYS = [cut, empty, garbage, flip]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def trained(cache: Path, which: str = "wordpiece") -> PreTrainedTokenizerFast:
    return load_tokenizer(
        which, texts=TEXTS, vocab_size=300, lowercase=True, cache=cache, digest="d"
    )


def tokens(cache: Path) -> Tokens:
    tokenizer = LazyTokenizer.of(trained(cache / "apart"))
    return tokenise(EXAMPLES, tokenizer, max_length=6, cache=cache)


@pytest.mark.parametrize("damage", WAYS)
def test_the_embedded_reviews(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    def made() -> pd.DataFrame:
        return read("reviews", "test", path=None, columns=("text", "label"), cache=tmp_path)

    first = made()
    (file,) = tmp_path.iterdir()
    damage(file)
    assert made().equals(first)
    assert len(warnings(caplog)) == 1
    assert f"cache {file} is damaged" in warnings(caplog)[0]
    assert made().equals(first)
    assert len(warnings(caplog)) == 1


def same(one: Tokens, other: Tokens) -> bool:
    pairs = ((one.values, other.values), (one.offsets, other.offsets), (one.labels, other.labels))
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("damage", [*WAYS, Path.unlink])
@pytest.mark.parametrize("pattern", ["*.arrow", "state.json", "dataset_info.json"])
def test_the_tokens(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    pattern: str,
    damage: Callable[[Path], None],
) -> None:
    first = tokens(tmp_path)
    (file,) = (tmp_path / "tokens").rglob(pattern)
    damage(file)
    assert same(tokens(tmp_path), first)
    assert len(warnings(caplog)) == 1
    assert f"{file.name} changed): tokenising again" in warnings(caplog)[0]
    assert same(tokens(tmp_path), first)
    assert len(warnings(caplog)) == 1
    assert len(list((tmp_path / "tokens").iterdir())) == 1


def test_tokens_of_other_lengths_that_load_well(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = tokens(tmp_path)
    (folder,) = (tmp_path / "tokens").iterdir()
    shutil.rmtree(folder)
    rows = [[2, 5, 3] for _ in TEXTS]
    features = datasets.Features({"input_ids": datasets.List(datasets.Value("int32"))})
    datasets.Dataset.from_dict({"input_ids": rows}, features=features).save_to_disk(str(folder))
    assert same(tokens(tmp_path), first)
    assert "no readable seal.json" in warnings(caplog)[0]


@pytest.mark.parametrize("damage", [*WAYS, Path.unlink])
@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("which", ["wordpiece", "bpe"])
def test_the_trained_tokenizer(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    which: str,
    name: str,
    damage: Callable[[Path], None],
) -> None:
    first = trained(tmp_path, which)
    (file,) = (tmp_path / "tokenizers").rglob(name)
    damage(file)
    again = trained(tmp_path, which)
    assert json.loads(again.backend_tokenizer.to_str()) == json.loads(
        first.backend_tokenizer.to_str()
    )
    assert again.pad_token_id == first.pad_token_id
    assert len(warnings(caplog)) == 1
    assert f"{name} changed): training the tokenizer again" in warnings(caplog)[0]
    trained(tmp_path, which)
    assert len(warnings(caplog)) == 1
