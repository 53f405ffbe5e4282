"""The recurrent backbone: the output at the last real token."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

from hpsearch.models import RnnBackbone

IDS = torch.tensor([[3, 7, 11, 2], [4, 5, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])


def backbone(**changes: object) -> RnnBackbone:
    options: dict[str, object] = {
        "cell": "rnn",
        "embedding_dim": 4,
        "hidden_size": 6,
        "num_layers": 1,
        "nonlinearity": "tanh",
        "bidirectional": False,
        "embedding_dropout": 0.0,
        "dropout": 0.0,
        **changes,
    }
    return RnnBackbone(vocab_size=20, pad_id=0, **options).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_states_are_those_of_torchs_packed_sequences(cell: str, bidirectional: bool) -> None:
    model = backbone(cell=cell, num_layers=2, bidirectional=bidirectional)
    kind = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
    theirs = kind(4, 6, num_layers=2, batch_first=True, bidirectional=bidirectional)
    directions = {"": model.forwards, "_reverse": model.backwards}
    for suffix, layers in directions.items():
        for number, layer in enumerate(layers):
            for name, ours in layer.named_parameters():
                theirs.get_parameter(f"{name[:-1]}{number}{suffix}").data.copy_(ours)
    packed = pack_padded_sequence(
        model.embeddings(IDS), MASK.sum(1), batch_first=True, enforce_sorted=False
    )
    state = theirs(packed)[1]
    last = state[0] if isinstance(state, tuple) else state
    expected = torch.cat(list(last[-2:] if bidirectional else last[-1:]), dim=1)
    assert model.out_dim == expected.shape[1]
    assert torch.allclose(model(IDS, MASK), expected, atol=1e-6)


def test_a_plain_cell_is_the_one_by_hand() -> None:
    model = backbone(nonlinearity="relu")
    weights = dict(model.forwards[0].named_parameters())
    state = torch.zeros(6)
    for token in (4, 5):
        state = torch.relu(
            weights["weight_ih_l0"] @ model.embeddings.weight[token]
            + weights["bias_ih_l0"]
            + weights["weight_hh_l0"] @ state
            + weights["bias_hh_l0"]
        )
    assert torch.allclose(model(IDS, MASK)[1], state, atol=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_padding_changes_nothing_from_either_end(cell: str) -> None:
    model = backbone(cell=cell, bidirectional=True)
    wider = model(F.pad(IDS, (0, 5)), F.pad(MASK, (0, 5)))
    alone = model(IDS[1:, :2], MASK[1:, :2])
    assert torch.allclose(model(IDS, MASK), wider, atol=1e-6)
    assert torch.allclose(wider[1:], alone, atol=1e-6)


def test_a_fresh_lstm_remembers() -> None:
    bias = dict(backbone(cell="lstm").forwards[0].named_parameters())
    forget = bias["bias_ih_l0"][6:12] + bias["bias_hh_l0"][6:12]
    assert forget.tolist() == [1.0] * 6
