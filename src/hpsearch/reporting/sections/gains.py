"""The section on what each setting does: a table of gains, and how much each key explains.

A full grid has shares of the variance; any other search has PED-ANOVA's importances, and the ranges
of the best points for keys that were drawn from an interval.
"""

from __future__ import annotations

import pandas as pd

from hpsearch.reporting.analysis.differences import SIGNIFICANT
from hpsearch.reporting.analysis.effects import effects, variance_shares
from hpsearch.reporting.analysis.importances import best_ranges, weighed_keys
from hpsearch.reporting.analysis.points import points
from hpsearch.reporting.layout import DIGITS
from hpsearch.reporting.sections import cells
from hpsearch.tracking.study import Study

__all__ = ["gains_notes", "gains_table"]

MOST_INTERACTIONS = 2
LEAST_SHARE = 0.01  # an interaction below it is not worth a word


def gains_table(study: Study, *, digits: int = DIGITS) -> pd.DataFrame:
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
        "Δ val. accuracy": [cells.signed(each.gain, digits) for each in found],
        "95 %": [cells.interval(each.interval, digits) for each in found],
        "p": [cells.p_value(each.p) for each in found],
    }
    table = pd.DataFrame(columns)
    return table.loc[:, [not table[c].eq(cells.BLANK).all() for c in table.columns]]


def gains_notes(study: Study) -> list[str]:
    """How the gains were come by, and what each key explains; sentences. There may be some
    without a table: keys drawn from an interval have no levels."""
    how = (
        "Δ: the mean over pairs of points that differ in this key alone. 95 % and p: t "
        "distribution and paired t test over these pairs, p-values corrected for all rows (Holm)."
    )
    shown = [] if gains_table(study).empty else [how]
    return [*shown, *(_shares(study) or _importances(study)), *_ranges(study)]


def _importances(study: Study) -> list[str]:
    found = weighed_keys(study)
    if not found:
        return []
    told = [f"{each.key} {each.share:.0%}" for each in found if each.p < SIGNIFICANT]
    rest = [each.key for each in found if each.p >= SIGNIFICANT]
    best, of = found[0].best
    what = (
        f"What tells the best {best} of {of} points from all of them (PED-ANOVA, Watanabe et al. "
        "2023, shares of the divergence beyond chance)"
    )
    if not told:
        return [f"{what}: no key does so more than chance would."]
    chance = f"; for {', '.join(rest)} chance would do as well" if rest else ""
    return [f"{what}: {', '.join(told)}{chance}."]


def _ranges(study: Study) -> list[str]:
    """Of keys that matter: the best points have some range of the others as well, by chance."""
    by_chance = {each.key for each in weighed_keys(study) if each.p >= SIGNIFICANT}
    count = len(points(study))
    return [
        f"The best {each.best} of {count} points have {each.key} between {each.low:.3g} and "
        f"{each.high:.3g}; all have it between {each.lowest:.3g} and {each.highest:.3g}."
        for each in best_ranges(study)
        if each.key not in by_chance
    ]


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
