"""Which explanation method passes which check.

Every check is a rule that was written down before any map was measured (`CHECKS`); an interval decides, never a mean alone.
"""

import dataclasses

import numpy as np
import pandas as pd

from cxr_helpers.explain import methods
from cxr_helpers.extras.saliency import map_measures as measures
from cxr_helpers.extras.saliency.map_measures import ADULT, CLEAN, DRAWN, LABELS, MARKED, RANK, TEST

FILE = "explanation_checks.csv"  # among the profile's tables
PASSES, FAILS, UNMEASURED = "passes", "fails", "–"
_ALL_RANDOM = "all weights random"
_MARKER = "which of two models uses a marker whose place is known"
_DEALT, _SHIFT, _NOISE = (measures.alike(RANK, what) for what in (measures.DEALT, measures.SHIFT, measures.NOISE))


@dataclasses.dataclass(frozen=True)
class Check:
    """A question that a method's maps pass or fail.

    `measure` of `model` on `data` (a model of None stands for the one that is looked at closely). `rule`: "controls": the
    method's interval lies above that of the best control; "chance": above one half; "unlike": the interval lies below, "like":
    above that of the rank correlation between seeds. `use`: what a method that passes may be believed for.
    """

    title: str
    data: str
    model: str | None
    measure: str
    rule: str
    use: str


CHECKS = (
    Check("finds the lesion", DRAWN, CLEAN, measures.energy(measures.LESION), "controls", "where a synthetic opacity lies"),
    Check("shows the shortcut", MARKED, measures.AGAINST, measures.SEPARATION, "chance", _MARKER),
    Check("stays in the lungs", ADULT, None, measures.energy(measures.LUNGS), "controls", "that evidence lies in the lungs"),
    Check("is faithful", TEST, None, measures.ROAD, "controls", "which regions the output depends on"),
    Check("needs the weights", TEST, LABELS, _ALL_RANDOM, "unlike", "that a map shows something the network learnt"),
    Check("needs the labels", TEST, LABELS, _DEALT, "unlike", "that a map shows something the labels taught"),
    Check("survives a shift", TEST, LABELS, _SHIFT, "like", "that an image moved by a pixel has the same map"),
    Check("survives noise", TEST, LABELS, _NOISE, "like", "that a little noise leaves the map as it is"),
)


def verdicts(table: pd.DataFrame, studied: str) -> pd.DataFrame:
    """Return one row a method, one column a check: "passes", "fails" or "–" (not measured)."""
    names = [name for name in methods.METHODS if name in set(table.method)]
    columns = {check.title: _verdicts(table, check, check.model or studied) for check in CHECKS}
    cells = {title: [found.get(name, UNMEASURED) for name in names] for title, found in columns.items()}
    return pd.DataFrame({"method": [measures.title(name) for name in names]} | cells)


def best(table: pd.DataFrame, check: Check, studied: str) -> tuple[pd.DataFrame, int, pd.Series | None]:
    """Return the rows of the methods with the largest value of a check's measure, how many were tried, and the best control's."""
    rows = measures.part(table, check.data, check.model or studied, check.measure)
    tried = rows[rows.index.isin(list(methods.METHODS))]
    return tried[np.isclose(tried.value, tried.value.max())], len(tried), measures.best_control(rows)


def _verdicts(table: pd.DataFrame, check: Check, model: str) -> dict[str, str]:
    """Return, by method, whether it passes."""
    if check.measure == _ALL_RANDOM:
        rows = measures.cascade(table, model).query("share == 1").set_index("method")
    else:
        rows = measures.part(table, check.data, model, check.measure)
    control = measures.best_control(rows) if check.rule == "controls" else None
    seeds = measures.part(table, check.data, model, measures.alike(RANK, measures.SEEDS))
    found = {}
    for row in rows[rows.index.isin(list(methods.METHODS))].itertuples():
        if check.rule == "chance":
            good = row.ci_low > 0.5
        elif check.rule == "controls":
            good = row.ci_low > control.ci_high
        elif row.Index not in seeds.index:
            continue
        else:
            yardstick = seeds.loc[row.Index]
            good = row.ci_high < yardstick.ci_low if check.rule == "unlike" else row.ci_low > yardstick.ci_high
        found[row.Index] = PASSES if good else FAILS
    return found
