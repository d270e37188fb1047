"""The figures that an experiment's runs give, by the names under which the source documents report them."""

from collections.abc import Sequence

import pandas as pd

from cxr_helpers.base import plugins
from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import selection

GAP = "training accuracy minus test accuracy"
COLUMNS = ["value", "ci_low", "ci_high"]
# What run.json holds and the scores do not tell; without an interval.
OF_THE_RUN = {
    "parameters": lambda info: info["parameters"],
    "training accuracy": lambda info: info["train_metrics"]["accuracy"],
    "model size (MB)": lambda info: info["model_bytes"] / 1e6,
}


def of(runs: Sequence[Record], split: str = "test") -> pd.DataFrame:
    """Return every figure that an experiment's runs, one per seed or one per seed and fold, give on a split, at threshold 0.5.

    Index: the metrics of `metrics.TITLES` and
    `metrics.COUNTS`, the names in `OF_THE_RUN`, `GAP`, and what the extras know of runs of other kinds (many labels, masks).
    Columns value (mean over runs), ci_low, ci_high (95 %, over patients; NaN where there is none). `attrs["images"]` counts
    the images.
    """
    parts, images = [_of_the_runs(runs)], 0
    if "scores" in runs[0].names and "label" not in runs[0].scores:
        scores = selection.pooled(runs, split)
        images = len(scores[0])
        if images:
            parts.append(metrics.evaluate_seeds(scores))
    else:
        found = [plugins.load("figures", name)(runs, split) for name in plugins.names("figures")]
        parts += [part for part in found if part is not None]
        images = max((part.attrs.get("images", 0) for part in parts), default=0)
    table = pd.concat([part.reindex(columns=COLUMNS) for part in parts])
    if GAP not in table.index and {"accuracy", "training accuracy"} <= set(table.index):
        ours, trained = table.loc["accuracy"], table.value["training accuracy"]
        table.loc[GAP] = [trained - ours.value, trained - ours.ci_high, trained - ours.ci_low]
    table.attrs["images"] = images
    return table


def _of_the_runs(runs: Sequence[Record]) -> pd.DataFrame:
    """Return the figures of run.json, averaged; those that a kind of experiment does not have are left out."""
    rows = {}
    for name, read in OF_THE_RUN.items():
        try:
            rows[name] = {"value": sum(read(run.info) for run in runs) / len(runs)}
        except (KeyError, TypeError):
            continue
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value"])
