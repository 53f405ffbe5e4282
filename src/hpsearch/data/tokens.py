"""Tokens: every text tokenised once per data, tokenizer and length, and kept as an Arrow file."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import datasets

from hpsearch.atomic import new_folder
from hpsearch.data import seals
from hpsearch.data.batches import Tokens
from hpsearch.data.splits import Examples
from hpsearch.data.tokenizers import LazyTokenizer
from hpsearch.timing import phase

__all__ = ["tokenise"]

log = logging.getLogger(__name__)


@phase("data")
def tokenise(
    examples: Examples, tokenizer: LazyTokenizer, *, max_length: int, cache: Path | None
) -> Tokens:
    """Token ids of every text, cut off after ``max_length`` (special tokens included).

    A folder below ``cache`` is named by what went into it; a damaged one is made again. Without a
    cache nothing is written.
    """
    if cache is None:
        return _tokens(_tokenise(examples, tokenizer, max_length), examples)
    folder = cache / "tokens" / _key(examples, tokenizer, max_length)
    there = folder.exists()
    if there and (reason := seals.break_reason(folder)):
        log.warning("cache %s is damaged (%s): tokenising again", folder, reason)
    if not there or reason:
        log.info("tokenising %s texts, once", f"{len(examples):,}")
        table = _tokenise(examples, tokenizer, max_length)
        with new_folder(folder, replace=there) as temporary:
            table.save_to_disk(str(temporary))
            seals.seal(temporary)
    return _load(folder, examples)


def _tokenise(examples: Examples, tokenizer: LazyTokenizer, max_length: int) -> datasets.Dataset:
    def encode(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        encoded = tokenizer.loaded(batch["text"], truncation=True, max_length=max_length)
        return {"input_ids": encoded["input_ids"]}

    features = datasets.Features({"input_ids": datasets.List(datasets.Value("int32"))})
    datasets.disable_progress_bars()
    return datasets.Dataset.from_dict({"text": list(examples.texts)}).map(
        encode, batched=True, remove_columns=["text"], features=features, keep_in_memory=True
    )


def _load(folder: Path, examples: Examples) -> Tokens:
    return _tokens(datasets.load_from_disk(str(folder)), examples)


def _tokens(dataset: datasets.Dataset, examples: Examples) -> Tokens:
    column = dataset.data.table.column("input_ids").combine_chunks()
    assert len(column) == len(examples)  # the key and the seal say so
    return Tokens(
        values=column.flatten().to_numpy(),
        offsets=column.offsets.to_numpy(),
        labels=examples.labels,
    )


def _key(examples: Examples, tokenizer: LazyTokenizer, max_length: int) -> str:
    of = f"{tokenizer.digest} {max_length} {len(examples)} {examples.text_digest}"
    return hashlib.sha256(of.encode()).hexdigest()[:16]
