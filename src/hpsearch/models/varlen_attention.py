"""Attention over packed texts of any lengths in one kernel: torch's, on jagged tensors.

FlashAttention (Dao 2023) or memory-efficient attention (Rabe and Staats 2021) on CUDA, which skip
what lies between two texts; plain operations on a processor, where it is for tests.
"""

from __future__ import annotations

import functools
import logging
import math

import torch
import torch.nn.functional as F

from hpsearch.data.packing import Packing

__all__ = ["varlen_attention", "varlen_works"]

log = logging.getLogger(__name__)

# Of the outputs and gradients of one text alone, in 16 bits.
TOLERANCE = 2e-2


def varlen_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    packing: Packing,
    *,
    scale: float,
    dropout: float,
) -> torch.Tensor:
    """Queries, keys and values (1, heads, tokens, dim) to (1, tokens, heads, dim)."""
    offsets = packing.boundaries(query.device)
    shortest, longest = min(packing.lengths), max(packing.lengths)

    def jagged(states: torch.Tensor) -> torch.Tensor:
        """(texts, heads, tokens of each, dim); the lengths are told, or the device is asked."""
        values = states[0].transpose(0, 1).contiguous()
        nested = torch.nested.nested_tensor_from_jagged(
            values, offsets, min_seqlen=shortest, max_seqlen=longest
        )
        return nested.transpose(1, 2)

    attended = F.scaled_dot_product_attention(
        jagged(query), jagged(key), jagged(value), dropout_p=dropout, scale=scale
    )
    joined: torch.Tensor = attended.transpose(1, 2).values()
    return joined.unsqueeze(0)


@functools.cache
def varlen_works(device: torch.device, dtype: torch.dtype, *, dim: int) -> bool:
    """Whether it runs here, forward and backward, and computes what the texts alone would.

    Which kernels take which formats and head sizes differs between devices and versions of torch;
    so it is tried, once. The random numbers of a training stay as they are.
    """
    devices = [device] if device.type == "cuda" else []
    with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices):
        try:
            works = _agrees(device, dtype, dim)
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            log.debug("attention on jagged tensors fails here: %s", error)
            works = False
    if not works:
        log.info("packed texts take attention one length after another on this device")
    return works


def _agrees(device: torch.device, dtype: torch.dtype, dim: int) -> bool:
    packing, scale = Packing((5, 3, 3, 9)), dim**-0.5
    shape = (1, 2, sum(packing.lengths), dim)
    query, key, value = (_made(shape, step, device, dtype) for step in (1, 2, 3))
    dropped = varlen_attention(query, key, value, packing, scale=scale, dropout=0.5)
    torch.autograd.grad(dropped.sum(), (query, key, value))
    together = varlen_attention(query, key, value, packing, scale=scale, dropout=0.0)
    parts = []
    for start, length in zip(packing.starts, packing.lengths, strict=True):
        q, k, v = (states[:, :, start : start + length] for states in (query, key, value))
        parts.append(F.scaled_dot_product_attention(q, k, v, scale=scale))
    alone = torch.cat(parts, dim=2).transpose(1, 2)
    weight = _made(tuple(alone.shape), 4, device, dtype).detach()
    ours, theirs = (
        [found, *torch.autograd.grad((found * weight).sum(), (query, key, value))]
        for found in (together, alone)
    )
    near = functools.partial(torch.allclose, atol=TOLERANCE, rtol=TOLERANCE)
    return all(near(left, right) for left, right in zip(ours, theirs, strict=True))


def _made(
    shape: tuple[int, ...], step: int, device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    """Numbers in [-1, 1], drawn by nobody."""
    count = torch.arange(math.prod(shape), device=device, dtype=torch.float32)
    return (count * step).sin().view(shape).to(dtype).requires_grad_()
