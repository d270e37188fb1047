"""Cross-validation by patient: what each fold's images say, and all of them together, beside the official test images."""

from collections.abc import Mapping, Sequence

import pandas as pd

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import selection, statistics

METRICS = ("roc_auc", "accuracy")


def table(folds: Sequence[Record], official: Sequence[Record]) -> pd.DataFrame:
    """Return AUC and accuracy (at 0.5) of an experiment's folds and of the same experiment on the official test images.

    Args:
        folds: one run per fold; their test images are the left-out patients'.
        official: the runs under protocol "official", one per seed.

    Returns:
        Columns images, metric, value, ci_low, ci_high (95 %, over patients), n (images). Images are "fold 1", ...;
        "all folds": every image once, by the run that had left its patient out; "official test, by folds": the
        official test images among these; "official test".

    Raises:
        CxrError: a run of `folds` is of another protocol, or of a fold that is there already.
    """
    protocols = [run.config.protocol for run in folds]
    if len(set(protocols)) < len(folds) or not all(protocol.startswith("patient_cv_") for protocol in protocols):
        raise CxrError(f"Cross-validation needs one run per fold by patient, but got {', '.join(protocols)}.")
    parts = {f"fold {number}": selection.scores([run]) for number, run in enumerate(folds, 1)}
    together, test = selection.pooled(folds), selection.scores(official)
    of_test = [scores[scores.image_id.isin(test[0].image_id)] for scores in together]
    parts |= {"all folds": together, "official test, by folds": of_test, "official test": test}
    rows = []
    for name, scores in parts.items():
        found = metrics.evaluate_seeds(scores).loc[list(METRICS)].reset_index()
        rows.append(found.assign(images=name, n=len(scores[0])))
    return pd.concat(rows, ignore_index=True)[["images", "metric", "value", "ci_low", "ci_high", "n"]]


def spread(found: pd.DataFrame, metric: str = "roc_auc") -> tuple[float, float]:
    """Return mean and standard deviation of a metric over the folds of a table as `table` gives it."""
    values = found.value[found.images.str.fullmatch(r"fold \d+") & (found.metric == metric)]
    return float(values.mean()), float(values.std())


def brief(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of several experiments as a page can hold them: a row per set of images."""
    rows = []
    for name, found in tables.items():
        for images, part in found.groupby("images", sort=False):
            row = {"experiment": name, "images": images, "n": part.n.iloc[0]}
            for one in part.itertuples():
                row |= statistics.columns(metrics.TITLES[one.metric], one)
            rows.append(row)
    return pd.DataFrame(rows)
