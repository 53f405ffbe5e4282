"""The table as LaTeX: as a thesis prints it, and nothing in it is a command."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from hpsearch.reporting.formats.latex import escape, latex_table

GOLDEN = r"""\begin{table}
\centering
\caption{longformer\_imdb-1}
\begin{tabular}{lrrrr}
\toprule
head.activation & seeds & val. accuracy & $\pm$ & val. loss \\
\midrule
relu & 5 & 0.95120 & 0.00100 & 0.20479 \\
 & 5 & 0.95099 &  & 0.19709 \\
{}[3, 4] & 1 & 0.94800 & 0.00200 & 0.24426 \\
{}*2 & 1 & 0.94800 & 0.00200 & 0.24426 \\
--- & 1 & 0.94679 & 0.00300 & 0.30623 \\
\bottomrule
\end{tabular}
\end{table}
"""


def test_the_table_is_set_as_booktabs_asks() -> None:
    table = pd.DataFrame(
        {
            "head.activation": ["relu", "", "[3, 4]", "*2", "—"],
            "seeds": [5, 5, 1, 1, 1],
            "val. accuracy": [0.9512, 0.95099, 0.948, 0.948, 0.94679],
            "±": [0.001, "", 0.002, 0.002, 0.003],
            "val. loss": [0.20479, 0.19709, 0.24426, 0.24426, 0.30623],
        }
    )
    assert latex_table(table, caption="longformer_imdb-1") == GOLDEN


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        (r"\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a & b \\\\ c", r"a \& b \textbackslash{}\textbackslash{} c"),
        ("50% of $x_1^2$ #3", r"50\% of \$x\_1\textasciicircum{}2\$ \#3"),
        ("two\nlines\x1b", "two lines"),
        ("--a --- b-c", "-{}-a -{}-{}- b-c"),
        ("`a' ?`b", r"\textasciigrave{}a\textquotesingle{} ?\textasciigrave{}b"),
        ("a|b <c> ~d", r"a\textbar{}b \textless{}c\textgreater{} \textasciitilde{}d"),
    ],
)
def test_nothing_in_a_cell_is_a_command(hostile: str, shown: str) -> None:
    assert escape(hostile) == shown


def test_a_table_without_rows_is_a_table() -> None:
    table = pd.DataFrame({"val. accuracy": pd.Series([], dtype=float)})
    assert r"\midrule" + "\n" + r"\bottomrule" in latex_table(table, caption="s")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_itself_sets_every_cell_as_it_is(tmp_path: Path) -> None:
    cells = [
        r"\input{x}",
        "50% of $x_1^2$ #3",
        "*em* _em_",
        "[x] & {y}",
        "--a --- b",
        "~^|<>",
    ]
    table = pd.DataFrame({"key_": cells, "val. accuracy": [0.5] * len(cells)})
    (tmp_path / "table.tex").write_text(latex_table(table, caption="a_b 5 % ±"))
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\usepackage[T1]{fontenc}\n"
        "\\input glyphtounicode\\pdfgentounicode=1\n"
        "\\begin{document}\\input{table}\\end{document}\n"
    )
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    if shutil.which("pdftotext"):
        subprocess.run(["pdftotext", "-layout", "t.pdf"], cwd=tmp_path, check=True)
        lines = (tmp_path / "t.txt").read_text().splitlines()
        shown = [line.split("0.50000")[0].strip() for line in lines if "0.50000" in line]
        assert shown == cells
