"""Our Longformer computes what transformers' own computes, from the same weights."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LongformerConfig, LongformerModel

from hpsearch.data import Packing
from hpsearch.models import EncoderBackbone
from hpsearch.models.longformer import blocks, replace_attention
from hpsearch.models.longformer.blocks import attend_blocks
from hpsearch.models.longformer.chunks import attend_chunks
from hpsearch.models.longformer.texts import Texts

WINDOWS = (8, 4, 16)
TOLERANCE = 1e-5
Outcome = tuple[torch.Tensor, dict[str, torch.Tensor]]


def encoder(*, drop: float = 0.0, pooler: bool = False) -> LongformerModel:
    torch.manual_seed(0)
    config = LongformerConfig(
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=len(WINDOWS),
        num_attention_heads=2,
        intermediate_size=24,
        attention_window=list(WINDOWS),
        max_position_embeddings=200,
        pad_token_id=1,
        initializer_range=0.3,  # else attention is almost even, and errors in it small
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=drop,
    )
    model = LongformerModel(config, add_pooling_layer=pooler)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def backbone(
    pooling: str, *, own: bool = False, checkpointing: bool = False, drop: float = 0.0
) -> EncoderBackbone:
    return EncoderBackbone(
        encoder(drop=drop),
        pooling=pooling,
        freeze="none",
        gradient_checkpointing=checkpointing,
        own_attention=own,
    )


def batch(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, padded to the longest."""
    torch.manual_seed(1)
    ids = torch.randint(2, 50, (len(lengths), max(lengths)))
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return ids.masked_fill(mask == 0, 1), mask


def outcome(model: EncoderBackbone, lengths: list[int]) -> Outcome:
    """Text vectors, and the gradients of their loss for each parameter."""
    vectors = model(*batch(lengths))
    torch.manual_seed(2)
    torch.nn.functional.mse_loss(vectors, torch.randn_like(vectors)).backward()
    zero = torch.zeros(())
    named = model.encoder.named_parameters()
    return vectors.detach(), {n: zero if p.grad is None else p.grad for n, p in named}


def assert_same(ours: Outcome, theirs: Outcome) -> None:
    assert (ours[0] - theirs[0]).abs().max() < TOLERANCE
    assert ours[1].keys() == theirs[1].keys()
    for name, gradient in theirs[1].items():
        assert (ours[1][name] - gradient).abs().max() < TOLERANCE, name


CASES = {
    "one token": [1],
    "shorter than a window": [3],
    "exactly the largest window": [16],
    "no multiple of a window": [37],
    "ragged": [5, 41, 2, 16, 17],
    "alike": [20, 20],
}


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
@pytest.mark.parametrize("lengths", CASES.values(), ids=CASES.keys())
def test_vectors_and_gradients_are_those_of_transformers(lengths: list[int], pooling: str) -> None:
    ours, theirs = (backbone(pooling, own=own).eval() for own in (False, True))
    assert_same(outcome(ours, lengths), outcome(theirs, lengths))


