"""What the chapter on evaluation says of systems and shortcut baselines: results, paired comparisons, calibration, operating points.

Systems are name → scores of validation and test images, one frame per seed. Whatever is chosen (run, threshold,
temperature) is chosen on validation images; test images are only reported.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import calibration, metrics, operating_point, paired
from cxr_helpers.extras.statistics import decisions
from cxr_helpers.tables import results

# A missed pneumonia is taken to weigh as much as five false alarms: an assumption, not a finding.
RULES = {
    "youden": "largest sensitivity + specificity",
    "sensitivity>=0.95": "sensitivity of 0.95 or more",
    "sensitivity>=0.99": "sensitivity of 0.99 or more",
    "cost=5": "one miss weighs as five false alarms",
}
PREVALENCES = (0.05, 0.2, 0.625, 0.74)
_Systems = Mapping[str, Sequence[pd.DataFrame]]


def part(runs: Sequence[pd.DataFrame], split: str = "test") -> list[pd.DataFrame]:
    """Return the scores of one split, one frame per run."""
    return [scores[scores["split"] == split].reset_index(drop=True) for scores in runs]


def best_run(runs: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the run with the largest AUC on its validation images."""
    areas = [metrics.points(scores).roc_auc for scores in part(runs, "val")]
    return runs[int(np.argmax(areas))]


def thresholds(runs: Sequence[pd.DataFrame], rule: str = "youden") -> list[float]:
    """Return each run's operating point, chosen on its own validation images."""
    return [operating_point.choose(scores, rule) for scores in part(runs, "val")]


def system_table(systems: _Systems) -> pd.DataFrame:
    """Return one row per system: AUC on validation and on test, its spread over seeds, and test figures at a threshold.

    Accuracy, sensitivity and specificity are at each run's operating point (Youden, from validation).
    """
    rows = []
    for name, runs in systems.items():
        val, test = ([metrics.points(scores).roc_auc for scores in part(runs, split)] for split in ("val", "test"))
        found = metrics.evaluate_seeds(part(runs), thresholds(runs))
        row = {"system": name, "seeds": len(runs), "AUC on validation": np.mean(val)}
        row |= {"ROC AUC": results.cell(found.loc["roc_auc"]), "SD over seeds": np.std(test, ddof=1) if len(runs) > 1 else np.nan}
        rows.append(row | {metrics.TITLES[key]: results.cell(found.loc[key]) for key in ("accuracy", "recall", "specificity")})
    return pd.DataFrame(rows)


def pairs(systems: _Systems) -> pd.DataFrame:
    """Compare every two systems on the same test images, in AUC and in accuracy at the operating points from validation.

    Returns:
        One row per pair: system, against; for "auc" and "accuracy" the difference (system minus against) under the
        name itself, NAME_low and NAME_high (95 %), NAME_p, and NAME_holm, corrected over all tests of the table.
        Intervals: see `paired.auc_difference` and `metrics.difference`; p of the accuracy: `paired.clustered_mcnemar`.
    """
    test, limits = ({name: pick(runs) for name, runs in systems.items()} for pick in (part, thresholds))
    right = {name: paired.share_right(test[name], limits[name]) for name in systems}
    patients = metrics.aligned(next(iter(test.values())))[0].patient_id.to_numpy()
    rows = []
    for ours, theirs in itertools.combinations(systems, 2):
        found = {"auc": paired.auc_difference(test[ours], test[theirs])}
        found["accuracy"] = metrics.difference(test[ours], test[theirs], (limits[ours], limits[theirs])).loc["accuracy"]
        row = {"system": ours, "against": theirs}
        for name, gap in found.items():
            row |= {name: gap.value, f"{name}_low": gap.ci_low, f"{name}_high": gap.ci_high}
        p_values = {"auc_p": found["auc"].p_value}
        rows.append(row | p_values | {"accuracy_p": paired.clustered_mcnemar(right[ours], right[theirs], patients)})
    table = pd.DataFrame(rows)
    table["auc_holm"], table["accuracy_holm"] = np.split(paired.holm([*table.auc_p, *table.accuracy_p]), 2)
    return table


def against(table: pd.DataFrame, system: str) -> pd.DataFrame:
    """Return the rows of `pairs` that hold `system`, always system minus the other, as a page can hold them."""
    rows = []
    for pair in table[(table.system == system) | (table.against == system)].to_dict("records"):
        ours = pair["system"] == system
        row = {"against": pair["against" if ours else "system"]}
        for name, title in (("auc", "AUC"), ("accuracy", "accuracy")):
            value, low, high = (pair[key] for key in (name, f"{name}_low", f"{name}_high"))
            row[f"difference in {title} (95 % CI)"] = results.signed(*((value, low, high) if ours else (-value, -high, -low)))
            row |= {f"p, {title}": _p(pair[f"{name}_p"]), f"p, {title}, Holm": _p(pair[f"{name}_holm"])}
        rows.append(row)
    return pd.DataFrame(rows)


