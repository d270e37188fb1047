"""Networks and shortcut baselines in the chapter on evaluation: results, paired comparisons, calibration, operating points.

Scores are name → scores of validation and test images, one frame per seed. Whatever is chosen (run, threshold,
temperature) is chosen on validation images; test images are only reported.
"""

import functools
import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import calibration, metrics, operating_point
from cxr_helpers.extras.statistics import decision_rules, paired, temperature_scaling
from cxr_helpers.tables import selection, statistics

# A missed pneumonia is taken to weigh as much as five false alarms: an assumption, not a finding.
RULES = {
    "largest sensitivity + specificity": operating_point.choose,
    "sensitivity of 0.95 or more": functools.partial(decision_rules.at_sensitivity, least=0.95),
    "sensitivity of 0.99 or more": functools.partial(decision_rules.at_sensitivity, least=0.99),
    "one miss weighs as five false alarms": functools.partial(decision_rules.least_cost, cost=5),
}
_Scores = Mapping[str, Sequence[pd.DataFrame]]


def best_run(runs: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the run with the largest AUC on its validation images."""
    areas = [metrics.points(scores).roc_auc for scores in selection.part(runs, "val")]
    return runs[int(np.argmax(areas))]


def thresholds(runs: Sequence[pd.DataFrame]) -> list[float]:
    """Return each run's operating point, chosen on its own validation images."""
    return [operating_point.choose(scores) for scores in selection.part(runs, "val")]


def results(scores: _Scores) -> pd.DataFrame:
    """Return one row per experiment: AUC on validation and on test, its spread over seeds, and test figures at a threshold.

    Accuracy, sensitivity and specificity are at each run's operating point (Youden, from validation).
    """
    rows = []
    for name, runs in scores.items():
        val, test = ([metrics.points(part).roc_auc for part in selection.part(runs, split)] for split in ("val", "test"))
        found = metrics.evaluate_seeds(selection.part(runs), thresholds(runs))
        row = {"experiment": name, "seeds": len(runs), "AUC on validation": np.mean(val)}
        row |= statistics.columns("ROC AUC", found.loc["roc_auc"])
        row |= {"SD over seeds": np.std(test, ddof=1) if len(runs) > 1 else np.nan}
        for key in ("accuracy", "recall", "specificity"):
            row |= statistics.columns(metrics.TITLES[key], found.loc[key])
        rows.append(row)
    return pd.DataFrame(rows)


def pairs(scores: _Scores) -> pd.DataFrame:
    """Compare every two experiments on the same test images, in AUC and in accuracy at the operating points from validation.

    Returns:
        One row per pair: experiment, against; for "auc" and "accuracy" the difference (experiment minus against) under the
        name itself, NAME_low and NAME_high (95 %), NAME_p, and NAME_holm, corrected over all tests of the table.
        Intervals: see `paired.auc_difference` and `metrics.difference`; p of the accuracy: `paired.clustered_mcnemar`.
    """
    test, limits = ({name: pick(runs) for name, runs in scores.items()} for pick in (selection.part, thresholds))
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
    """Return the rows of `pairs` that hold `experiment`, always that minus the other."""
    rows = []
    for pair in table[(table.experiment == experiment) | (table.against == experiment)].to_dict("records"):
        ours = pair["experiment"] == experiment
        row = {"against": pair["against" if ours else "experiment"]}
        for name, title in (("auc", "AUC"), ("accuracy", "accuracy")):
            value, low, high = (pair[key] for key in (name, f"{name}_low", f"{name}_high"))
            found = (value, low, high) if ours else (-value, -high, -low)
            row |= dict(zip(statistics.columns(f"difference in {title} (95 % CI)", None), found, strict=True))
            row |= {f"p, {title}": pair[f"{name}_p"], f"p, {title}, Holm": pair[f"{name}_holm"]}
        rows.append(row)
    return shown(rows)


def tempered(run: pd.DataFrame) -> tuple[float, pd.DataFrame]:
    """Return a run's temperature, fitted on its validation images, and its test scores at that temperature."""
    temperature = temperature_scaling.fit(*selection.part([run], "val"))
    return temperature, temperature_scaling.tempered(*selection.part([run]), temperature)


def calibration_table(run: pd.DataFrame) -> pd.DataFrame:
    """Return one row per measure of calibration: before and after temperature scaling, each beside a perfect model's."""
    temperature, after = tempered(run)
    stages = {"as recorded": selection.part([run])[0], f"temperature {temperature:.2f}": after}
    found = {title: (metrics.evaluate(scores), calibration.perfect(scores)) for title, scores in stages.items()}
    rows = []
    for name in calibration.MEASURES:
        row = {"measure": metrics.TITLES[name]}
        for title, (ours, perfect) in found.items():
            row |= statistics.columns(f"{title} (95 % CI)", ours.loc[name])
            row |= statistics.columns(f"{title}, perfect (95 % range)", perfect.loc[name] if name in perfect.index else None)
        rows.append(row)
    return pd.DataFrame(rows)


def calibration_overview(scores: _Scores) -> pd.DataFrame:
    """Return one row per experiment, its run best on validation: temperature, and ECE and Brier score before and after."""
    rows = []
    for name, runs in scores.items():
        run = best_run(runs)
        temperature, after = tempered(run)
        before, scaled = metrics.evaluate(*selection.part([run])), metrics.evaluate(after)
        row = {"experiment": name, "temperature": temperature}
        row |= statistics.columns("ECE as recorded", before.loc["ece"])
        row |= statistics.columns("ECE after", scaled.loc["ece"]) | {"perfect": calibration.perfect(after).value.ece}
        rows.append(row | {"Brier as recorded": before.value.brier, "Brier after": scaled.value.brier})
    return pd.DataFrame(rows)


def operating_points(run: pd.DataFrame) -> pd.DataFrame:
    """Return one column (with its bounds) per rule of `RULES`: threshold, rates where it was chosen, and rates on test."""
    (val,), (test,) = selection.part([run], "val"), selection.part([run])
    columns = {}
    for title, choose in RULES.items():
        limit = choose(val)
        there, values = metrics.points(val, limit), metrics.evaluate(test, limit).loc[["recall", "specificity", "precision"]]
        chosen = {"Threshold": limit, "Sensitivity on validation": there.recall, "Specificity on validation": there.specificity}
        column = pd.concat([pd.DataFrame({"value": chosen}), values.rename(lambda key: f"{metrics.TITLES[key]} on test")])
        columns |= {f"{title}{end}": column[name] for end, name in (("", "value"), ("_low", "ci_low"), ("_high", "ci_high"))}
    return pd.DataFrame(columns).rename_axis("figure").reset_index()


def shown(rows: list[dict]) -> pd.DataFrame:
    """Return a table whose differences are shown with their sign and p values by their size."""
    forms = {"difference": "{:+.3f}", "p, ": lambda value: "<0.001" if value < 0.001 else 3}
    names = {name for row in rows for name in row}
    return statistics.shown_as(rows, {name: form for start, form in forms.items() for name in names if name.startswith(start)})
