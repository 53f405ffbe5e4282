"""transformers' Longformer with other forwards: the parameters and their names stay as they are."""

from __future__ import annotations

from typing import Any

import torch
from transformers.models.longformer import modeling_longformer as original

from hpsearch.data.packing import Packing
from hpsearch.models.dropout import dropout
from hpsearch.models.longformer.blocks import attend_blocks
from hpsearch.models.longformer.chunks import attend_chunks
from hpsearch.models.longformer.texts import Texts

__all__ = ["FirstTokenAttention", "LongformerModel", "SelfAttention"]


# It keeps its name, which save_pretrained writes as the architecture.
class LongformerModel(original.LongformerModel):
    """Runs the layers on the real tokens of the batch, packed."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        global_attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        packing: Packing | None = None,
        **others: Any,
    ) -> Any:
        """Ids and masks, all (batch, length), to an output with ``last_hidden_state``.

        It is zero for padding, and (batch, 1, dim) where only first tokens are computed. Packed ids
        and positions (1, tokens) come with their packing in place of masks.
        """
        if asked := [name for name, value in others.items() if value is not None]:
            raise ValueError(f"hpsearch's Longformer does not know {', '.join(asked)}")
        states = self.embeddings(input_ids=input_ids, position_ids=position_ids)
        if packing is None:
            texts = Texts.of(attention_mask, global_attention_mask)
            states = texts.pack(states)
        else:
            texts = Texts.packed(packing, input_ids.device)
        layers = self.encoder.layer
        for layer in layers:
            states = layer(states, attention_mask=texts)[0]
        if packing is None and not isinstance(layers[-1].attention, FirstTokenAttention):
            states = texts.unpack(states)
        pooled = None if self.pooler is None else self.pooler(states)
        return original.LongformerBaseModelOutputWithPooling(
            last_hidden_state=states, pooler_output=pooled
        )


class SelfAttention(original.LongformerSelfAttention):
    """Windows and first tokens of packed texts."""

    def forward(  # type: ignore[override]
        self, hidden_states: torch.Tensor, attention_mask: Texts, **_: Any
    ) -> tuple[torch.Tensor]:
        """States (1, tokens, dim), likewise returned."""
        texts, states = attention_mask, hidden_states[0]
        query, key, value = (
            self._heads(linear(states)) for linear in (self.query, self.key, self.value)
        )
        attend = attend_blocks if states.device.type == "cpu" else attend_chunks
        attended = attend(
            query * self.head_dim**-0.5,
            key,
            value,
            texts=texts,
            window=self.one_sided_attn_window_size,
            drop=self.drop,
        ).flatten(1)
        firsts = self.first_tokens(states, texts).to(attended.dtype)
        return (attended.index_copy(0, texts.starts, firsts).unsqueeze(0),)

    def first_tokens(self, states: torch.Tensor, texts: Texts) -> torch.Tensor:
        """What each text's first token reads in its whole text: (tokens, dim) to (texts, dim).

        q·(W x + b) is (q·W)·x + q·b: so few queries turn into the states' own space, and no state
        is projected; likewise what is read is projected when it is summed up.
        """
        firsts = states.index_select(0, texts.starts)
        query = self._heads(self.query_global(firsts)) * self.head_dim**-0.5
        own = torch.einsum("thd,hde->the", query, self._head_weights(self.key_global))
        offset = (query * self._heads(self.key_global.bias)).sum(2, keepdim=True)
        scores = torch.einsum("the,ne->thn", own, states) + offset
        scores = scores.masked_fill(texts.others, float("-inf"))
        weights = torch.softmax(scores, dim=2, dtype=torch.float32)
        weights = dropout(weights, self.drop) if self.drop else weights
        read = torch.einsum("thn,ne->the", weights, states)
        found = torch.einsum("the,hde->thd", read, self._head_weights(self.value_global))
        # Dropout leaves weights that do not sum up to 1.
        bias = weights.sum(2, keepdim=True) * self._heads(self.value_global.bias)
        return (found + bias).flatten(1)

    @property
    def drop(self) -> float:
        """The probability of dropping an attention weight now."""
        return float(self.dropout) if self.training else 0.0

    def _heads(self, states: torch.Tensor) -> torch.Tensor:
        """(..., heads · head dim) to (..., heads, head dim)."""
        return states.view(*states.shape[:-1], self.num_heads, self.head_dim)

    def _head_weights(self, linear: torch.nn.Linear) -> torch.Tensor:
        """(heads, head dim, dim) of a projection."""
        return linear.weight.view(self.num_heads, self.head_dim, -1)


class FirstTokenAttention(original.LongformerAttention):
    """Of a last layer of which only first tokens are read: (1, tokens, dim) to (texts, 1, dim)."""

    def forward(  # type: ignore[override]
        self, hidden_states: torch.Tensor, attention_mask: Texts, **_: Any
    ) -> tuple[torch.Tensor]:
        texts, states = attention_mask, hidden_states[0]
        attention: Any = self.self
        attended = attention.first_tokens(states, texts)
        firsts = states.index_select(0, texts.starts)
        return (self.output(attended.unsqueeze(1), firsts.unsqueeze(1)),)
