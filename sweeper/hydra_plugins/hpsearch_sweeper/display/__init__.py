"""What a person sees while a sweep runs: a live table, or lines."""

# All of these are imported for Hydra's plugin scanner: see the package above.
from hydra_plugins.hpsearch_sweeper.display import (
    lines,
    live,
    opening,
    rows,
    streams,
    table,
    texts,
    ticking,
)
from hydra_plugins.hpsearch_sweeper.display.opening import Display, open_display

__all__ = [
    "Display",
    "lines",
    "live",
    "open_display",
    "opening",
    "rows",
    "streams",
    "table",
    "texts",
    "ticking",
]
