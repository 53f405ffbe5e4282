"""Many marks of points as one artist. It imports matplotlib: only what draws imports this."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import to_rgba
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import GraphicsContextBase, RendererBase
    from numpy.typing import ArrayLike

__all__ = ["Mark", "Marks", "add_marks"]


class Mark(NamedTuple):
    """What belongs to a point.

    Attributes:
        gid: its ``id`` in the SVG.
        places: (vertices, 2) of a line, (1, 2) of a sign; of an area the corners, the first again
            at the end.
        colour: of the line and the sign; around an area.
    """

    gid: str
    places: ArrayLike
    colour: str


class Marks(Artist):
    """Lines, signs or areas that differ in places and colours alone.

    A ``Line2D`` for each of a thousand takes a second, most of it for what is the same in all.

    Args:
        marks: in the order in which they are drawn.
        linewidth: in points.
        sign: (marker, size in points), of which each mark is one.
        face: fills areas with this colour.
    """

    def __init__(
        self,
        marks: Sequence[Mark],
        *,
        linewidth: float = 1.0,
        sign: tuple[str, float] | None = None,
        face: str | None = None,
        **look: Any,
    ) -> None:
        super().__init__()
        self.marks, self._linewidth, self._sign, self._face = marks, linewidth, sign, face
        self.set(in_layout=False, **look)  # else the layout measures all of them

    def draw(self, renderer: RendererBase) -> None:
        context: Any = renderer.new_gc()
        context.set_clip_rectangle(self.get_clip_box())
        context.set_linewidth(self._linewidth)
        context.set_joinstyle("miter" if self._face else "round")
        context.set_capstyle("butt" if self._face or self._sign else "projecting")
        for mark in self.marks:
            renderer.open_group("mark", gid=mark.gid)
            context.set_foreground(to_rgba(mark.colour, self.get_alpha()), isRGBA=True)
            path = Path(np.asarray(mark.places), closed=self._face is not None)
            self._draw_one(renderer, context, path, mark.colour)
            renderer.close_group("mark")
        context.restore()

    def _draw_one(
        self, renderer: RendererBase, context: GraphicsContextBase, path: Path, colour: str
    ) -> None:
        place = self.get_transform()
        if self._sign is None:
            face = to_rgba(self._face, self.get_alpha()) if self._face else None
            renderer.draw_path(context, path, place, face)
        else:
            sign = MarkerStyle(self._sign[0])
            pixels: Any = renderer.points_to_pixels(self._sign[1])
            size = sign.get_transform() + Affine2D().scale(pixels)
            renderer.draw_markers(context, sign.get_path(), size, path, place, to_rgba(colour))


def add_marks(axes: Axes, marks: Iterable[Mark], **look: Any) -> None:
    """Add them as one artist, if there are any; moves no limits."""
    found = list(marks)
    if found:
        axes.add_artist(Marks(found, **look))
