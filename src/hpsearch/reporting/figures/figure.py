"""A drawn figure: two files' contents, and what is said beside them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from hpsearch.reporting.figures.style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

__all__ = ["NAMES", "Figure", "rendered"]

# All that there can be, in the order in which a report shows them.
NAMES = (
    "factor-effects",
    "heat-map",
    "parallel-coordinates",
    "learning-curves",
    "confusion-matrix",
    "optimisation-history",
    "time-line",
)

PNG_DPI = 200
# Without dates and versions the same study gives the same bytes.
NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


@dataclass(frozen=True)
class Figure:
    """One figure of a report.

    Attributes:
        name: one of :data:`NAMES`, also the files' name.
        title: a heading; it does not stand in the picture.
        caption: what is shown, in which units, of how many, what bars and bands mean.
        svg: one ``<svg>`` element, letters as paths, nothing from elsewhere, no script; it can be
            a file or stand in an HTML page as it is.
        png: the same at 200 dots per inch.
    """

    name: str
    title: str
    caption: str
    svg: str
    png: bytes


@styled
def rendered(drawn: Canvas, *, name: str, title: str, caption: str) -> Figure:
    """Both files of a drawing, always the same bytes of the same drawing."""
    layout = drawn.get_layout_engine()
    if layout is not None:  # once for both files
        layout.execute(drawn)
        drawn.set_layout_engine("none")
    return Figure(name, title, caption, _svg(drawn, salt=name), _png(drawn))


# `Figure.savefig` draws everything once more for the layout, before it draws into the file.


def _svg(drawn: Canvas, *, salt: str) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    file, canvas = io.StringIO(), cast(Any, FigureCanvasSVG(drawn))  # it has no types
    with mpl.rc_context({"svg.hashsalt": salt}):
        canvas.print_svg(file, metadata=NO_METADATA)
    text = file.getvalue()
    # Before it stand the XML declaration and a document type of another server.
    return text[text.index("<svg") :]


def _png(drawn: Canvas) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    file, canvas = io.BytesIO(), cast(Any, FigureCanvasAgg(drawn))
    drawn.set_dpi(PNG_DPI)
    canvas.print_png(file, metadata={"Software": None})
    return file.getvalue()
