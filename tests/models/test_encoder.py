"""The transformer backbone: freezing, checkpointing, Longformer's window and global attention."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel, LongformerConfig, LongformerModel

from hpsearch.models import EncoderBackbone
from hpsearch.models.storage import load_module, save_weights

IDS = torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
SIZES: dict[str, Any] = {
    "vocab_size": 30,
    "hidden_size": 8,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}


def bert(**changes: Any) -> EncoderBackbone:
    options = {"pooling": "mean", "freeze": "none", "gradient_checkpointing": False, **changes}
    return EncoderBackbone(BertModel(BertConfig(**SIZES)), **options)


def trained(model: EncoderBackbone) -> set[str]:
    """The parts of the encoder that are trained."""
    names = (n for n, p in model.encoder.named_parameters() if p.requires_grad)
    return {n.split(".")[0] if n.startswith("emb") else ".".join(n.split(".")[:3]) for n in names}


def test_the_pooler_of_the_pre_training_is_dropped() -> None:
    assert not any("pooler" in name for name, _ in bert().named_parameters())


def test_freezing_keeps_the_embeddings_and_the_first_layers() -> None:
    layers = [f"encoder.layer.{i}" for i in range(3)]
    assert trained(bert()) == {"embeddings", *layers}
    assert trained(bert(freeze=2)) == {layers[2]}
    assert trained(bert(freeze="all")) == set()
    with pytest.raises(ValueError, match="the encoder has 3 layers, 4 are to be frozen"):
        bert(freeze=4)


def test_a_wholly_frozen_encoder_has_no_dropout_and_no_gradient() -> None:
    frozen, tuned = bert(freeze="all").train(), bert().train()
    assert torch.equal(frozen(IDS, MASK), frozen(IDS, MASK))
    assert not frozen(IDS, MASK).requires_grad
    assert not torch.equal(tuned(IDS, MASK), tuned(IDS, MASK))


def test_gradient_checkpointing_changes_no_gradient() -> None:
    plain, saving = bert(), bert(gradient_checkpointing=True)
    saving.load_state_dict(plain.state_dict())
    gradients = []
    for model in (plain, saving):
        for module in model.train().modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.encoder.config.attention_probs_dropout_prob = 0.0
        model(IDS, MASK).square().sum().backward()
        gradients.append(model.encoder.embeddings.word_embeddings.weight.grad)
    assert gradients[0] is not None
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)


def test_padding_changes_nothing() -> None:
    model = bert().eval()
    alone = model(IDS[1:, :3], MASK[1:, :3])
    assert torch.allclose(model(IDS, MASK)[1:], alone, atol=1e-5)


def longformer(**changes: Any) -> EncoderBackbone:
    config = LongformerConfig(
        **SIZES, attention_window=[4, 4, 4], max_position_embeddings=40, pad_token_id=0
    )
    model = LongformerModel(config, add_pooling_layer=False)
    options = {"pooling": "cls", "freeze": "none", "gradient_checkpointing": False, **changes}
    return EncoderBackbone(model, **options).eval()


def test_only_transformers_own_longformer_pads_to_its_window() -> None:
    own = longformer(own_attention=True)
    assert type(own.encoder) is LongformerModel
    assert own.pad_multiple == 4
    assert longformer().pad_multiple == 1


@pytest.mark.parametrize("own", [False, True])
def test_longformers_first_token_sees_everything(own: bool) -> None:
    model = longformer(own_attention=own)
    ids = torch.randint(1, 30, (1, 32))
    changed = ids.clone()
    changed[0, 30] = 1 + ids[0, 30] % 28
    mask = torch.ones_like(ids)

    # With a window of 4 and three layers, only global attention reaches from token 0 to token 30
    # in one layer; the first layer's output at token 0 tells.
    def first_layer(x: torch.Tensor) -> torch.Tensor:
        seen: list[torch.Tensor] = []
        hook = model.encoder.encoder.layer[0].register_forward_hook(
            lambda _m, _i, out: seen.append(out[0][:, 0].detach())
        )
        model(x, mask)
        hook.remove()
        return seen[0]

    assert not torch.allclose(first_layer(ids), first_layer(changed), atol=1e-7)


def test_weights_survive_the_way_to_disk_and_back(tmp_path: Path) -> None:
    model, other = bert().eval(), bert().eval()
    save_weights(model, tmp_path / "w.safetensors")
    assert not torch.allclose(model(IDS, MASK), other(IDS, MASK))
    load_module(other, tmp_path / "w.safetensors")
    assert torch.equal(model(IDS, MASK), other(IDS, MASK))


def test_a_frozen_encoder_has_no_dropout_from_the_first_step_on() -> None:
    model = bert(freeze="all")
    assert model.encoder.config.hidden_dropout_prob > 0
    assert torch.equal(model(IDS, MASK), model(IDS, MASK))
