"""Imported once by the server from which trials are forked: what a training needs, and no more.

It may import, not compute: a fork after a tensor operation hangs the child's first one.
"""

from importlib import import_module

import hpsearch.run  # noqa: F401  it brings torch and transformers
from hpsearch.tracking import PRELOAD

__all__: list[str] = []

for name in PRELOAD:
    import_module(name)
