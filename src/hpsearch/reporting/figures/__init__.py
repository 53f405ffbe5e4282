"""Figures of a study: what to show, drawn for a thesis, as SVG and PNG.

    figures = draw_figures(study, tracker.read_histories(study), root=root)
    write_figures(figures, root / "reports" / "lr-figures")

One module draws one figure: ``draw_…`` takes plain inputs and returns a matplotlib figure,
``…_figure`` takes them from the study and writes the caption. Whatever belongs to a point of the
search has an ``id`` in the SVG, ``FIGURE--point-RANK``, where RANK is the point's place in
``points(study)`` from 0, best first; a second artist of the same point in the same figure (another
seed or panel) is ``FIGURE--point-RANK--2``. Of very many points only the best ones have it. In CSS
the point 3 is thus ``[id$="--point-3"], [id*="--point-3--"]``. Imports matplotlib when it draws,
never pyplot.
"""

from hpsearch.reporting.figures.drawing import draw_figures
from hpsearch.reporting.figures.figure import NAMES, Figure
from hpsearch.reporting.figures.files import write_figures

__all__ = ["NAMES", "Figure", "draw_figures", "write_figures"]
