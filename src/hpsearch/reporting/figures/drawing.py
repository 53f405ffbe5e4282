"""Which figures a study has something to show for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from hpsearch.reporting.analysis.points import points
from hpsearch.reporting.figures.confusion_matrix import confusion_figure
from hpsearch.reporting.figures.factor_effects import effects_figure
from hpsearch.reporting.figures.figure import Figure
from hpsearch.reporting.figures.heat_map import heat_map_figure
from hpsearch.reporting.figures.learning_groups import learning_figure
from hpsearch.reporting.figures.optimisation_history import history_figure
from hpsearch.reporting.figures.parallel_coordinates import parallel_figure
from hpsearch.reporting.figures.style import load_matplotlib
from hpsearch.reporting.figures.time_line import time_line_figure
from hpsearch.tracking.study import Study

__all__ = ["draw_figures"]


def draw_figures(
    study: Study,
    histories: pd.DataFrame,
    *,
    root: Path,
    test_confusion: Sequence[Sequence[int]] | None = None,
    classes: Sequence[str] = (),
) -> list[Figure]:
    """From what matters most to how it was found; without a finished trial the time line alone.

    ``histories`` has rows of ``run_id, metric, step, value`` with the metrics ``epoch``,
    ``train/loss``, ``val/loss`` and ``val/accuracy``, and may be empty. ``root`` is the output
    folder with the winner's validation predictions. ``test_confusion`` is the winner's on the test
    split, rows true, columns predicted; ``classes`` names both, else the study does.
    """
    load_matplotlib(root / "cache" / "matplotlib")
    found = points(study)
    drawn = [time_line_figure(study, found)]
    if found:
        drawn = [
            effects_figure(study),
            heat_map_figure(study, found),
            parallel_figure(study, found),
            learning_figure(study, found, histories),
            confusion_figure(study, found, root=root, test=test_confusion, classes=classes),
            history_figure(study, found),
            *drawn,
        ]
    return [figure for figure in drawn if figure is not None]
