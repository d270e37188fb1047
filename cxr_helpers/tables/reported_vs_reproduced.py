"""The table reported / reproduced: the figures of the source documents beside those of runs and measurements."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd

from cxr_helpers import experiments, paths
from cxr_helpers.base import stored_results
from cxr_helpers.base.files import atomic_write
from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import figures, selection

COLUMNS = ["system", "source", "metric", "reported", "reproduced", "ci_low", "ci_high", "verdict", "status", "command"]
NOT_TESTABLE = "not testable here"
SOURCES = {
    "T": "Kondragunta 2024",
    "R": "Rahman et al. 2024",
    "K": "Kilaru 2025",
    "I": "IJAREAS 2025",
    "V": "Valenzuela 2024",
}
# An experiment that a document names without a figure gets these rows.
NAMED = [{"metric": "accuracy"}, {"metric": "roc_auc"}]
Runs = Mapping[str, Sequence[Record]]


def reported() -> dict[str, dict]:
    """Return what the source documents report, by experiment, from reports/reported.toml (its head explains the fields).

    Those of experiments.toml that reproduce a document, but for which it gives no figure, follow with `NAMED`.
    """
    texts = stored_results.read(paths.reports("full") / "reported.toml", "")
    for name, experiment in experiments.load("full").items():
        if experiment.source:
            texts.setdefault(name, {"figures": NAMED})
            texts[name].setdefault("source", SOURCES[experiment.source])
    return texts


def table(runs: Runs, texts: Mapping[str, dict] | None = None, profile: str = "full") -> pd.DataFrame:
    """Set every reported figure beside ours: one row per figure of `texts` (default: `reported()`), columns `COLUMNS`.

    `runs`: experiment -> its runs, one per seed (and fold). `reproduced` is the mean over seeds, ci_low and ci_high its 95 %
    interval over patients (none for figures of the run itself), or what was measured with its spread. `verdict`: see
    `verdict`; "not testable here" where the run departs from the text, the text gives no figure, or there is no run;
    `status` ("real: ..." or "waits: ...") says why.
    """
    known, rows = experiments.load("full"), []
    texts = reported() if texts is None else texts
    for name, text in texts.items():
        trained = text.get("runs_of", name)
        own = runs.get(trained, ())
        ours = figures.of(own, text.get("split", "test"), text.get("rule", "")) if own else None
        for figure in text["figures"]:
            row = {"system": name, "source": text["source"], "metric": figure["metric"], "reported": figure.get("value")}
            row |= {"verdict": NOT_TESTABLE, "command": f"cxr train {trained}" if trained in known else ""}
            if "measured" in figure:
                row |= _measured(profile, text, figure)
            else:
                waits = (known[trained].waits_for or "no run yet") if trained in known else "not among the experiments yet"
                row |= _of_runs(runs, own, ours, texts, name, figure) if own else {"status": f"waits: {waits}"}
            rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def write(comparison: pd.DataFrame, profile: str) -> Path:
    """Store the table as `reported_vs_reproduced.csv` among the profile's tables and return its path."""
    path = paths.tables(profile) / "reported_vs_reproduced.csv"
    atomic_write(path, comparison.round(6).to_csv(index=False))
    return path


def _of_runs(
    runs: Runs, own: Sequence[Record], ours: pd.DataFrame, texts: Mapping[str, dict], experiment: str, figure: dict
) -> dict:
    """Return what a row holds of an experiment's own runs, whose figures are `ours`."""
    name, text = figure.get("of", figure["metric"]), texts[experiment]
    reasons = departures(own[0], text, figure, ours.attrs["images"])
    if "against" in figure:
        other = figure["against"]
        if not runs.get(other):
            return {"status": f"waits: no run of {other} yet"}
        apart = departures(runs[other][0], texts.get(other, {}), {"value": figure.get("value")}, ours.attrs["images"])
        reasons += [f"{other}: {reason}" for reason in apart]
        ours = metrics.difference(selection.pooled(own), selection.pooled(runs[other]))
    if name not in ours.index:
        return {"status": "waits: no record holds this figure"}
    value, low, high = ours.loc[name, figures.COLUMNS]
    row = {"reproduced": value, "ci_low": low, "ci_high": high, "status": _status(own, reasons)}
    return row if reasons else row | {"verdict": verdict(figure["value"], value, low, high, _exact(text, figure))}


