"""Cross-validation by patient: what each fold's images say, and all of them together, beside the official test images."""

from collections.abc import Sequence

import pandas as pd

from cxr_helpers.errors import CxrError
from cxr_helpers.records import Record
from cxr_helpers.tables import selection, statistics

METRICS = ("roc_auc", "accuracy")


def table(folds: Sequence[Record], official: Sequence[Record]) -> pd.DataFrame:
    """Return AUC and accuracy (at 0.5) of an experiment's folds and of the same experiment on the official test images.

    Args:
        folds: one run per fold; their test images are the left-out patients'.
        official: the runs under protocol "official", one per seed.

    Returns:
        Columns images, n (of them), ROC AUC and Accuracy with their bounds. Images are "fold 1", ...; "all folds": every
        image once, by the run that had left its patient out; "official test, by folds": the official test images among
        these; "official test".

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
    found = statistics.performance(parts, shown=METRICS).rename(columns={"experiment": "images", "seeds": "n"})
    return found.assign(n=[len(scores[0]) for scores in parts.values()])
