"""Imported once by the server from which trials are forked: what a training needs, and no more.

It may import, not compute: a fork after a tensor operation hangs the child's first one.
"""

from contextlib import suppress
from importlib import import_module

import hpsearch.run  # noqa: F401  it brings torch and transformers
from hpsearch.config import register

__all__: list[str] = []

# Imported where they are needed, so that a command which only checks need not wait for them.
NEEDED = (
    *("hpsearch.encoders", "hpsearch.models.encoder", "transformers.models.bert.modeling_bert"),
    *("pyarrow.parquet", "sklearn.metrics", "sklearn.model_selection"),
)

for name in NEEDED:
    import_module(name)

register()  # each trial's main module asks for it

# A quarter of a second of regular expressions, which each trial would compile again.
with suppress(ImportError, AttributeError):  # where a version of transformers has other insides
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    get_checkpoint_conversion_mapping("bert")
