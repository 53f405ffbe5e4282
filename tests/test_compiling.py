"""``trainer.compile`` changes no vector or gradient, and says so where torch cannot compile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from hpsearch.compiling import compile_backbone
from hpsearch.data.packing import Packing
from hpsearch.models import EncoderBackbone
from tests.commands import environment
from tests.training.tiny_bert import bert
from tests.world.conftest import LITTLE

# torch's compiler warns of itself, and hides it in a way that an error is not hidden.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

LENGTHS = [(3, 17, 9), (5, 5, 30, 2), (11,)]


def backbone() -> EncoderBackbone:
    torch.manual_seed(0)
    made = bert(layers=2, attention="sdpa")
    assert made.enable_packing()
    return made


def vectors_and_gradients(made: EncoderBackbone) -> list[torch.Tensor]:
    found = []
    for lengths in LENGTHS:
        ids = torch.arange(sum(lengths)).remainder(20).unsqueeze(0)
        vectors = made.packed(ids, Packing(lengths))
        vectors.square().sum().backward()  # type: ignore[no-untyped-call]
        found.append(vectors.detach())
    gradients = [p.grad for p in made.parameters() if p.grad is not None]
    assert len(gradients) == len(list(made.parameters()))
    return [*found, *gradients]


def test_a_compiled_encoder_computes_the_same_and_keeps_its_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    plain, compiled = backbone(), backbone()
    compile_backbone(compiled, cache=tmp_path)
    for left, right in zip(
        vectors_and_gradients(plain), vectors_and_gradients(compiled), strict=True
    ):
        torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-5)
    assert list(plain.state_dict()) == list(compiled.state_dict())
    assert list((tmp_path / "compiled").rglob("*.so"))  # it did compile


def train(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hpsearch.train", "trainer.compile=true", *LITTLE],
        cwd=folder,
        env=environment(folder) | more,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_a_training_compiles_and_writes_nowhere_else(tmp_path: Path) -> None:
    done = train(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "best: val/accuracy" in done.stderr
    assert {file.name for file in tmp_path.iterdir()} == {"cache", "home", "mlflow.db", "outputs"}
    assert list((tmp_path / "home").rglob("*")) == []


def test_without_a_compiler_one_line_says_so(tmp_path: Path) -> None:
    bare = os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if "/venv" in p)
    done = train(tmp_path, CXX=str(tmp_path / "none"), PATH=bare)
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert line.startswith("error: trainer.compile=true: torch cannot compile here")
    assert "Traceback" not in done.stderr