def exact(systems: _Systems, system: str) -> pd.DataFrame:
    """Return how many test images only `system` or only another is right about, and the exact p of McNemar's test.

    Of every system the run that is best on validation, at its operating point; p is not corrected, and takes images of
    one patient as independent.
    """
    right = {}
    for name, runs in systems.items():
        chosen = [best_run(runs)]
        right[name] = paired.share_right(part(chosen), thresholds(chosen))
    rows = []
    for name in right:
        if name != system:
            found = paired.exact_mcnemar(right[system], right[name])
            row = {"against": name, f"only {system} right": found.only_ours, "only the other right": found.only_theirs}
            rows.append(row | {"p, exact": _p(found.p_value)})
    return pd.DataFrame(rows)


def tempered(run: pd.DataFrame) -> tuple[float, pd.DataFrame]:
    """Return a run's temperature, fitted on its validation images, and its test scores at that temperature."""
    temperature = calibration.fit_temperature(*part([run], "val"))
    return temperature, calibration.tempered(*part([run]), temperature)


def calibration_table(run: pd.DataFrame) -> pd.DataFrame:
    """Return one row per measure of calibration: before and after temperature scaling, each beside a perfect model's."""
    temperature, after = tempered(run)
    columns = {}
    for title, scores in (("as recorded", *part([run])), (f"temperature {temperature:.2f}", after)):
        columns[f"{title} (95 % CI)"] = calibration.measure(scores).apply(results.cell, axis=1)
        columns[f"{title}, perfect (95 % range)"] = calibration.perfect(scores).apply(results.cell, axis=1)
    table = pd.DataFrame(columns).loc[list(calibration.TITLES)].rename(index=calibration.TITLES)
    return table.rename_axis("measure").reset_index()


def calibration_overview(systems: _Systems) -> pd.DataFrame:
    """Return one row per system, its run best on validation: temperature, and ECE and Brier score before and after."""
    rows = []
    for name, runs in systems.items():
        run = best_run(runs)
        temperature, after = tempered(run)
        before, scaled = calibration.measure(*part([run])), calibration.measure(after)
        row = {"system": name, "temperature": temperature}
        row |= {"ECE as recorded": results.cell(before.loc["ece_width"]), "ECE after": results.cell(scaled.loc["ece_width"])}
        row |= {"perfect": calibration.perfect(after).value.ece_width}
        rows.append(row | {"Brier as recorded": before.value.brier, "Brier after": scaled.value.brier})
    return pd.DataFrame(rows)


def prevalence_table(run: pd.DataFrame, rule: str = "youden") -> pd.DataFrame:
    """Return calibration and predictive values of a run on its test images, weighted to one prevalence a row.

    The tempered scores are corrected from the prevalence of the validation images, for which they were fitted; the
    first row is the images and the tempered scores as they are. The operating point stays the same throughout.
    """
    (limit,), (test,) = thresholds([run], rule), part([run])
    _, scores = tempered(run)
    source = part([run], "val")[0].y_true.mean()
    rows = []
    for prevalence in (None, *PREVALENCES):
        shown = scores if prevalence is None else calibration.prior_corrected(scores, source, prevalence)
        found = calibration.measure(shown, prevalence)
        values = decisions.rates(test, limit, prevalence)
        row = {"prevalence": f"{prevalence:.1%}" if prevalence else f"{test.y_true.mean():.1%}, scores not corrected"}
        row |= {"ECE": results.cell(found.loc["ece_width"]), "Brier score": results.cell(found.loc["brier"])}
        rows.append(row | {decisions.TITLES[name]: results.cell(values.loc[name]) for name in ("ppv", "npv")})
    return pd.DataFrame(rows)


def operating_points(run: pd.DataFrame) -> pd.DataFrame:
    """Return one column per rule of `RULES`: threshold, rates where it was chosen and on test, errors on test."""
    (val,), (test,) = part([run], "val"), part([run])
    columns = {}
    for rule, title in RULES.items():
        limit = operating_point.choose(val, rule)
        there, counts, values = metrics.points(val, limit), metrics.confusion(test, limit), decisions.rates(test, limit)
        column = {"Threshold": f"{limit:.3f}", "Sensitivity on validation": f"{there.recall:.3f}"}
        column |= {"Specificity on validation": f"{there.specificity:.3f}"}
        column |= {f"{name} on test": results.cell(values.loc[key]) for key, name in decisions.TITLES.items()}
        column |= {"Pneumonias missed": f"{counts['fn']} of {counts['fn'] + counts['tp']}"}
        columns[title] = column | {"False alarms": f"{counts['fp']} of {counts['fp'] + counts['tn']}"}
    return pd.DataFrame(columns).rename_axis("figure").reset_index()


def decision_panels(run: pd.DataFrame, prevalences: Sequence[float] = (0.625, 0.2)) -> dict[str, pd.DataFrame]:
    """Return title → decision curve of a run's test images, tempered, and corrected and weighted to each prevalence."""
    _, scores = tempered(run)
    source = part([run], "val")[0].y_true.mean()
    shown = {share: calibration.prior_corrected(scores, source, share) for share in prevalences}
    return {f"prevalence {share:.1%}": decisions.net_benefit(scores, share) for share, scores in shown.items()}


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
