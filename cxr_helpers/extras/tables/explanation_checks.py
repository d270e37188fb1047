"""Which explanation method passes which check, and what follows from it.

Every check is a rule that was written down before any map was measured (`CHECKS`); an interval decides, never a mean alone.
"""

import dataclasses

import numpy as np
import pandas as pd

from cxr_helpers.explain import methods
from cxr_helpers.extras.tables import explanation_tables as measures
from cxr_helpers.extras.tables.explanation_tables import ADULT, CLEAN, DRAWN, LABELS, MARKED, RANK, TEST
from cxr_helpers.tables import results

PASSES, FAILS, UNMEASURED = "passes", "fails", "–"
_ALL_RANDOM = "all weights random"
_MARKER = "which of two models uses a marker whose place is known"
_DEALT, _SHIFT, _NOISE = (measures.alike(RANK, what) for what in (measures.DEALT, measures.SHIFT, measures.NOISE))


@dataclasses.dataclass(frozen=True)
class Check:
    """A question that a method's maps pass or fail.

    `measure` of `model` on `data` (a model of None stands for the system that is looked at closely). `rule`: "controls": the
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
    Check("finds the lesion", DRAWN, CLEAN, measures.energy(measures.LESION), "controls", "where a drawn opacity lies"),
    Check("shows the shortcut", MARKED, measures.AGAINST, measures.SEPARATION, "chance", _MARKER),
    Check("stays in the lungs", ADULT, None, measures.energy(measures.LUNGS), "controls", "that evidence lies in the lungs"),
    Check("is faithful", TEST, None, measures.ROAD, "controls", "which regions the answer depends on"),
    Check("needs the weights", TEST, LABELS, _ALL_RANDOM, "unlike", "that a map shows something the network learnt"),
    Check("needs the labels", TEST, LABELS, _DEALT, "unlike", "that a map shows something the labels taught"),
    Check("survives a shift", TEST, LABELS, _SHIFT, "like", "that an image moved by a pixel has the same map"),
    Check("survives noise", TEST, LABELS, _NOISE, "like", "that a little noise leaves the map as it is"),
)


def verdicts(table: pd.DataFrame, studied: str) -> pd.DataFrame:
    """Return one row a method, one column a check: "passes", "fails" or "–" (not measured)."""
    columns = {check.title: _verdicts(table, check, check.model or studied) for check in CHECKS}
    known = [name for name in methods.METHODS if name in set(table.method)]
    rows = [{key: found.get(name, UNMEASURED) for key, found in columns.items()} for name in known]
    return pd.DataFrame(rows).assign(method=[measures.title(name) for name in known])[["method", *columns]]


def conclusions(table: pd.DataFrame, found: pd.DataFrame, studied: str) -> list[str]:
    """Return sentences on which methods may be believed for what; `found` are the `verdicts`."""
    sentences = []
    for check in CHECKS:
        passed, failed = (list(found.method[found[check.title] == verdict]) for verdict in (PASSES, FAILS))
        if passed or failed:
            who = f"believe **{', '.join(passed)}**" if passed else "believe **no method**"
            but = f", not {', '.join(failed)}" if passed and failed else ""
            sentences.append(f"- For *{check.use}* ({check.title}): {who}{but}.{_leader(table, check, check.model or studied)}")
    tried = found.set_index("method")
    whole = [name for name, row in tried.iterrows() if FAILS not in set(row)]
    failures = (tried == FAILS).sum(axis=1)
    first = f"{', '.join(whole)} failed none of the checks that they were put to" if whole else "Every method failed some check"
    worst = ", ".join(failures.index[failures == failures.max()])
    return [*sentences, f"{first}; the most, {failures.max()}, were failed by {worst}."]


def _leader(table: pd.DataFrame, check: Check, model: str) -> str:
    """Return a sentence with the best method's figure, beside the best control's where controls are the rule."""
    if check.rule not in ("controls", "chance"):
        return ""
    rows = measures.part(table, check.data, model, check.measure)
    best, control = rows[rows.index.isin(list(methods.METHODS))], measures.best_control(rows)
    first = best[np.isclose(best.value, best.value.max())]
    who = ", ".join(map(measures.title, first.index)) if len(first) < len(best) or len(best) == 1 else f"all {len(best)} methods"
    beside = f", {measures.title(control.name)} {results.cell(control)}" if control is not None else ""
    return f" Best {check.measure}: {who} {results.cell(first.iloc[0])}{beside}."


def _verdicts(table: pd.DataFrame, check: Check, model: str) -> dict[str, str]:
    """Return, by method, whether it passes."""
    rows = _rows(table, check, model)
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


def _rows(table: pd.DataFrame, check: Check, model: str) -> pd.DataFrame:
    """Return the rows that a check looks at, indexed by method."""
    if check.measure != _ALL_RANDOM:
        return measures.part(table, check.data, model, check.measure)
    found = measures.cascade(table, model)
    return found[found.share == 1].set_index("method")
