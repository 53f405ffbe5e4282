"""Packed texts: the same vectors, losses and gradients as padded ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    BertConfig,
    BertModel,
    DistilBertConfig,
    ElectraConfig,
    EuroBertConfig,
    ModernBertConfig,
    MPNetConfig,
    RobertaConfig,
)

from hpsearch.data import Packing
from hpsearch.models import EncoderBackbone
from hpsearch.models.packed_attention import PACKED

SIZES = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
}
OFF = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
ENCODERS: dict[str, Any] = {
    "bert": BertConfig(**SIZES, **OFF),
    "roberta": RobertaConfig(**SIZES, **OFF, pad_token_id=1),
    "electra": ElectraConfig(**SIZES, **OFF, embedding_size=8),
    "distilbert": DistilBertConfig(
        vocab_size=60, dim=16, n_layers=3, n_heads=4, hidden_dim=24, dropout=0, attention_dropout=0
    ),
    # Windows of 8 tokens in two of its three layers.
    "modernbert": ModernBertConfig(
        **SIZES, pad_token_id=0, bos_token_id=1, eos_token_id=2, local_attention=8
    ),
    "eurobert": EuroBertConfig(**SIZES, num_key_value_heads=2, pad_token_id=0, head_dim=4),
}
LENGTHS = (29, 17, 5, 5, 5, 1)


def backbone(
    config: Any, *, pooling: str = "mean", attention: str | None = "sdpa", **chosen: Any
) -> EncoderBackbone:
    torch.manual_seed(0)
    encoder = AutoModel.from_config(config, attn_implementation=attention)
    settings = {"freeze": "none", "gradient_checkpointing": False} | chosen
    return EncoderBackbone(encoder, pooling=pooling, **settings)


def texts() -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.randint(3, 60, (length,)) for length in LENGTHS]


def padded(model: EncoderBackbone) -> torch.Tensor:
    given = texts()
    mask = nn.utils.rnn.pad_sequence([torch.ones_like(t) for t in given], batch_first=True)
    pad_id = model.encoder.config.pad_token_id or 0
    ids = nn.utils.rnn.pad_sequence(given, batch_first=True, padding_value=pad_id)
    vectors: torch.Tensor = model(ids, mask)
    return vectors


def packed(model: EncoderBackbone) -> torch.Tensor:
    return model.packed(torch.cat(texts()).unsqueeze(0), Packing(LENGTHS))


def gradients(model: EncoderBackbone, vectors: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    vectors.square().sum().backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
@pytest.mark.parametrize("name", ENCODERS)
def test_vectors_and_gradients_are_those_of_padded_texts(name: str, pooling: str) -> None:
    model = backbone(ENCODERS[name], pooling=pooling)
    assert model.enable_packing()
    torch.testing.assert_close(packed(model), padded(model), atol=1e-5, rtol=1e-5)
    one, other = gradients(model, packed(model)), gradients(model, padded(model))
    assert one.keys() == other.keys()
    for key in one:
        torch.testing.assert_close(one[key], other[key], atol=1e-5, rtol=1e-4, msg=key)


def test_recomputed_activations_give_the_same_gradients() -> None:
    plain, saving = (
        backbone(ENCODERS["bert"], gradient_checkpointing=on).train() for on in (False, True)
    )
    assert plain.enable_packing()
    assert saving.enable_packing()
    one, other = gradients(plain, packed(plain)), gradients(saving, packed(saving))
    for key in one:
        torch.testing.assert_close(one[key], other[key], atol=1e-6, rtol=1e-5, msg=key)


def test_in_bfloat16_the_vectors_point_the_same_way() -> None:
    model = backbone(ENCODERS["bert"]).eval()
    assert model.enable_packing()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        low = packed(model)
    assert torch.cosine_similarity(low.float(), padded(model)).min() > 0.9998


def test_an_encoder_that_ignores_positions_is_not_packed() -> None:
    model = backbone(ENCODERS["bert"])
    heed = model.encoder.embeddings.forward

    def ignore(*args: Any, position_ids: torch.Tensor | None = None, **kwargs: Any) -> Any:
        return heed(*args, **kwargs)

    model.encoder.embeddings.forward = ignore
    assert not model.enable_packing()
    assert model.encoder.config._attn_implementation == "sdpa"


def test_an_encoder_with_an_attention_of_its_own_is_not_packed() -> None:
    assert not backbone(MPNetConfig(**SIZES), attention=None).enable_packing()


def test_another_attention_that_was_asked_for_is_kept() -> None:
    model = backbone(ENCODERS["bert"], attention="eager")
    assert not model.enable_packing()
    assert model.encoder.config._attn_implementation == "eager"


def test_trying_out_leaves_the_random_numbers_and_the_mode_alone() -> None:
    model = backbone(BertConfig(**SIZES)).train()
    before = torch.get_rng_state()
    assert model.enable_packing()
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training


def test_a_packed_encoder_is_saved_as_any_other(tmp_path: Any) -> None:
    model = backbone(ENCODERS["bert"])
    assert model.enable_packing()
    model.save_pretrained(tmp_path)
    assert PACKED not in (tmp_path / "config.json").read_text()
    assert AutoConfig.from_pretrained(tmp_path).model_type == "bert"
    assert isinstance(AutoModel.from_pretrained(tmp_path), BertModel)
