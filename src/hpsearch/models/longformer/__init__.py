"""Longformer's attention (Beltagy et al. 2020) over real tokens alone, without transformers' own.

The mathematics and the weights are those of transformers' Longformer: a window around each token,
and global attention from and to the first token of each text.
"""

from hpsearch.models.longformer.swap import replace_attention

__all__ = ["replace_attention"]
