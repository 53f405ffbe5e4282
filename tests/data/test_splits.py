"""Splits: stratified, by seed, and the validation examples do not depend on the training size."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hpsearch.data import Splits, load_splits, load_test
from hpsearch.errors import DataError


def write(folder: Path, labels: list[Any], name: str = "train") -> None:
    frame = pd.DataFrame({"text": [f"text {i}" for i in range(len(labels))], "label": labels})
    frame.to_parquet(folder / f"{name}.parquet")


def load(folder: Path, **changes: Any) -> Splits:
    options = {
        "name": "files",
        "path": str(folder),
        "columns": ("text", "label"),
        "classes": None,
        "train_size": None,
        "val_size": 0.2,
        "seed": 0,
        "cache": folder / "cache",
        **changes,
    }
    return load_splits(**options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, [0] * 60 + [1] * 40)
    return tmp_path


def test_the_parts_are_disjoint_and_keep_the_shares_of_the_classes(folder: Path) -> None:
    splits = load(folder)
    assert set(splits.train.texts).isdisjoint(splits.val.texts)
    assert len(splits.train) + len(splits.val) == 100
    assert Counter(splits.val.labels.tolist()) == {0: 12, 1: 8}
    assert splits.classes == ("0", "1")


def test_sizes_are_counts_or_shares(folder: Path) -> None:
    splits = load(folder, train_size=10, val_size=20)
    assert (len(splits.train), len(splits.val)) == (10, 20)
    assert Counter(splits.train.labels.tolist()) == {0: 6, 1: 4}
    assert len(load(folder, train_size=0.5).train) == 50


def test_the_validation_examples_stay_when_the_training_size_changes(folder: Path) -> None:
    assert load(folder, train_size=10).val.texts == load(folder).val.texts


def test_the_split_is_a_function_of_its_seed(folder: Path) -> None:
    assert load(folder).digest == load(folder).digest
    assert load(folder).val.texts != load(folder, seed=1).val.texts


def test_the_digest_covers_texts_labels_and_names(folder: Path) -> None:
    first = load(folder).digest
    names = load(folder, classes=["no", "yes"])
    assert names.classes == ("no", "yes")
    write(folder, [0] * 59 + [1] * 41)
    assert len({first, names.digest, load(folder).digest}) == 3


def test_a_copy_elsewhere_has_the_same_digest(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "copy"
    other.mkdir()
    (other / "train.parquet").write_bytes((folder / "train.parquet").read_bytes())
    assert load(other).digest == load(folder).digest


def test_words_are_labels_too_and_classes_fix_their_order(tmp_path: Path) -> None:
    write(tmp_path, ["pos", "neg"] * 10)
    assert load(tmp_path).classes == ("neg", "pos")
    fixed = load(tmp_path, classes=["pos", "neg"])
    at_first = fixed.train.texts.index("text 0") if "text 0" in fixed.train.texts else None
    labels = fixed.train.labels if at_first is not None else fixed.val.labels
    texts = fixed.train.texts if at_first is not None else fixed.val.texts
    assert labels[list(texts).index("text 0")] == 0


@pytest.mark.parametrize(
    ("labels", "changes", "message"),
    [
        ([0, 1, 2, 0], {"classes": ["no", "yes"]}, r"label 2; allowed are 0 \(no\), 1 \(yes\)"),
        (["good", "bda"], {"classes": ["bad", "good"]}, r"label 'bda'; .*did you mean 'bad'"),
        ([1] * 10, {}, "every label is 1; at least two classes"),
        ([0, 1] * 5, {"val_size": 0}, r"data.val_size=0: the split would be empty"),
        ([0, 1] * 5, {"val_size": 10}, r"data.val_size=10: only 9 examples are there"),
        ([0, 1] * 5, {"train_size": 9, "val_size": 4}, r"data.train_size=9: only 6 examples"),
        ([0, 1] * 5, {"train_size": 0}, r"data.train_size=0: the split would be empty"),
        ([0] * 9 + [1], {}, r"data.val_size=0.2: cannot be stratified"),
    ],
)
def test_what_cannot_be_split_is_told_in_one_line(
    tmp_path: Path, labels: list[Any], changes: dict[str, Any], message: str
) -> None:
    write(tmp_path, labels)
    with pytest.raises(DataError, match=message):
        load(tmp_path, **changes)


def test_a_test_label_outside_the_classes_is_refused(folder: Path) -> None:
    write(folder, ["0", "5"], name="test")
    with pytest.raises(DataError, match=r"label '5'; allowed are 0 \(0\), 1 \(1\)"):
        load_test(
            name="files",
            path=str(folder),
            columns=("text", "label"),
            classes=["0", "1"],
            test_size=None,
            seed=0,
            cache=folder,
        )
