"""A copy of a config, many times faster than Python's own."""

from __future__ import annotations

from collections import defaultdict
from copy import deepcopy
from typing import Any

from omegaconf import Node

__all__ = ["copy_config"]


def copy_config(node: Any, parent: Any = None) -> Any:
    """What copy.deepcopy gives, many times faster: it copies types and keys by reference."""
    new = object.__new__(type(node))
    state = new.__dict__
    state.update(node.__dict__)
    state["_metadata"] = _copy_metadata(state["_metadata"])
    state["_parent"], state["_flags_cache"] = parent, None
    content = state.get("_content")
    if isinstance(content, dict):
        state["_content"] = {key: copy_config(child, new) for key, child in content.items()}
    elif isinstance(content, list):
        state["_content"] = [copy_config(child, new) for child in content]
    elif isinstance(content, Node):  # a union's
        state["_content"] = copy_config(content, new)
    return new


def _copy_metadata(metadata: Any) -> Any:
    new = object.__new__(type(metadata))
    new.__dict__.update(metadata.__dict__)
    new.flags = metadata.flags and dict(metadata.flags)
    cache = metadata.resolver_cache
    new.resolver_cache = deepcopy(cache) if cache else defaultdict(dict)
    return new
