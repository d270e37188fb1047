"""Recipes of training, one change at a time: ranked on corrupted validation images, with the test images beside them to be read.

Every recipe nearly separates the validation images as they are, which come from the training folder; the test folder is
another. So recipes are ranked by how they do on validation images that were corrupted (`rescoring.VALIDATION`), by their
mean cross-entropy there: it grows with wrong answers, and with sure wrong ones the most. Rule and corruptions were fixed
before the first recipe was trained.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import agreement, calibration, metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import results
from cxr_helpers.training import rescoring

LOSS = "loss, corrupted val"


def losses(runs: Sequence[Record], profile: str) -> pd.DataFrame:
    """Return the cross-entropy of each corrupted validation image, a mean over corruptions and over runs.

    Columns: image_id, patient_id, loss, and one for each run's own mean.
    """
    parts = []
    for run in runs:
        images = rescoring.corrupted_validation(run, profile)
        images = images.assign(loss=calibration.cross_entropy(images), image_id=images.image_id.str.rpartition("/")[0])
        parts.append(images.groupby(["image_id", "patient_id"]).loss.mean())
    return pd.concat(parts, axis=1, keys=[run.run_id for run in runs]).assign(loss=lambda t: t.mean(axis=1)).reset_index()


def differences(systems: Mapping[str, Sequence[Record]], reference: str, profile: str) -> pd.DataFrame:
    """Return each other recipe's loss minus the reference's: index recipe, least first; value, ci_low, ci_high over patients."""
    base = losses(systems[reference], profile)
    rows = {}
    for name in systems.keys() - {reference}:
        table = losses(systems[name], profile)
        rows[name] = agreement.mean_interval((table.loss - base.loss).to_numpy(), table.patient_id.to_numpy())
    return pd.DataFrame(rows, index=["value", "ci_low", "ci_high"]).T.rename_axis("recipe").sort_values("value")


def ranking(systems: Mapping[str, Sequence[Record]], reference: str, profile: str) -> pd.DataFrame:
    """Return one row per recipe, the least loss on corrupted validation images first.

    Args:
        systems: recipe -> its runs, one per seed.
        reference: the recipe that the others are compared with, paired over patients.
        profile: "full" or "smoke".

    Returns:
        recipe, seeds, `LOSS`, SD (over seeds, where there are several), difference (95 % CI), AUC on validation, and, to be
        read only, AUC and specificity at 0.5 on the test images; minutes of training a seed.
    """
    gaps = differences(systems, reference, profile)
    rows = []
    for name, runs in systems.items():
        by_run, test = losses(runs, profile)[[run.run_id for run in runs]].mean(), metrics.evaluate_seeds(results.scores(runs))
        row = {"recipe": name, "seeds": len(runs), LOSS: by_run.mean()}
        row |= {"SD": f"{by_run.std():.3f}" if len(runs) > 1 else "–"}
        row |= {"difference (95 % CI)": "–" if name == reference else results.signed(*gaps.loc[name])}
        row |= {"AUC, val": np.mean([metrics.points(scores).roc_auc for scores in results.scores(runs, "val")])}
        row |= {f"{metrics.TITLES[key]}, test": results.cell(test.loc[key]) for key in ("roc_auc", "specificity")}
        rows.append(row | {"minutes": round(np.mean([run.info["training_time_s"] for run in runs]) / 60, 1)})
    return pd.DataFrame(rows).sort_values(LOSS, kind="stable", ignore_index=True)
