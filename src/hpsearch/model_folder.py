"""A trained classifier on disk, in the ``save_pretrained`` layout.

========================  ==============================================================
``config.json``           the backbone's own, so that ``AutoModel.from_pretrained`` reads it
``model.safetensors``     the backbone's weights
``head.safetensors``      the classification head's weights
``tokenizer.json`` …      ``AutoTokenizer.from_pretrained`` reads them
``config.yaml``           hpsearch's resolved configuration
``metrics.json``          the evaluation that it was kept for
``README.md``             the model card
========================  ==============================================================
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from transformers import PreTrainedTokenizerFast

from hpsearch import __version__, builders
from hpsearch.atomic import new_folder
from hpsearch.data import read_tokenizer, seals
from hpsearch.feature_cache import STAMP
from hpsearch.linking import link
from hpsearch.models import Classifier
from hpsearch.models.storage import HEAD_FILE, save_weights
from hpsearch.redaction import redact, redacted
from hpsearch.timing import phase
from hpsearch.training import Forward
from hpsearch.trials import METRICS

__all__ = ["complete", "load_model", "save_head", "save_model"]

CONFIG = "config.yaml"


@phase("checkpoint")
def save_model(
    folder: Path,
    model: Classifier,
    tokenizer: PreTrainedTokenizerFast,
    config: DictConfig,
    metrics: dict[str, float],
) -> None:
    """Write the model; one that stands there already is replaced when the new one is whole."""
    with new_folder(folder, replace=True) as temporary:
        model.backbone.save_pretrained(temporary)  # type: ignore[operator]
        save_weights(model.head, temporary / HEAD_FILE)
        tokenizer.save_pretrained(temporary)
        _describe(temporary, config, metrics)


@phase("checkpoint")
def save_head(folder: Path, model: Classifier, metrics: dict[str, float]) -> None:
    """Write the head alone, of which :func:`complete` makes a model."""
    with new_folder(folder, replace=True) as temporary:
        save_weights(model.head, temporary / HEAD_FILE)
        _write_metrics(temporary, metrics)


@phase("checkpoint")
def complete(folder: Path, *, head: Path, backbone: Path, config: DictConfig) -> None:
    """A model from a head's folder and the files of its backbone and tokenizer, which are linked.

    Several models share these files then: replace one of them, and never write into it.
    """
    metrics = json.loads((head / METRICS).read_text())
    with new_folder(folder, replace=True) as temporary:
        shutil.copytree(
            backbone,
            temporary,
            copy_function=lambda file, place: link(Path(file), Path(place)),
            ignore=shutil.ignore_patterns(seals.SEAL, STAMP),
            dirs_exist_ok=True,
        )
        shutil.copyfile(head / HEAD_FILE, temporary / HEAD_FILE)
        _describe(temporary, config, metrics)


def _describe(folder: Path, config: DictConfig, metrics: dict[str, float]) -> None:
    """What it was trained with, and how well it does."""
    resolved = OmegaConf.create(redacted(OmegaConf.to_container(config, resolve=True)))
    (folder / CONFIG).write_text(OmegaConf.to_yaml(resolved), encoding="utf-8")
    _write_metrics(folder, metrics)
    (folder / "README.md").write_text(redact(_card(config, metrics)), encoding="utf-8")


def _write_metrics(folder: Path, metrics: dict[str, float]) -> None:
    (folder / METRICS).write_text(json.dumps(metrics, indent=2) + "\n")


def load_model(
    folder: Path, *, trust_remote_code: bool = False
) -> tuple[Forward, PreTrainedTokenizerFast, DictConfig]:
    """The model ready for prediction, its tokenizer and its configuration."""
    config = OmegaConf.load(folder / CONFIG)
    assert isinstance(config, DictConfig)
    # A folder from somewhere else must not answer that itself.
    config.backbone.trust_remote_code = trust_remote_code
    tokenizer = read_tokenizer(folder, trust_remote_code=trust_remote_code)
    model = builders.load_classifier(folder, config, tokenizer)
    return builders.build_forward(config, model, int(tokenizer.pad_token_id)), tokenizer, config


def _card(config: DictConfig, metrics: dict[str, float]) -> str:
    """The model card: what it is, how well it does, how to use it."""
    front = OmegaConf.to_yaml(
        OmegaConf.create(
            {
                "library_name": "hpsearch",
                "pipeline_tag": "text-classification",
                "tags": ["text-classification", "hpsearch"],
            }
        )
    )
    figures = "\n".join(
        f"| {key} | {metrics[key]:.5f} |" for key in ("val/accuracy", "val/loss", "val/f1")
    )
    return f"""---
{front}---

# {config.name}: {config.backbone.kind} on {config.data.name}

Classes: {", ".join(config.data.classes)}. Trained by hpsearch {__version__}; the whole
configuration is in `config.yaml`.

| metric | best checkpoint (epoch {metrics["epoch"]:.3g}) |
| --- | --- |
{figures}

The validation split chose this checkpoint, so its figures are optimistic; the test split had no
part in it.

```
python -m hpsearch.predict model=FOLDER text="A film to remember"
```
"""
