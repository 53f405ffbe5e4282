"""The CNN backbone: by hand, and blind to padding."""

import torch
from torch.nn import functional as F

from hpsearch.models import CnnBackbone


def backbone(widths: tuple[int, ...] = (3,)) -> CnnBackbone:
    return CnnBackbone(
        vocab_size=20,
        pad_id=0,
        embedding_dim=4,
        num_filters=5,
        filter_widths=widths,
        embedding_dropout=0.0,
    ).eval()


def test_a_filter_gives_its_strongest_window() -> None:
    model, ids = backbone(), torch.tensor([[3, 7, 11, 2]])
    convolution = model.convolutions[0]
    embedded = F.pad(model.embeddings(ids)[0], (0, 0, 1, 1))  # (6, 4): one zero at either end
    responses = torch.stack(
        [
            torch.einsum("fec,ce->f", convolution.weight, embedded[i : i + 3]) + convolution.bias
            for i in range(4)
        ]
    )
    expected = responses.amax(dim=0).relu()
    assert torch.allclose(model(ids, torch.ones_like(ids))[0], expected, atol=1e-6)


def test_padding_changes_nothing() -> None:
    model = backbone((1, 2, 3, 4, 5))
    ids = torch.tensor([[3, 7, 11], [4, 0, 0]])
    mask = torch.tensor([[1, 1, 1], [1, 0, 0]])
    wider = model(F.pad(ids, (0, 6)), F.pad(mask, (0, 6)))
    assert torch.allclose(model(ids, mask), wider, atol=1e-6)
    alone = model(ids[1:, :1], mask[1:, :1])
    assert torch.allclose(model(ids, mask)[1:], alone, atol=1e-6)
    assert model.out_dim == wider.shape[1] == 25
