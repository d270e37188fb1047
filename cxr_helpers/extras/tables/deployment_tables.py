"""Tables of the chapter on deployment: what exports cost, and what 8-bit integers do to the AUC."""

import numpy as np
import pandas as pd

from cxr_helpers.extras.benchmarks import compression, export_measurements
from cxr_helpers.extras.inference import backends
from cxr_helpers.tables import statistics

LOSS = 0.002  # of AUC, which the project allows to compression; fixed before any was measured
MEGABYTES, LATENCY, AUC = "MB", "ms, one image", "AUC, val"
_EXPORT = {
    MEGABYTES: (export_measurements.BYTES, 1e-6, 2),
    "parameters (10⁶)": (export_measurements.PARAMETERS, 1e-6, 2),
    "multiply-adds (10⁶)": (export_measurements.OPERATIONS, 1e-6, 0),
    LATENCY: (export_measurements.LATENCY, 1, 1),
    "95th percentile": (export_measurements.TAIL, 1, 1),
    "images/s, 32 at once": (export_measurements.RATE, 1, "{:.0f}"),
    "memory (MB)": (export_measurements.MEMORY, 1, "{:.0f}"),
}
COSTS = list(_EXPORT)
_AUCS = {f"AUC, {split}": 4 for split in compression.SPLITS}
_AUCS |= {f"difference, {split} (95 % CI)": "{:+.4f}" for split in compression.SPLITS}


def exported(costs: pd.DataFrame, aucs: pd.DataFrame | None) -> pd.DataFrame:
    """Return one row per network, engine and precision: what it costs, AUC by split and its difference to Keras in float32.

    `costs` and `aucs` are the figures of the measurements deployment and compression.
    """
    rows, found = [], _by_key(aucs)
    for _, row in export_measurements.by_export(costs).iterrows():
        shown = {"network": row.network, "engine": backends.TITLES[row.engine], "precision": row.precision}
        shown |= {title: row[column] * factor for title, (column, factor, _) in _EXPORT.items()}
        rows.append(shown | _aucs(found, (row.network, row.engine, row.precision)))
    return statistics.shown_as(rows, _AUCS | {title: form for title, (_, _, form) in _EXPORT.items()})


def heads(aucs: pd.DataFrame) -> pd.DataFrame:
    """Return AUC and differences of a logistic head on frozen features by the precision in which they were computed."""
    found, rows = _by_key(aucs), []
    for name, engine, precision in found:
        if name == compression.HEADS:
            shown = {"features": precision, "engine": backends.TITLES[engine]}
            rows.append(shown | _aucs(found, (name, engine, precision)))
    return statistics.shown_as(rows, _AUCS)


def front(exports: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `exported` that no other beats in time, bytes and validation AUC at once, the quickest first."""
    found = exports.dropna(subset=AUC)
    costs = (found[[LATENCY, MEGABYTES, AUC]] * (1, 1, -1)).to_numpy()
    beaten = [((costs <= own).all(axis=1) & (costs < own).any(axis=1)).any() for own in costs]
    return found[~np.array(beaten, bool)].sort_values(LATENCY)


def int8_losses(aucs: pd.DataFrame) -> pd.DataFrame:
    """Return what networks in int8 differ in AUC from themselves in float32 on the test images: network, engine, ..., verdict.

    The loss is within `LOSS` where the interval says so ("holds"), beyond it where the value is, else open.
    """
    rows = []
    for (name, engine, precision), figures in _by_key(aucs).items():
        if precision == "int8" and name != compression.HEADS:
            gap = figures["difference, test"]
            verdict = "holds" if gap.ci_low >= -LOSS else "open" if gap.value >= -LOSS else "does not hold"
            row = {"network": name, "engine": backends.TITLES[engine]} | statistics.columns("difference", gap)
            rows.append(row | {"verdict": verdict})
    return statistics.shown_as(rows, {"difference": "{:+.4f}"})


def _by_key(aucs: pd.DataFrame | None) -> dict[tuple, dict[str, pd.Series]]:
    found: dict[tuple, dict[str, pd.Series]] = {}
    for _, row in export_measurements.apart(aucs).iterrows() if aucs is not None else ():
        found.setdefault((row.network, row.engine, row.precision), {})[row.quantity] = row[["value", "ci_low", "ci_high"]]
    return found


def _aucs(found: dict, key: tuple) -> dict[str, float]:
    figures, shown = found.get(key, {}), {}
    for split in compression.SPLITS:
        shown[f"AUC, {split}"] = figures[f"AUC, {split}"].value if f"AUC, {split}" in figures else float("nan")
        shown |= statistics.columns(f"difference, {split} (95 % CI)", figures.get(f"difference, {split}"))
    return shown
