"""The section on what each setting does: a table of gains, and how much each key explains."""

from __future__ import annotations

import pandas as pd

from hpsearch.reporting import cells
from hpsearch.reporting.effects import effects, variance_shares
from hpsearch.tracking.study import Study

__all__ = ["gains_notes", "gains_table"]

MOST_INTERACTIONS = 2
LEAST_SHARE = 0.01  # an interaction below it is not worth a word


def gains_table(study: Study) -> pd.DataFrame:
    """One row a level but the one it is compared with; all cells texts.

    Empty where no two points tell of the same level: the table of the points then says it all.
    """
    found = effects(study)
    if all(each.pairs < 2 for each in found):
        return pd.DataFrame()
    columns = {
        "key": [each.key for each in found],
        "level": [each.level for each in found],
        "against": [each.reference for each in found],
        "pairs": [str(each.pairs) for each in found],
        "Δ val. accuracy": [cells.signed(each.gain) for each in found],
        "95 %": [cells.interval(each.interval) for each in found],
        "p": [cells.p_value(each.p) for each in found],
    }
    table = pd.DataFrame(columns)
    return table.loc[:, [not table[c].eq(cells.BLANK).all() for c in table.columns]]


def gains_notes(study: Study) -> list[str]:
    """How the gains were come by, and the shares of the variance; sentences."""
    how = (
        "Δ: the mean over pairs of points that differ in this key alone. 95 % and p: t "
        "distribution and paired t test over these pairs, p-values corrected for all rows (Holm)."
    )
    return [how, *_shares(study)]


def _shares(study: Study) -> list[str]:
    shares = variance_shares(study)
    alone = [f"{of[0]} explains {share:.1%}" for of, share in shares.items() if len(of) == 1]
    both = [
        f"{' with '.join(of)} {share:.1%}"
        for of, share in shares.items()
        if len(of) > 1 and share >= LEAST_SHARE
    ][:MOST_INTERACTIONS]
    if not alone:
        return []
    text = f"Of the variance between the points {', '.join(alone)}"
    return [f"{text}; the strongest interactions: {', '.join(both)}." if both else f"{text}."]