def _measured(profile: str, text: dict, figure: dict) -> dict:
    """Return what a row holds of a measurement; what the text says of another machine is not judged."""
    row = {"command": f"cxr measure {figure['measured']}"}
    found = stored_results.measurement(figure["measured"], profile, missing_ok=True)
    name = figure.get("of", figure["metric"])
    if found is None or name not in set(found.figure):
        return row | {"status": "waits: not measured yet"}
    value, low, high = found.set_index("figure").loc[name, figures.COLUMNS]
    row |= {"reproduced": value, "ci_low": low, "ci_high": high}
    if profile == "smoke":
        return row | {"status": "waits: synthetic images"}
    reason = figure.get("apart") or ("too wide an interval" if undecided(figure["value"], value, low, high) else "")
    if reason:
        return row | {"status": f"real: measured; {reason}"}
    return row | {"status": "real: measured", "verdict": verdict(figure["value"], value, low, high, _exact(text, figure))}


def _exact(text: dict, figure: dict) -> bool:
    """Tell whether the text's value is no rounded one: a count, or an order of growth."""
    return text.get("exact", False) or figure.get("of", figure["metric"]) in metrics.COUNTS


def departures(run: Record, text: dict, figure: dict, images: int) -> list[str]:
    """Return in what a run departs from the text, as far as it matters for a figure; readings are marked."""
    found = []
    if run.info["pixels"] == "synthetic image":
        found.append("synthetic images")
    for field, said in figure.get("config", text.get("config", {})).items():
        if getattr(run.config, field) != said:
            mark = " (reading)" if field in text.get("readings", ()) else ""
            found.append(f"{field} {getattr(run.config, field)}, text {said}{mark}")
    if "n" in figure and figure["n"] != images:
        found.append(f"{images} images, text {figure['n']}")
    if "apart" in figure:
        found.append(figure["apart"])
    if "value" not in figure:
        found.append("the text gives no figure")
    return found


def _status(runs: Sequence[Record], reasons: list[str]) -> str:
    """Return "real" for runs on real images, "waits" for runs on synthetic ones, with seeds, pixels and departures."""
    real = runs[0].info["pixels"] != "synthetic image"
    seeds = len({run.config.seed for run in runs})
    folds = len({run.config.protocol for run in runs})
    facts = [f"{seeds} seed{'s' * (seeds > 1)}", *([f"{folds} folds"] if folds > 1 else []), runs[0].info["pixels"], *reasons]
    return f"{'real' if real else 'waits'}: {'; '.join(facts if real else reasons)}"


def verdict(value: float, ours: float, low: float, high: float, exact: bool = False) -> str:
    """Return "reproduced", "higher" or "lower": ours against the reported `value`.

    Reproduced: our interval (where the bounds are NaN, ours alone) meets the values that round to the reported one; with
    `exact` it must hold that value itself.
    """
    half = 0.0 if exact else float(Decimal(1).scaleb(Decimal(str(value)).as_tuple().exponent)) / 2
    low, high = (ours, ours) if pd.isna(low) else (low, high)
    agrees = low <= value + half and value - half <= high
    return "reproduced" if agrees else "higher" if ours > value else "lower"


def undecided(value: float, ours: float, low: float, high: float) -> bool:
    """Tell whether a measured interval is too wide to judge the reported `value`.

    It is as wide as the value itself (for an exponent of zero: one order), or holds it although ours lies more than half
    of it away.
    """
    scale = abs(value) or 1
    return high - low >= scale or (low <= value <= high and abs(ours - value) > scale / 2)


def brief(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the table as a page can hold it: experiment, metric, reported, ours (with its interval), verdict."""
    numbers = {"reported": "reported", "reproduced": "ours", "ci_low": "ours_low", "ci_high": "ours_high"}
    table = comparison[["system", "metric", *numbers]].rename(columns={"system": "experiment", **numbers})
    table = table.astype(dict.fromkeys(numbers.values(), float)).assign(metric=comparison.metric.map(metrics.title))
    verdicts = comparison.verdict.mask(comparison.reported.isna(), "no figure given").mask(comparison.reproduced.isna(), "waits")
    table = table.assign(verdict=verdicts).reset_index(drop=True)
    table.attrs["digits"] = {
        "reported": lambda value: "{:,.0f}" if float(value).is_integer() else "{:g}",
        "ours": lambda value: 3 if abs(value) < 10 else 1 if value < 1000 else 0,
    }
    return table


def reasons(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return one row per experiment and status: the metrics it holds for, and in what the runs depart from the text."""
    named = comparison.assign(metrics=comparison.metric.map(metrics.title)).rename(columns={"system": "experiment"})
    groups = named.groupby(["experiment", "status"], sort=False).metrics.agg(", ".join)
    return groups.reset_index()[["experiment", "metrics", "status"]]
