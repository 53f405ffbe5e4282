"""Encoders of ``transformers``: loaded from a folder, or built from sizes at random."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

from hpsearch.custom_code import require_trust
from hpsearch.errors import BackboneError
from hpsearch.models.positions import first_position
from hpsearch.weights import has_weights

if TYPE_CHECKING:  # it takes seconds
    from transformers import BertModel

__all__ = ["build_encoder", "check_fit", "load_encoder"]

log = logging.getLogger(__name__)

# What the models call their dropouts.
DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "dropout",
    "attention_dropout",
    "embedding_dropout",
    "mlp_dropout",
)
# What transformers raises for a folder that is broken or asks for what is not there.
FAILURES = (ValueError, OSError, ImportError, KeyError, RuntimeError, TypeError, SafetensorError)


def build_encoder(
    tokenizer: PreTrainedTokenizerFast,
    *,
    max_length: int,
    hidden_size: int,
    num_layers: int,
    num_heads: int,
    intermediate_size: int,
    dropout: float,
) -> BertModel:
    """A BERT encoder with random weights (Devlin et al. 2019) of these sizes."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        max_position_embeddings=max_length,
        hidden_size=hidden_size,
        num_hidden_layers=num_layers,
        num_attention_heads=num_heads,
        intermediate_size=intermediate_size,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return BertModel(config, add_pooling_layer=False)


def load_encoder(
    folder: Path,
    tokenizer: PreTrainedTokenizerFast,
    *,
    attention: str | None,
    dropout: float | None,
    trust_remote_code: bool = False,
) -> Any:
    """The encoder of a folder, in 32-bit floats.

    A folder with a configuration and no weights gives a model with random ones, and says so.
    ``trust_remote_code`` lets Python code of the folder run, where its configuration names some.

    Raises:
        BackboneError: it cannot be loaded, or does not fit the tokenizer or the attention.
    """
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    config = _read_config(folder, trust_remote_code)
    if len(tokenizer) > config.vocab_size:
        raise BackboneError(
            f"backbone.tokenizer: its {len(tokenizer)} tokens do not fit the {config.vocab_size} "
            f"embeddings of {folder}; set backbone.vocab_size to at most that"
        )
    for name in DROPOUTS if dropout is not None else ():
        if hasattr(config, name):
            setattr(config, name, dropout)
    chosen: dict[str, Any] = {"dtype": torch.float32, "trust_remote_code": trust_remote_code}
    if attention is not None:
        chosen["attn_implementation"] = attention
    with _one_line(folder, attention):
        if has_weights(folder):
            return AutoModel.from_pretrained(folder, config=config, weights_only=True, **chosen)
        log.warning("backbone.name=%s has no weights: the encoder starts at random", folder)
        return AutoModel.from_config(config, **chosen)


def check_fit(folder: Path, *, max_length: int, trust_remote_code: bool = False) -> int:
    """Whether so many tokens fit the encoder's positions; the number of its layers."""
    config = _read_config(folder, trust_remote_code)
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None:
        positions -= first_position(config)
    if positions is not None and max_length > positions:
        raise BackboneError(
            f"backbone.max_length={max_length}: {folder} has {positions} positions; allowed is up "
            "to that"
        )
    return int(config.num_hidden_layers)


def _read_config(folder: Path, trust_remote_code: bool) -> Any:
    require_trust(folder, "backbone.name", trusted=trust_remote_code)
    with _one_line(folder, None):
        return AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)


@contextmanager
def _one_line(folder: Path, attention: str | None) -> Iterator[None]:
    """What transformers raises, as one line under the key that it is about."""
    try:
        yield
    except pickle.UnpicklingError as error:  # its text advises to turn the check off
        raise BackboneError(
            f"backbone.name={folder}: its pytorch_model.bin holds more than tensors, so it could "
            "run code; allowed are tensors alone, best as model.safetensors"
        ) from error
    except FAILURES as error:
        reason = " ".join(str(error).split())
        key = f"backbone.attention={attention}" if "attn" in reason else f"backbone.name={folder}"
        raise BackboneError(f"{key}: cannot be loaded: {reason}") from error
