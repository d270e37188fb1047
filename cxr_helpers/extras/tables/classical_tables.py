"""Tables of the classical models: what validation chose for them, and who is better than whom."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record


def settings(runs: Mapping[str, Sequence[Record]]) -> pd.DataFrame:
    """Return one row per experiment: its inputs, what validation chose for each seed, seconds (mean over seeds), size."""
    rows = []
    for name, own in runs.items():
        info = own[0].info
        row = {"experiment": name, "inputs": info["inputs"], "network behind them": info["initialisation"]}
        row |= {"chosen, by seed": "; ".join(_words(run.info["chosen"]) for run in own)}
        row |= {"s per run": np.mean([run.info["training_time_s"] for run in own]), "file (MB)": info["model_bytes"] / 1e6}
        rows.append(row)
    return pd.DataFrame(rows)


def versus(
    scores: Mapping[str, Sequence[pd.DataFrame]], ours: Sequence[str], theirs: Sequence[str], metric: str = "roc_auc"
) -> pd.DataFrame:
    """Set each of `ours` against each of `theirs`, paired over patients, at threshold 0.5 where the metric has one.

    Args:
        scores: experiment -> scores on one split, one frame per seed.
        ours, theirs: names of experiments.
        metric: a key of `metrics.TITLES`.

    Returns:
        One row per pair: experiment, against, difference (ours minus theirs), ci_low, ci_high (95 %), and outcome:
        "higher", "lower", or "open" where the interval holds 0.
    """
    rows = []
    for name in ours:
        for rival in theirs:
            gap = metrics.difference(scores[name], scores[rival]).loc[metric]
            outcome = "higher" if gap.ci_low > 0 else "lower" if gap.ci_high < 0 else "open"
            row = {"experiment": name, "against": rival, "difference": gap.value, "ci_low": gap.ci_low, "ci_high": gap.ci_high}
            rows.append(row | {"outcome": outcome})
    return pd.DataFrame(rows)


def _words(chosen: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in chosen.items())
