"""Tables of numbers about runs. A figure NAME with a 95 % interval over patients has columns NAME, NAME_low and NAME_high."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import formatting, selection

SHOWN = ("roc_auc", "accuracy", "recall", "specificity", "brier")
_Scores = Mapping[str, Sequence[pd.DataFrame]]
_Thresholds = Mapping[str, Sequence[float]]


def columns(name: str, row) -> dict[str, float]:
    """Return NAME, NAME_low and NAME_high of anything with `value`, `ci_low` and `ci_high`; NaN of None."""
    if row is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high"), np.nan)
    return {name: row.value, f"{name}_low": row.ci_low, f"{name}_high": row.ci_high}


def shown_as(rows: Sequence[dict], digits: Mapping[str, formatting.Format]) -> pd.DataFrame:
    """Return a table of `rows` that brings the formats of some columns with it (see `formatting`)."""
    table = pd.DataFrame(rows)
    table.attrs["digits"] = dict(digits)
    return table


def metric_table(runs: Sequence[Record]) -> pd.DataFrame:
    """Return every metric of the test images (mean over runs) at 0.5 and at the operating point."""
    scores = selection.scores(runs)
    plain, chosen = metrics.evaluate_seeds(scores), metrics.evaluate_seeds(scores, selection.thresholds(runs))
    rows = []
    for name, title in metrics.TITLES.items():
        rows.append({"metric": title} | columns("at 0.5", plain.loc[name]) | columns("at operating point", chosen.loc[name]))
    return pd.DataFrame(rows)


def seed_table(runs: Sequence[Record], split: str = "test") -> pd.DataFrame:
    """Return one row per run: how it was trained, and its figures on validation and on `split`."""
    rows = []
    for run, limit in zip(runs, selection.thresholds(runs), strict=True):
        val, held_out = (metrics.points(run.split(name)) for name in ("val", split))
        row = {"run": run.run_id, "epochs": len(run.history), "minutes": run.info["wall_time_s"] / 60}
        row |= {"val AUC": val.roc_auc, "operating point": limit}
        row |= {f"{split} AUC": held_out.roc_auc, f"{split} accuracy": held_out.accuracy}
        rows.append(row | {f"{split} specificity": held_out.specificity})
    return pd.DataFrame(rows)


def performance(scores: _Scores, thresholds: _Thresholds = MappingProxyType({}), shown: Sequence[str] = SHOWN) -> pd.DataFrame:
    """Return one row per experiment: AUC, accuracy, sensitivity, specificity and Brier score, or the metrics in `shown`.

    Of the scores of one split, one frame per seed, and operating points, one per seed (0.5 where there is none).
    """
    rows = []
    for name, runs in scores.items():
        found = metrics.evaluate_seeds(runs, thresholds.get(name, selection.THRESHOLD))
        row = {"experiment": name, "seeds": len(runs)}
        for key in shown:
            row |= columns(metrics.TITLES[key], found.loc[key])
        rows.append(row)
    return pd.DataFrame(rows)


def differences(scores: _Scores, leader: str, metric: str, thresholds: _Thresholds = MappingProxyType({})) -> pd.DataFrame:
    """Return each experiment's paired difference to `leader` in one metric (theirs minus the leader's); args as `performance`."""
    rows = []
    for name, runs in scores.items():
        if name != leader:
            limits = thresholds.get(name, selection.THRESHOLD), thresholds.get(leader, selection.THRESHOLD)
            gap = metrics.difference(runs, scores[leader], limits).loc[metric]
            rows.append({"experiment": name} | columns("difference", gap))
    return shown_as(rows, {"difference": "+"})


def cost_table(runs: Mapping[str, Sequence[Record]]) -> pd.DataFrame:
    """Return one row per experiment: image size, parameters, seconds per epoch (mean over runs), memory, model file."""
    rows = []
    for name, own in runs.items():
        config, info = own[0].config, own[0].info
        seconds = np.mean([run.info["training_time_s"] / len(run.history) for run in own])
        row = {"experiment": name, "pixels": f"{config.size}×{config.size}", "start": info["initialisation"]}
        row |= {"parameters": info["parameters"], "trained": info["trainable_parameters"], "s per epoch": seconds}
        rows.append(row | {"memory (MB)": info["peak_memory_mb"], "file (MB)": info["model_bytes"] / 1e6})
    return shown_as(rows, {"s per epoch": 1, "file (MB)": 1})