@pytest.mark.parametrize("seed", range(6))
def test_so_they_are_at_random_lengths_with_blocks_smaller_than_windows(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    lengths = [draw.randint(1, 90) for _ in range(draw.randint(1, 5))]
    monkeypatch.setattr(blocks, "SIZE", draw.randint(1, 20))
    blocks._band.cache_clear()
    ours, theirs = (backbone("mean", own=own).train() for own in (False, True))
    assert_same(outcome(ours, lengths), outcome(theirs, lengths))
    blocks._band.cache_clear()


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_gradient_checkpointing_changes_nothing(pooling: str) -> None:
    ours = backbone(pooling, checkpointing=True).train()
    theirs = backbone(pooling, own=True).train()
    assert_same(outcome(ours, [30, 7]), outcome(theirs, [30, 7]))


def test_every_token_and_the_pooler_are_those_of_transformers() -> None:
    ours, theirs = encoder(pooler=True).eval(), encoder(pooler=True).eval()
    replaced(ours)
    ids, mask = batch([21, 9])
    found, expected = (model(ids, mask, first(mask)) for model in (ours, theirs))
    differences = (found.last_hidden_state - expected.last_hidden_state).abs() * mask[..., None]
    assert differences.max() < TOLERANCE
    assert torch.allclose(found.pooler_output, expected.pooler_output, atol=TOLERANCE)


def test_bf16_stays_near_to_32_bits() -> None:
    model = backbone("mean").eval()
    exact = outcome(model, [37, 5])
    model.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = outcome(model, [37, 5])
    assert (exact[0] - rough[0]).abs().mean() < 0.05
    name = "encoder.layer.0.attention.self.key.weight"
    assert torch.cosine_similarity(exact[1][name], rough[1][name], dim=1).mean() > 0.97


ATTENTIONS: dict[str, Callable[..., torch.Tensor]] = {
    "blocks": attend_blocks,
    "chunks": attend_chunks,
}


@pytest.mark.parametrize("attend", ATTENTIONS.values(), ids=ATTENTIONS.keys())
@pytest.mark.parametrize("lengths", CASES.values(), ids=CASES.keys())
def test_windows_are_those_of_one_masked_softmax(
    lengths: list[int], attend: Callable[..., torch.Tensor]
) -> None:
    _, mask = batch(lengths)
    texts = Texts.of(mask, first(mask))
    inputs = [torch.randn(texts.tokens, 2, 8, requires_grad=True) for _ in range(3)]
    places = torch.arange(texts.tokens)
    near = (places[:, None] - places).abs() <= 4
    seen = (near | torch.isin(places, texts.starts)) & (texts.text[:, None] == texts.text)
    query, key, value = inputs
    scores = torch.einsum("qhd,khd->hqk", query, key).masked_fill(~seen, float("-inf"))
    expected = torch.einsum("hqk,khd->qhd", scores.softmax(2), value)
    found = attend(*inputs, texts=texts, window=4, drop=0.0)
    assert (found - expected).abs().max() < TOLERANCE
    weight = torch.randn_like(found)
    gradients = (torch.autograd.grad((x * weight).sum(), inputs) for x in (found, expected))
    for ours, theirs in zip(*gradients, strict=True):
        assert (ours - theirs).abs().max() < TOLERANCE


def test_dropout_draws_the_same_in_the_backward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SIZE", 3)
    blocks._band.cache_clear()
    _, mask = batch([7, 2])
    texts = Texts.of(mask, first(mask))

    def attended(*inputs: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)
        return attend_blocks(*inputs, texts=texts, window=2, drop=0.5)

    shape = (texts.tokens, 1, 2)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    assert torch.autograd.gradcheck(attended, inputs)
    blocks._band.cache_clear()


def test_dropout_leaves_the_expectation() -> None:
    _, mask = batch([300, 30])
    texts = Texts.of(mask, first(mask))
    zero, one = torch.zeros(texts.tokens, 4, 8), torch.ones(texts.tokens, 4, 8)
    attended = attend_blocks(zero, zero, one, texts=texts, window=16, drop=0.5)
    assert attended.std() > 0.1
    assert 0.97 < attended.mean() < 1.03


def test_a_model_in_training_drops_attention_and_one_in_evaluation_does_not() -> None:
    for pooling in ("cls", "mean"):
        model = backbone(pooling, drop=0.3)
        inputs = batch([30, 7])
        assert not torch.equal(model.train()(*inputs), model(*inputs))
        assert torch.equal(model.eval()(*inputs), model(*inputs))


def test_only_what_it_can_compute_is_accepted() -> None:
    model = encoder()
    replaced(model)
    ids, mask = batch([8, 8])
    with pytest.raises(ValueError, match="on each text's first token, and no other"):
        model(ids, mask, torch.ones_like(mask))
    with pytest.raises(ValueError, match="its padding at its end"):
        model(ids, first(mask) * 0 + (torch.arange(8) > 2), first(mask))
    with pytest.raises(ValueError, match="does not know output_attentions"):
        model(ids, mask, first(mask), output_attentions=True)


def test_what_is_saved_is_a_normal_longformer(tmp_path: Path) -> None:
    own, ours = backbone("mean", own=True).eval(), backbone("mean").eval()
    assert list(own.state_dict()) == list(ours.state_dict())
    own.save_pretrained(tmp_path / "own")
    ours.save_pretrained(tmp_path / "ours")
    files = sorted(path.name for path in (tmp_path / "own").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "ours").iterdir())
    for name in files:
        assert (tmp_path / "own" / name).read_bytes() == (tmp_path / "ours" / name).read_bytes()
    again: Any = LongformerModel.from_pretrained(tmp_path / "ours", add_pooling_layer=False)
    assert type(again) is LongformerModel
    for name, tensor in ours.encoder.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def first(mask: torch.Tensor) -> torch.Tensor:
    """Global attention on the first token of each text."""
    return (torch.arange(mask.shape[1]) == 0).long().expand_as(mask)


def replaced(model: LongformerModel) -> None:

    replace_attention(model, first_token_only=False)


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
def test_packed_texts_have_the_vectors_and_gradients_of_padded_ones(pooling: str) -> None:
    lengths = [37, 3, 16, 60]
    padded, packed = backbone(pooling), backbone(pooling)
    assert packed.enable_packing()
    expected = outcome(padded, lengths)
    ids, mask = batch(lengths)
    vectors = packed.packed(ids[mask.bool()].unsqueeze(0), Packing(tuple(lengths)))
    torch.manual_seed(2)
    torch.nn.functional.mse_loss(vectors, torch.randn_like(vectors)).backward()
    zero = torch.zeros(())
    named = packed.encoder.named_parameters()
    found = {n: zero if p.grad is None else p.grad for n, p in named}
    assert_same((vectors.detach(), found), expected)


def test_it_trains_after_an_evaluation() -> None:
    """What a forward pass keeps for later ones must not stem from inference."""
    blocks._band.cache_clear()
    model = backbone("cls")
    with torch.inference_mode():
        model(*batch([40, 9]))
    model(*batch([40, 9])).sum().backward()
