"""Python code that comes with a model runs only where the user has asked for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, dynamic_module_utils

from hpsearch.data import read_tokenizer
from hpsearch.encoders import check_fit, load_encoder
from hpsearch.errors import BackboneError
from hpsearch.weights import digest

SIZES = {
    "vocab_size": 20,
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "max_position_embeddings": 16,
}
CODE = """
from pathlib import Path
from transformers import BertConfig, BertModel
Path({marker!r}).write_text("run")
class OwnConfig(BertConfig):
    model_type = {kind!r}
class OwnModel(BertModel):
    config_class = OwnConfig
"""


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1, "good": 2}, unk_token="[UNK]"))
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the code writes when it runs. transformers copies the code before that: into here."""
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    return tmp_path / "marker"


def own_model(folder: Path, marker: Path, kind: str) -> Path:
    """A folder with a model whose class stands in a Python file beside it."""
    config = BertConfig(**SIZES)
    BertModel(config).save_pretrained(folder)
    told = json.loads((folder / "config.json").read_text())
    told["model_type"] = kind
    told["auto_map"] = {"AutoConfig": "own_code.OwnConfig", "AutoModel": "own_code.OwnModel"}
    (folder / "config.json").write_text(json.dumps(told))
    (folder / "own_code.py").write_text(CODE.format(marker=str(marker), kind=kind))
    return folder


@pytest.mark.parametrize("kind", ["bert", "own"])  # transformers has a class of its own for bert
def test_a_model_with_code_of_its_own_is_refused_unless_it_is_trusted(
    kind: str, tmp_path: Path, marker: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    folder = own_model(tmp_path / f"model_{kind}", marker, kind)
    with pytest.raises(
        BackboneError, match=r"own_code\.OwnModel.*trust_remote_code=true"
    ) as caught:
        load_encoder(folder, tokenizer, attention=None, dropout=None)
    assert "\n" not in str(caught.value)
    with pytest.raises(BackboneError, match=f"backbone.name={folder}"):
        check_fit(folder, max_length=8)
    assert not marker.exists()

    assert check_fit(folder, max_length=8, trust_remote_code=True) == 1
    loaded = load_encoder(folder, tokenizer, attention=None, dropout=None, trust_remote_code=True)
    assert type(loaded).__name__ == "OwnModel"
    assert marker.read_text() == "run"


def test_a_tokenizer_with_code_of_its_own_is_refused(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    tokenizer.save_pretrained(tmp_path)
    file = tmp_path / "tokenizer_config.json"
    told = {**json.loads(file.read_text()), "auto_map": {"AutoTokenizer": [None, "own.Own"]}}
    file.write_text(json.dumps(told))
    with pytest.raises(BackboneError, match=r"backbone.tokenizer=.*\(own.Own\)"):
        read_tokenizer(tmp_path)


def test_weights_that_would_run_code_when_they_are_unpickled_do_not(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast
) -> None:
    BertConfig(**SIZES).save_pretrained(tmp_path)
    marker = tmp_path / "marker"
    torch.save({"a": _Opens(str(marker))}, tmp_path / "pytorch_model.bin")
    with pytest.raises(BackboneError, match="holds more than tensors"):
        load_encoder(tmp_path, tokenizer, attention=None, dropout=None)
    assert not marker.exists()


class _Opens:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def test_older_weights_and_code_are_part_of_what_names_a_model(tmp_path: Path) -> None:
    digests = set()
    for name in ("config.json", "pytorch_model.bin", "own_code.py"):
        (tmp_path / name).write_text("{}")
        digests.add(digest(tmp_path, cache=tmp_path / "cache"))
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    assert len(digests | {digest(tmp_path, cache=tmp_path / "cache")}) == 4


def test_broken_weights_are_one_line(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    BertConfig(**SIZES).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(BackboneError, match=f"backbone.name={tmp_path}: cannot be loaded"):
        load_encoder(tmp_path, tokenizer, attention=None, dropout=None)
