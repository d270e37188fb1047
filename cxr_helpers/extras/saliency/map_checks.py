"""Which explanation method passes which check.

Every check is a rule that was written down before any map was measured (`CHECKS`); an interval decides, never a mean alone.
"""

import dataclasses

import numpy as np
import pandas as pd

from cxr_helpers.extras.saliency import every_method
from cxr_helpers.extras.saliency import map_measures as measures
from cxr_helpers.extras.saliency.map_measures import ADULT, RANK, TEST

FILE = "explanation_checks.csv"  # among the profile's tables
PASSES, FAILS, UNMEASURED = "passes", "fails", "–"
_ALL_RANDOM = "all weights random"


@dataclasses.dataclass(frozen=True)
class Check:
    """A question that a method's maps pass or fail.

    `measure` on `data`. `rule`: "controls": the method's interval lies above that of the best control; "unlike": it lies
    below, "like": above that of the rank correlation between seeds. `use`: what a method that passes may be believed for.
    """

    title: str
    data: str
    measure: str
    rule: str
    use: str


CHECKS = (
    Check("stays in the lungs", ADULT, measures.energy(measures.LUNGS), "controls", "that evidence lies in the lungs"),
    Check("is faithful", TEST, measures.ROAD, "controls", "which regions the output depends on"),
    Check("needs the weights", TEST, _ALL_RANDOM, "unlike", "that a map shows something the network learnt"),
    Check("survives a shift", TEST, measures.alike(RANK, measures.SHIFT), "like", "that an image moved by a pixel keeps its map"),
    Check("survives noise", TEST, measures.alike(RANK, measures.NOISE), "like", "that a little noise leaves the map as it is"),
)


def verdicts(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return one row a method, one column a check of its maps of `model`: "passes", "fails" or "–" (not measured)."""
    names = [name for name in every_method.found() if name in set(table.method)]
    columns = {check.title: _verdicts(table, check, model) for check in CHECKS}
    cells = {title: [found.get(name, UNMEASURED) for name in names] for title, found in columns.items()}
    return pd.DataFrame({"method": [measures.title(name) for name in names]} | cells)


def best(table: pd.DataFrame, check: Check, model: str) -> tuple[pd.DataFrame, int, pd.Series | None]:
    """Return the rows of the methods with the largest value of a check's measure, how many were tried, and the best control's."""
    rows = measures.part(table, check.data, model, check.measure)
    tried = rows[rows.index.isin(list(every_method.found()))]
    return tried[np.isclose(tried.value, tried.value.max())], len(tried), measures.best_control(rows)


def _verdicts(table: pd.DataFrame, check: Check, model: str) -> dict[str, str]:
    """Return, by method, whether it passes."""
    rows = measures.part(table, check.data, model, check.measure)
    if check.measure == _ALL_RANDOM:
        rows = measures.cascade(table, model).query("share == 1").set_index("method")
    if rows.empty:
        return {}
    if check.rule == "controls":
        good = rows.ci_low > measures.best_control(rows).ci_high
    else:
        seeds = measures.part(table, check.data, model, measures.alike(RANK, measures.SEEDS))
        rows = rows[rows.index.isin(seeds.index)]
        seeds = seeds.loc[rows.index]
        good = rows.ci_high < seeds.ci_low if check.rule == "unlike" else rows.ci_low > seeds.ci_high
    return good[good.index.isin(list(every_method.found()))].map({True: PASSES, False: FAILS}).to_dict()
