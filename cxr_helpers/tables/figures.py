"""The figures that a system's runs give, by the names under which the documents report them."""

from collections.abc import Sequence

import pandas as pd

from cxr_helpers.evaluation import agreement, metrics, multilabel
from cxr_helpers.records import Record
from cxr_helpers.tables import results

GAP = "training accuracy minus test accuracy"
COLUMNS = ["value", "ci_low", "ci_high"]

# What run.json holds and the scores do not tell; without an interval.
OF_THE_RUN = {
    "parameters": lambda info: info["parameters"],
    "training accuracy": lambda info: info["train_metrics"]["accuracy"],
    "model size (MB)": lambda info: info["model_bytes"] / 1e6,
}


def of(runs: Sequence[Record], split: str = "test", rule: str = "") -> pd.DataFrame:
    """Return every figure that a system's runs give on a split.

    Args:
        runs: one per seed, or one per seed and fold.
        split: "test" or "val".
        rule: of the operating point that is chosen on validation images; "" is the threshold 0.5.

    Returns:
        Index: the metrics of `metrics.TITLES` and `metrics.COUNTS`, the names in `OF_THE_RUN`, `GAP`; "mean AUC" and
        "AUC <label>" of runs with many labels; "Dice <structure>, <set>" of a segmenter. Columns value (mean over
        runs), ci_low, ci_high (95 %, over patients; NaN where there is none). `attrs["images"]` counts the images.
    """
    tables, parts, images = runs[0].names, [_of_the_runs(runs)], 0
    if "scores" in tables and "label" in runs[0].scores:
        scores = [run.scores[run.scores["split"] == split] for run in runs]
        table = multilabel.evaluate(scores).rename(index=lambda label: "mean AUC" if label == multilabel.MEAN else f"AUC {label}")
        parts, images = [*parts, table], scores[0].image_id.nunique()
    elif "scores" in tables:
        scores = results.pooled(runs, split)
        if len(scores[0]):
            limit = results.thresholds(runs, rule) if rule else results.THRESHOLD
            parts += [metrics.evaluate_seeds(scores, limit), metrics.evaluate_counts(scores, limit)]
        images = len(scores[0])
    if "dice" in tables:
        parts.append(_dice(runs))
    table = pd.concat([part.reindex(columns=COLUMNS) for part in parts])
    if GAP not in table.index and {"accuracy", "training accuracy"} <= set(table.index):
        ours, trained = table.loc["accuracy"], table.value["training accuracy"]
        table.loc[GAP] = [trained - ours.value, trained - ours.ci_high, trained - ours.ci_low]
    table.attrs["images"] = images
    return table


def _of_the_runs(runs: Sequence[Record]) -> pd.DataFrame:
    """Return the figures of run.json, averaged; those that a kind of system does not have are left out."""
    rows = {}
    for name, read in OF_THE_RUN.items():
        try:
            rows[name] = {"value": sum(read(run.info) for run in runs) / len(runs)}
        except (KeyError, TypeError):
            continue
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value"])


def _dice(runs: Sequence[Record]) -> pd.DataFrame:
    """Return the mean Dice coefficient by structure and set, first averaged over runs image by image."""
    every = pd.concat([run.table("dice") for run in runs])
    images = every.groupby(["set", "structure", "image_id", "patient_id"], as_index=False).dice.mean()
    rows = {
        f"Dice {structure}, {name}": agreement.mean_interval(part.dice.to_numpy(), part.patient_id.to_numpy())
        for (name, structure), part in images.groupby(["set", "structure"])
    }
    return pd.DataFrame(rows).T
