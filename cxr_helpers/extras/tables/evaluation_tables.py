"""Networks and shortcut baselines in the chapter on evaluation: paired comparisons, calibration.

Scores are name → scores of validation and test images, one frame per seed; limits are name → operating points, one a seed, as
`selection.thresholds` gives them. Test images are only reported.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.statistics import paired
from cxr_helpers.tables import selection, statistics

_Scores = Mapping[str, Sequence[pd.DataFrame]]
_Limits = Mapping[str, Sequence[float]]


def pairs(scores: _Scores, limits: _Limits) -> pd.DataFrame:
    """Compare every two experiments on the same test images, in AUC and in accuracy at their operating points.

    Returns:
        One row per pair: experiment, against; for "auc" and "accuracy" the difference (experiment minus against) under the
        name itself, NAME_low and NAME_high (95 %), NAME_p, and NAME_holm, corrected over all tests of the table.
        Intervals: see `paired.auc_difference` and `metrics.difference`; p of the accuracy: `paired.clustered_mcnemar`.
    """
    test = {name: selection.part(runs) for name, runs in scores.items()}
    right = {name: paired.share_right(test[name], limits[name]) for name in scores}
    patients = metrics.aligned(next(iter(test.values())))[0].patient_id.to_numpy()
    rows = []
    for ours, theirs in itertools.combinations(scores, 2):
        area = paired.auc_difference(test[ours], test[theirs])
        gap = metrics.difference(test[ours], test[theirs], (limits[ours], limits[theirs])).loc["accuracy"]
        row = {"experiment": ours, "against": theirs} | statistics.columns("auc", area) | statistics.columns("accuracy", gap)
        p_values = {"auc_p": area.p_value, "accuracy_p": paired.clustered_mcnemar(right[ours], right[theirs], patients)}
        rows.append(row | p_values)
    table = pd.DataFrame(rows)
    table["auc_holm"], table["accuracy_holm"] = np.split(paired.holm([*table.auc_p, *table.accuracy_p]), 2)
    return table


def against(table: pd.DataFrame, experiment: str) -> pd.DataFrame:
    """Return the rows of `pairs` that have `experiment` on the left, as the page shows them."""
    names = {"against": "against"}
    for key, title in (("auc", "AUC"), ("accuracy", "accuracy")):
        names |= {f"{key}{end}": f"difference in {title} (95 % CI){end}" for end in ("", "_low", "_high")}
        names |= {f"{key}_p": f"p, {title}", f"{key}_holm": f"p, {title}, Holm"}
    return shown(table[table.experiment == experiment][list(names)].rename(columns=names).to_dict("records"))


def calibration_errors(scores: _Scores) -> pd.DataFrame:
    """Return one row per experiment, its first seed: ECE and Brier score on test beside perfectly calibrated scores.

    `bound`: 97.5 % of draws of labels from the scores have a smaller ECE.
    """
    rows = []
    for name, (first, *_) in scores.items():
        (test,) = selection.part([first])
        found, perfect = metrics.evaluate(test), metrics.perfect(test).loc["ece"]
        above = "yes" if found.value["ece"] > perfect.ci_high else "no"
        row = {"experiment": name} | statistics.columns("ECE", found.loc["ece"])
        row |= {"perfectly calibrated": perfect.value, "bound": perfect.ci_high, "above the bound": above}
        rows.append(row | statistics.columns("Brier score", found.loc["brier"]))
    return pd.DataFrame(rows)


def shown(rows: list[dict]) -> pd.DataFrame:
    """Return a table whose differences are shown with their sign and p values by their size."""
    forms = {"difference": "{:+.3f}", "p, ": lambda value: "<0.001" if value < 0.001 else 3}
    names = {name for row in rows for name in row}
    return statistics.shown_as(rows, {name: form for start, form in forms.items() for name in names if name.startswith(start)})
