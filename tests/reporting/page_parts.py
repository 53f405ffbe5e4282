"""What the tests of a report's page put into it."""

from __future__ import annotations

import io

import pandas as pd

__all__ = ["HOSTILE", "drawing", "points"]

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' style='position:fixed",
    "</td></table>",
    "`${alert(1)}`",
    "]]>--><b>",
    "&lt;b&gt;",
    "$title",
]


def drawing(name: str, label: str = "loss") -> str:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    for rank in range(3):
        axes.plot([rank], [rank], "o", gid=f"{name}--point-{rank}")
    axes.set_xlabel(label)
    file = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "the same in all figures"}):
        figure.savefig(file, format="svg")
    return file.getvalue()


def points(rows: int = 3) -> pd.DataFrame:
    accuracy = [0.9 - n / 1e5 for n in range(rows)]
    return pd.DataFrame(
        {
            "head.activation": [("relu", "", "gelu")[n % 3] for n in range(rows)],
            "val. accuracy": accuracy,
            "±": 0.001,
            "95 % from": [x - 0.002 for x in accuracy],
            "to": [x + 0.002 for x in accuracy],
        }
    )
