"""Data: a source → splits → tokens (cached once) → batches."""

from hpsearch.data.batches import Batch, PackedBatch, Tokens, epoch_order
from hpsearch.data.packing import Packing
from hpsearch.data.splits import Examples, Splits, load_splits, load_test
from hpsearch.data.tokenizers import LazyTokenizer, load_tokenizer, read_tokenizer
from hpsearch.data.tokens import tokenise

__all__ = [
    "Batch",
    "Examples",
    "LazyTokenizer",
    "PackedBatch",
    "Packing",
    "Splits",
    "Tokens",
    "epoch_order",
    "load_splits",
    "load_test",
    "load_tokenizer",
    "read_tokenizer",
    "tokenise",
]
