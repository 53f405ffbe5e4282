"""Positions: where encoders begin to count them."""

from __future__ import annotations

from typing import Any

__all__ = ["first_position"]

# These count from the padding token's index on (fairseq's convention).
OFFSET = ("roberta", "longformer", "xlm-roberta", "camembert", "mpnet")


def first_position(config: Any) -> int:
    """The position of a text's first token, by an encoder's own configuration."""
    return int(config.pad_token_id) + 1 if config.model_type in OFFSET else 0
