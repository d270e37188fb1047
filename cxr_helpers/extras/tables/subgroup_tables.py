"""What the chapter on evaluation says of parts of the test images: sizes, folders, failures.

Scores are name → scores of validation and test images, one frame per seed, as in `evaluation_tables`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.statistics import like_widths, paired
from cxr_helpers.extras.tables import evaluation_tables as evaluated
from cxr_helpers.tables import selection, statistics

_Scores = Mapping[str, Sequence[pd.DataFrame]]


def like_width(scores: _Scores, images: pd.DataFrame) -> pd.DataFrame | None:
    """Return one row per experiment: AUC over all pairs of test images, over pairs of like width, and their difference.

    `attrs` has the "pairs" of like width and their "share" of all; None where the widths in the manifest are not known.
    """
    if images.width.isna().any():
        return None
    widths, rows = images.set_index("image_id").width, []
    for name, runs in scores.items():
        found, row = like_widths.auc(selection.part(runs), widths), {"experiment": name}
        for title, kind in (*[(kind, kind) for kind in found.index[:2]], ("difference (95 % CI)", like_widths.DIFFERENCE)):
            row |= statistics.columns(title, found.loc[kind])
        rows.append(row)
    table = evaluated.shown(rows)
    table.attrs |= found.attrs
    return table


def folders(folds: Sequence[pd.DataFrame], official: Sequence[pd.DataFrame], images: pd.DataFrame) -> pd.DataFrame:
    """Set the AUC of cross-validation by patient beside that of the official split, on the same images.

    Args:
        folds: scores of all left-out images, one frame per seed (`selection.pooled`).
        official: scores of an experiment trained without the test folder, one frame per seed.
        images: the manifest, with image_id, patient_id, folder and pathogen.

    Returns:
        One row per set of images: images, n, "by folds" and "by the official split" (AUC), and difference (folds minus
        official, paired, see `paired.auc_difference`). The last two rows split the pneumonias of the test folder by
        whether their person's number also occurs, with whatever pathogen, in the other folders.
    """
    facts = images.set_index("image_id")
    in_test, normal = facts.folder == "test", facts.y_true == 0
    number = facts.patient_id.str.removesuffix("_bacteria").str.removesuffix("_virus")
    shared = number.isin(number[~in_test & ~normal])
    parts = {"other folders": ~in_test, "test folder": in_test}
    parts |= {
        "test folder, pneumonias whose number occurs elsewhere": in_test & (normal | shared),
        "test folder, pneumonias whose number does not": in_test & (normal | ~shared),
    }
    rows = []
    for title, inside in parts.items():
        ours, theirs = ([scores[scores.image_id.isin(facts.index[inside])] for scores in runs] for runs in (folds, official))
        if known := set(ours[0].image_id) & set(theirs[0].image_id):  # none of the folders that the official split learns from
            ours, theirs = ([scores[scores.image_id.isin(known)] for scores in runs] for runs in (ours, theirs))
        if ours[0].y_true.nunique() == 2:
            row = {"images": title, "n": len(ours[0])}
            for name, runs in (("by folds", ours), ("by the official split", theirs)):
                row |= statistics.columns(name, metrics.evaluate(runs).loc["roc_auc"] if len(runs[0]) else None)
            rows.append(row | statistics.columns("difference (95 % CI)", paired.auc_difference(ours, theirs) if known else None))
    return evaluated.shown(rows)


def errors(answers: pd.DataFrame, images: pd.DataFrame, folds: pd.DataFrame) -> pd.DataFrame:
    """Return every wrong answer (see `selection.answers`) with what may explain it, false alarms first, the surest first.

    Beside image_id, label, y_score and predicted: pathogen, published width, brightness (mean grey value, as a percentile of its
    class), y_score out of fold, by models that did not learn from the image, and whether they doubt the label ("" if unknown).
    """
    facts = images.set_index("image_id")
    bright = facts.groupby("label")["mean"].rank(pct=True) * 100
    unseen = folds.assign(doubted=doubted(folds)).set_index("image_id").reindex(answers.image_id)
    table = answers.assign(
        pathogen=facts.pathogen.reindex(answers.image_id).to_numpy(),
        width=facts.width.reindex(answers.image_id).to_numpy(),
        brightness=bright.reindex(answers.image_id).to_numpy(),
        out_of_fold=unseen.y_score.to_numpy(),
        label_doubted=unseen.doubted.map({True: "yes", False: "no"}).fillna("").to_numpy(),
    )
    return table[~table.correct].sort_values(["label", "confidence"], ascending=[True, False], ignore_index=True)


def doubted(scores: pd.DataFrame) -> np.ndarray:
    """Return (N,) bool: images that are, on average over their class, as surely of the other class as that class' own images.

    Confident learning (Northcutt et al. 2021). `scores` are out of fold, as `metrics` takes them. A doubt is no finding: a model
    errs, too.
    """
    ill = scores.y_true.to_numpy() == 1
    p = scores.y_score.to_numpy(float)
    sure_ill, sure_well = p[ill].mean(), (1 - p[~ill]).mean()
    return np.where(ill, (1 - p >= sure_well) & (p < 0.5), (p >= sure_ill) & (p >= 0.5))
