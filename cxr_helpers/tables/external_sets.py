"""The final model on images of other hospitals: which images make a figure, by whose labels, and what their mask gives away."""

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import statistics
from cxr_helpers.training import rescoring

ADULT_AGE = 18  # years
# Name -> (what the figure is of, its goal for the AUC or None); fixed before a model was chosen, and no choice was made on them.
SETS = {
    "nih_radiologists": ("NIH, radiologists' class", 0.90),
    "nih_radiologists_ap": ("NIH, radiologists' class, view AP", None),
    "nih_radiologists_pa": ("NIH, radiologists' class, view PA", None),
    "nih_text_mined": ("NIH, labels mined from reports", None),
    "nih_children": ("NIH, children, labels mined from reports", None),
    "external_adult": ("case reports, adults", 0.85),
    "rsna_lungs_ap": ("RSNA, lungs alone, view AP", 0.80),
    "rsna_lungs_pa": ("RSNA, lungs alone, view PA", 0.80),
    "rsna_lungs_children": ("RSNA, lungs alone, children", None),
}
STORED = ("nih_radiologists", "nih_children", "external_adult", "rsna_lungs_ap", "rsna_lungs_pa")  # in final_model.json


def scores(run: Record, profile: str) -> dict[str, pd.DataFrame]:
    """Return the scores behind each name of `SETS` whose images the run has scored, as `metrics` takes them."""
    found, adults = {}, rescoring.of(run, profile, rescoring.EXTERNAL)
    if adults is not None:
        found["external_adult"] = adults
    nih, lungs = (rescoring.stored(run, name) for name in (rescoring.NIH, rescoring.LUNGS))
    if nih is not None:
        judged = _judged(nih)
        found |= {"nih_radiologists": judged, "nih_text_mined": nih, "nih_children": nih[_young(nih)]}
        found |= {f"nih_radiologists_{view.lower()}": judged[judged["view"] == view] for view in ("AP", "PA")}
    if lungs is not None:
        judged = _judged(lungs)
        found |= {f"rsna_lungs_{view.lower()}": judged[judged["view"] == view] for view in ("AP", "PA")}
        found["rsna_lungs_children"] = judged[_young(judged)]
    return {name: found[name].reset_index(drop=True) for name in SETS if name in found}


def figures(scored: dict[str, pd.DataFrame]) -> dict[str, dict]:
    """Return auc, auc_ci, n and n_normal of each name of `STORED` that was scored."""
    rows = {}
    for name in filter(scored.__contains__, STORED):
        area = metrics.evaluate(scored[name]).loc["roc_auc"].astype(float)
        counted = {"n": len(scored[name]), "n_normal": int((scored[name].y_true == 0).sum())}
        rows[name] = {"auc": area.value, "auc_ci": [area.ci_low, area.ci_high], **counted}
    return rows


def table(scored: dict[str, pd.DataFrame], threshold: float) -> pd.DataFrame:
    """Return one row per set: images, normal ones, those of children, figures at the threshold, goal, AUC of the mask alone."""
    rows = []
    for name, part in scored.items():
        title, goal = SETS[name]
        found = metrics.evaluate(part, threshold)
        row = {"images of": title, "n": len(part), "normal": int((part.y_true == 0).sum())}
        row |= {"children": int(_young(part).sum()) if "age" in part else 0, "goal, AUC": goal or np.nan}
        for key in ("roc_auc", "recall", "specificity"):
            row |= statistics.columns(metrics.TITLES[key], found.loc[key])
        masked = part.assign(y_score=part.by_mask) if "by_mask" in part else None
        rows.append(
            row | statistics.columns("AUC, mask alone", None if masked is None else metrics.evaluate(masked).loc["roc_auc"])
        )
    return statistics.shown_as(rows, {"goal, AUC": 2, "n": 0, "normal": 0, "children": 0})


def _judged(images: pd.DataFrame) -> pd.DataFrame:
    """Return the images that radiologists called opacity or normal, labelled by them."""
    judged = images[images.finding.isin(["Lung Opacity", "Normal"])]
    return judged.assign(y_true=(judged.finding == "Lung Opacity").astype(int))


def _young(images: pd.DataFrame) -> pd.Series:
    return pd.to_numeric(images.age) < ADULT_AGE
