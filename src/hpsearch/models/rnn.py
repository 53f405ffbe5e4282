"""A recurrent backbone: plain RNN, LSTM or GRU, read at the last real token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from hpsearch.models.embedding import token_embedding
from hpsearch.models.storage import save_module

__all__ = ["RnnBackbone"]

CELLS: dict[str, Any] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RnnBackbone(nn.Module):
    """Embedding → recurrent layers → the last layer's output at the last real token.

    Read from both ends, the output of the backward direction is that at the first token.

    Args:
        vocab_size: rows of the embedding.
        pad_id: the token whose embedding stays zero.
        cell: rnn, lstm or gru.
        embedding_dim: size of a token's vector.
        hidden_size: size of a direction's state.
        num_layers: stacked layers.
        nonlinearity: of ``cell=rnn``: tanh or relu.
        bidirectional: read from both ends.
        embedding_dropout: probability, on the embedded tokens.
        dropout: probability, between layers.
    """

    pad_multiple = 1

    def __init__(
        self,
        *,
        vocab_size: int,
        pad_id: int,
        cell: str,
        embedding_dim: int,
        hidden_size: int,
        num_layers: int,
        nonlinearity: str,
        bidirectional: bool,
        embedding_dropout: float,
        dropout: float,
    ) -> None:
        super().__init__()
        self.embeddings = token_embedding(vocab_size, embedding_dim, pad_id=pad_id)
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        self.dropout = nn.Dropout(dropout)
        self.out_dim = hidden_size * (2 if bidirectional else 1)
        extra = {"nonlinearity": nonlinearity} if cell == "rnn" else {}

        def layer(in_dim: int) -> nn.Module:
            made: nn.Module = CELLS[cell](in_dim, hidden_size, batch_first=True, **extra)
            if cell == "lstm":
                _open_forget_gate(made, hidden_size)
            return made

        in_dims = [embedding_dim] + [self.out_dim] * (num_layers - 1)
        self.forwards = nn.ModuleList(layer(in_dim) for in_dim in in_dims)
        self.backwards = nn.ModuleList(layer(in_dim) for in_dim in in_dims if bidirectional)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Token ids and mask, both (batch, length), to (batch, out_dim).

        Padding stands at the end, so no real token's output has seen it: read at the last real
        token, no packed sequence is needed (on a CPU torch's packing is 6 to 10 times slower).
        """
        states = self.embedding_dropout(self.embeddings(input_ids))
        last = attention_mask.sum(1) - 1
        turned = _turned(attention_mask)
        for number, layer in enumerate(self.forwards):
            states = self.dropout(states) if number else states
            directions = [layer(states)[0]]
            if self.backwards:
                backward, _ = self.backwards[number](_take(states, turned))
                directions.append(_take(backward, turned))
            states = torch.cat(directions, dim=2)
        rows = torch.arange(len(last), device=last.device)
        hidden = directions[0].shape[2]
        # The backward direction has read the whole text when it comes to the first token.
        ends = [states[rows, last, :hidden], states[:, 0, hidden:]]
        return torch.cat(ends, dim=1)

    def enable_packing(self) -> bool:
        """Its state would go from text to text."""
        return False

    def enable_gradient_checkpointing(self) -> bool:
        """There are no layers to recompute."""
        return False

    def save_pretrained(self, folder: Path) -> None:
        save_module(self, folder, kind="RnnBackbone")


@torch.no_grad()
def _open_forget_gate(lstm: nn.Module, hidden_size: int) -> None:
    """A forget-gate bias of 1 (Jozefowicz et al. 2015): a fresh LSTM remembers."""
    gate = slice(hidden_size, 2 * hidden_size)
    lstm.get_parameter("bias_ih_l0")[gate] = 1.0
    lstm.get_parameter("bias_hh_l0")[gate] = 0.0


def _turned(attention_mask: torch.Tensor) -> torch.Tensor:
    """Positions (batch, length) that turn each row's real tokens around and leave its padding."""
    positions = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    lengths = attention_mask.sum(1, keepdim=True)
    return torch.where(positions < lengths, lengths - 1 - positions, positions)


def _take(states: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """States (batch, length, dim) at these positions (batch, length) of their rows."""
    return states.gather(1, positions.unsqueeze(2).expand_as(states))
