"""Tables of numbers about runs. A figure NAME with a 95 % interval over patients has columns NAME, NAME_low and NAME_high."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from cxr_helpers.base import plugins
from cxr_helpers.config import Config
from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import formatting, selection

SHOWN = ("roc_auc", "accuracy", "recall", "specificity", "brier")
_Scores = Mapping[str, Sequence[pd.DataFrame]]
_Thresholds = Mapping[str, Sequence[float]]
GAP = "training accuracy minus test accuracy"
COLUMNS = ["value", "ci_low", "ci_high"]
# What run.json holds and the scores do not tell; without an interval.
OF_THE_RUN = {
    "parameters": lambda info: info["parameters"],
    "training accuracy": lambda info: info["train_metrics"]["accuracy"],
    "model size (MB)": lambda info: info["model_bytes"] / 1e6,
}


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
    plain, chosen = metrics.evaluate(scores), metrics.evaluate(scores, selection.thresholds(runs))
    rows = []
    for name, title in metrics.TITLES.items():
        rows.append({"metric": title} | columns("at 0.5", plain.loc[name]) | columns("at operating point", chosen.loc[name]))
    return pd.DataFrame(rows)


def performance(scores: _Scores, thresholds: _Thresholds = MappingProxyType({}), shown: Sequence[str] = SHOWN) -> pd.DataFrame:
    """Return one row per experiment: AUC, accuracy, sensitivity, specificity and Brier score, or the metrics in `shown`.

    Of the scores of one split, one frame per seed, and operating points, one per seed (0.5 where there is none).
    """
    rows = []
    for name, runs in scores.items():
        found = metrics.evaluate(runs, thresholds.get(name, selection.THRESHOLD))
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


def figures(runs: Sequence[Record], split: str = "test") -> pd.DataFrame:
    """Return every figure that an experiment's runs, one per seed or one per seed and fold, give on a split, at threshold 0.5.

    Index: the metrics of `metrics.TITLES` and
    `metrics.COUNTS`, the names in `OF_THE_RUN`, `GAP`, and what the extras know of runs of other kinds (many labels, masks).
    Columns value (mean over runs), ci_low, ci_high (95 %, over patients; NaN where there is none). `attrs["images"]` counts
    the images.
    """
    rows, images = {}, 0
    for name, read in OF_THE_RUN.items():
        with contextlib.suppress(KeyError, TypeError):  # what a kind of experiment does not have is left out
            rows[name] = {"value": sum(read(run.info) for run in runs) / len(runs)}
    parts = [pd.DataFrame.from_dict(rows, orient="index", columns=["value"])]
    if "scores" in runs[0].names and "label" not in runs[0].scores:
        scores = selection.pooled(runs, split)
        images = len(scores[0])
        if images:
            parts.append(metrics.evaluate(scores))
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


def configuration(config: Config) -> pd.DataFrame:
    """Return every field of a configuration: field, value, default ("–" where there is none), and a mark where they differ."""

    def said(value: object) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        text = ", ".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
        return text or "–"

    rows = []
    for field in dataclasses.fields(config):
        default = "" if field.default is dataclasses.MISSING else field.default
        row = {"field": f"`{field.name}`", "value": said(getattr(config, field.name)), "default": said(default)}
        rows.append(row | {"departs": "●" if field.name in config.departures() else ""})
    return pd.DataFrame(rows)
