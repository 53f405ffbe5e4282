"""Sources: files of three formats, and one clear line for each thing that can be wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hpsearch.data.sources import read
from hpsearch.errors import DataError

COLUMNS = ("text", "label")
FRAME = pd.DataFrame({"text": ["a good film", "NA"], "label": [1, 0]})


def files(path: Path, split: str = "train", columns: tuple[str, str] = COLUMNS) -> pd.DataFrame:
    return read("files", split, path=str(path), columns=columns, cache=path / "cache")


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_file_of_each_format_reads_the_same(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"train.{suffix}"
    if suffix == "csv":
        FRAME.to_csv(file, index=False)
    elif suffix == "jsonl":
        FRAME.to_json(file, orient="records", lines=True)
    else:
        FRAME.to_parquet(file)
    for path in (tmp_path, file):
        assert files(path).to_dict("list") == FRAME.to_dict("list")


def test_other_columns_can_be_named(tmp_path: Path) -> None:
    FRAME.rename(columns={"text": "body", "label": "stars"}).to_csv(tmp_path / "train.csv")
    assert files(tmp_path, columns=("body", "stars"))["label"].tolist() == [1, 0]


def test_a_wrong_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "train.csv", index=False)
    with pytest.raises(DataError, match=r"data.text_column=texts: .* columns text, label \(did"):
        files(tmp_path, columns=("texts", "label"))
    with pytest.raises(DataError, match=r"data.label_column=y"):
        files(tmp_path, columns=("text", "y"))


def test_a_missing_folder_and_a_missing_split_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        files(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"there is no test split; one of test.parquet, test.csv"):
        files(tmp_path, "test")
    with pytest.raises(DataError, match=r"data.path=null: data=files needs"):
        read("files", "train", path=None, columns=COLUMNS, cache=tmp_path)


def test_a_file_of_another_kind_and_a_broken_one_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "train.xlsx"
    other.write_text("x")
    with pytest.raises(DataError, match=r"allowed are files ending in .parquet, .csv, .jsonl"):
        files(other)
    broken = tmp_path / "train.parquet"
    broken.write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match="cannot be read"):
        files(broken)


@pytest.mark.parametrize("value", [None, np.nan, 7])
def test_a_text_that_is_none_is_named_by_its_row(tmp_path: Path, value: object) -> None:
    frame = pd.DataFrame({"text": ["fine", value], "label": [0, 1]}, dtype=object)
    frame.to_json(tmp_path / "train.jsonl", orient="records", lines=True)
    with pytest.raises(DataError, match=r"data.text_column=text: .* row 1 holds .*; allowed"):
        files(tmp_path)


def test_a_missing_label_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("text,label\nfine,1\nbad,\n")
    with pytest.raises(DataError, match="row 1 has no label"):
        files(tmp_path)
    (tmp_path / "train.csv").write_text("text,label\n")
    with pytest.raises(DataError, match="no rows"):
        files(tmp_path)


def test_the_hub_out_of_reach_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data.path=null: stanfordnlp/imdb cannot be fetched"):
        read("imdb", "train", path=None, columns=COLUMNS, cache=tmp_path)


def test_the_embedded_reviews_are_made_once(tmp_path: Path) -> None:
    made = read("reviews", "test", path=None, columns=COLUMNS, cache=tmp_path)
    written = [file.stat().st_mtime_ns for file in tmp_path.iterdir()]
    again = read("reviews", "test", path=None, columns=COLUMNS, cache=tmp_path)
    assert len(made) == 2000
    assert made.equals(again)
    assert [file.stat().st_mtime_ns for file in tmp_path.iterdir()] == written
