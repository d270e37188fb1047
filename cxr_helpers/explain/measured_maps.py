"""What `cxr measure-maps` stored on maps beside what radiologists drew: rows of its two tables."""

import pandas as pd

LESIONS = ("nih_boxes", "lesion_masks")  # sets on which lesions were drawn
AREA = "precision-recall area"


def row(measures: pd.DataFrame, data: str, method: str, measure: str, model: str = "final") -> pd.Series:
    """Return value, ci_low, ci_high and n of a method's maps of a model on a set, from explanation_measures.csv."""
    chosen = (measures.method == method) & (measures.measure == measure) & (measures.data == data) & (measures.model == model)
    return measures[chosen].iloc[0]


def beaten(compared: pd.DataFrame, control: str) -> str:
    """Return how many pairs of method and set of drawn lesions have a larger precision-recall area than a control (Holm)."""
    chosen = (compared.control == control) & (compared.model == "final") & (compared.measure == AREA)
    rows = compared[chosen & compared.data.isin(LESIONS)]
    return f"{int(((rows.p_holm < 0.05) & (rows.value > 0)).sum())} of {len(rows)}"
