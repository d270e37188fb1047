"""Tables of the chapter on deployment: exports, what compression costs, the deployed model; the comparisons have a file apart."""

import pandas as pd

from cxr_helpers.base import stored_results
from cxr_helpers.extras.benchmarks import compression, export_measurements
from cxr_helpers.extras.inference import backends
from cxr_helpers.extras.inference.artefact import Card
from cxr_helpers.extras.tables import benchmark_tables
from cxr_helpers.tables import statistics

# The project's goals, fixed before any was measured: figure -> (goal, whether less is better).
GOALS = {"size (MB)": (3.0, True), "times faster than the thesis' VGG-16 in Keras": (25.0, False), "loss in AUC": (0.002, True)}
_EXPORT = {
    "MB": (export_measurements.BYTES, 1e-6, 2),
    "parameters (10⁶)": (export_measurements.PARAMETERS, 1e-6, 2),
    "multiply-adds (10⁶)": (export_measurements.OPERATIONS, 1e-6, 0),
    "ms, one image": (export_measurements.LATENCY, 1, 1),
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


def absent(costs: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return the exports (network, engine, precision) that one network lacks and another has."""
    table = export_measurements.by_export(costs)
    made = set(table[export_measurements.KEYS].itertuples(index=False, name=None))
    ways = table[["engine", "precision"]].drop_duplicates().itertuples(index=False, name=None)
    return [(name, *way) for way in ways for name in table.network.unique() if (name, *way) not in made]


def pruned(aucs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per share of zeros, as cut and trained further: compressed megabytes, AUC by split, and differences."""
    found, rows = _by_key(aucs), []
    sizes = aucs[aucs.figure.str.startswith("bytes|")]
    sizes = {float(figure.rpartition("|")[2]): value / 1e6 for figure, value in zip(sizes.figure, sizes.value, strict=True)}
    for key in found:
        network, _, precision = key
        if "zero" not in precision:
            continue
        share = float(precision.split(", ")[1].split()[0]) / 100
        row = {"network": network, "zero weights": share, "trained further": "yes" if "tuned" in precision else "no"}
        rows.append(row | {"MB, compressed": sizes[share]} | _aucs(found, key))
    return statistics.shown_as(rows, _AUCS | {"zero weights": "{:.0%}", "MB, compressed": 2})


def pruning_curve(aucs: pd.DataFrame) -> pd.DataFrame:
    """Return the AUC by share of zeros, the whole network as share 0: share, tuned, split, value, ci_low, ci_high."""
    table = compression.by_column(aucs)
    table = table[table.kind.str.startswith("AUC")].assign(split=lambda t: t.kind.str.rpartition(", ")[2])
    zero = table.precision.str.contains("zero")
    whole = table[~zero & table.network.isin(table[zero].network) & (table.engine == backends.KERAS)]
    share = table.precision[zero].str.extract(r"(\d+) %")[0].astype(float) / 100
    cut = table[zero].assign(share=share, tuned=table.precision.str.contains("tuned"))
    return pd.concat([whole.assign(share=0.0, tuned=False), cut])[["share", "tuned", "split", "value", "ci_low", "ci_high"]]


def held(curve: pd.DataFrame, limit: float, whole: float) -> tuple[float, float]:
    """Return up to which share of zeros the AUC of a `pruning_curve` stays within `limit` of `whole`, and the largest loss."""
    lost = whole - curve.value
    return curve.share[(lost > limit).cumsum() == 0].max(), lost.max()


def heads(aucs: pd.DataFrame) -> pd.DataFrame:
    """Return AUC and differences of a logistic head on frozen features by the precision in which they were computed."""
    found, rows = _by_key(aucs), []
    for key in found:
        name, engine, precision = key
        if name == compression.HEADS:
            rows.append({"features": precision, "engine": backends.TITLES[engine]} | _aucs(found, key))
    return statistics.shown_as(rows, _AUCS)


def pareto(costs: pd.DataFrame, aucs: pd.DataFrame, split: str = "val") -> pd.DataFrame:
    """Return network, engine, precision, ms, bytes, AUC (value, ci_low, ci_high) of every export whose AUC was measured."""
    found, rows = _by_key(aucs), []
    for _, row in export_measurements.by_export(costs).iterrows():
        figures = found.get((row.network, row.engine, row.precision), {})
        if f"AUC, {split}" in figures:
            shown = {"network": row.network, "engine": row.engine, "precision": row.precision}
            shown |= {"ms": row[export_measurements.LATENCY], "bytes": row[export_measurements.BYTES]}
            rows.append(shown | dict(figures[f"AUC, {split}"]))
    return pd.DataFrame(rows)


def front(exports: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table as `pareto` gives it that no other beats in time, bytes and AUC at once, the quickest first."""

    def beaten(row) -> bool:
        others = exports[(exports.ms <= row.ms) & (exports.bytes <= row.bytes) & (exports.value >= row.value)]
        return bool(((others.ms < row.ms) | (others.bytes < row.bytes) | (others.value > row.value)).any())

    return exports[[not beaten(row) for _, row in exports.iterrows()]].sort_values("ms")


def goals(card: Card, profile: str) -> pd.DataFrame:
    """Return one row per goal of the deployed model: figure, goal ("≤ 3"), value with bounds, missed_by (at most 0: met).

    What was not timed has no value.
    """
    latency = stored_results.benchmark("deploy_latency", profile, missing_ok=True)
    timed = latency and latency["deployed_sha256"] == card.sha256
    found = {("size (MB)",) * 2: (card.bytes / 1e6,)}
    quick = "times faster than the thesis' VGG-16 in Keras"
    found[quick, quick] = (latency["ratio_median"] if timed else float("nan"),)
    for against, key in (("the same network", "difference_to_float32"), ("the final model", "difference_to_final_model")):
        for split, words in (("val", "validation"), ("test", "official test")):
            value, low, high = card.metrics[split][key]
            found["loss in AUC", f"loss in AUC, {words}, against {against} in float32"] = -value, -high, -low
    rows = []
    for (name, title), (value, *bounds) in found.items():
        goal, less = GOALS[name]
        row = {"figure": title, "goal": f"{'≤' if less else '≥'} {goal:g}", "value (95 % CI)": value}
        row |= dict(zip(("value (95 % CI)_low", "value (95 % CI)_high"), bounds or [float("nan")] * 2, strict=True))
        rows.append(row | {"missed_by": value - goal if less else goal - value})
    digits = {"value (95 % CI)": lambda value: 4 if abs(value) < 0.1 else 2 if abs(value) < 10 else "{:.0f}"}
    return statistics.shown_as(rows, digits | dict.fromkeys(("missed_by", "verdict"), benchmark_tables.verdict))


def losing(aucs: pd.DataFrame) -> pd.DataFrame:
    """Return the networks in int8 that lose AUC on the test images, the whole interval below zero: engine, network, value, ..."""
    table = compression.by_column(aucs)
    return table[(table.precision == "int8") & (table.kind == "difference, test") & (table.ci_high < 0)]


def _by_key(aucs: pd.DataFrame | None) -> dict[tuple, dict[str, pd.Series]]:
    found: dict[tuple, dict[str, pd.Series]] = {}
    for _, row in compression.by_column(aucs).iterrows() if aucs is not None else ():
        found.setdefault((row.network, row.engine, row.precision), {})[row.kind] = row[["value", "ci_low", "ci_high"]]
    return found


def _aucs(found: dict, key: tuple) -> dict[str, float]:
    figures, shown = found.get(key, {}), {}
    for split in compression.SPLITS:
        shown[f"AUC, {split}"] = figures[f"AUC, {split}"].value if f"AUC, {split}" in figures else float("nan")
        shown |= statistics.columns(f"difference, {split} (95 % CI)", figures.get(f"difference, {split}"))
    return shown
