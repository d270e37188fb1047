"""The table reported / reproduced: the figures of the source documents beside those of the run records."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd

from cxr_helpers import experiments, metrics, paths
from cxr_helpers.errors import CxrError
from cxr_helpers.files import atomic_write
from cxr_helpers.records import Record

COLUMNS = ["system", "source", "metric", "reported", "reproduced", "ci_low", "ci_high", "verdict", "status", "command"]
ABSENT = "–"
NOT_TESTABLE = "not testable here"

# Figures that run.json holds and the scores do not tell; they have no interval.
OF_THE_RUN: dict[str, Callable[[dict], float]] = {
    "parameters": lambda info: info["parameters"],
    "training accuracy": lambda info: info["train_metrics"]["accuracy"],
    "model size (MB)": lambda info: info["model_bytes"] / 1e6,
}


def reported(file: Path | None = None) -> dict[str, dict]:
    """Return what the source documents report, by system, from reports/reported.toml (its head explains the fields)."""
    file = file or paths.reports("full") / "reported.toml"
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CxrError(f"{file} cannot be read ({error}); restore it from git.") from error


def table(records: Mapping[str, Sequence[Record]], texts: Mapping[str, dict] | None = None) -> pd.DataFrame:
    """Set every reported figure beside ours.

    Args:
        records: system -> its runs, one per seed; a system without runs waits.
        texts: as `reported()` returns them, which is the default.

    Returns:
        One row per figure, columns `COLUMNS`. `reproduced` is the mean over seeds, ci_low and ci_high its 95 %
        interval over patients (see `metrics`; none for figures of the run itself). `verdict`: "reproduced" where the
        reported value lies in the interval (without one: where ours rounds to it), "higher" or "lower" where ours
        is, "not testable here" where the run departs from the text or there is none; `status` ("real: ..." or
        "waits: ...") says why.
    """
    rows, known = [], experiments.load("full")
    for system, text in (texts or reported()).items():
        runs = records.get(system, ())
        ours = _ours(runs, text["split"]) if runs else pd.DataFrame()
        rows += [_row(system, text, figure, runs, ours, system in known) for figure in text["figures"]]
    return pd.DataFrame(rows, columns=COLUMNS)


def write(comparison: pd.DataFrame, profile: str) -> Path:
    """Store the table as `reported_vs_reproduced.csv` among the profile's tables and return its path."""
    path = paths.tables(profile) / "reported_vs_reproduced.csv"
    atomic_write(path, comparison.round(6).to_csv(index=False))
    return path


def departures(run: Record, text: dict, figure: dict, ours: pd.DataFrame) -> list[str]:
    """Return in what a run departs from the text, as far as it matters for a figure; readings are marked."""
    found = []
    if run.info["pixels"] == "synthetic film":
        found.append("synthetic films")
    for field, said in figure.get("config", text["config"]).items():
        if getattr(run.config, field) != said:
            mark = " (reading)" if field in text["readings"] else ""
            found.append(f"{field} {getattr(run.config, field)}, text {said}{mark}")
    if "n" in figure and figure["n"] != ours.attrs["films"]:
        found.append(f"{ours.attrs['films']} films, text {figure['n']}")
    return found


def _ours(runs: Sequence[Record], split: str) -> pd.DataFrame:
    """Return value, ci_low and ci_high of everything that a system's runs tell; `attrs["films"]` counts the films."""
    scores = [run.scores[run.scores["split"] == split] for run in runs]
    of_the_run = {name: {"value": sum(read(run.info) for run in runs) / len(runs)} for name, read in OF_THE_RUN.items()}
    parts = [pd.DataFrame.from_dict(of_the_run, orient="index")]
    if len(scores[0]):
        parts += [metrics.evaluate_seeds(scores), metrics.evaluate_counts(scores)]
    ours = pd.concat(parts).reindex(columns=["value", "ci_low", "ci_high"])
    ours.attrs["films"] = len(scores[0])
    return ours


def _row(system: str, text: dict, figure: dict, runs: Sequence[Record], ours: pd.DataFrame, known: bool) -> dict:
    name = figure.get("of", figure["metric"])
    row = {"system": system, "source": text["source"], "metric": figure["metric"], "reported": figure["value"]}
    row |= {"verdict": NOT_TESTABLE, "command": f"cxr train {system}" if known else ""}
    if not runs:
        return row | {"status": "waits: no run yet" if known else "waits: not among the experiments yet"}
    if name not in ours.index:
        return row | {"status": "waits: no record holds this figure"}
    value, low, high = ours.loc[name]
    reasons = departures(runs[0], text, figure, ours)
    row |= {"reproduced": value, "ci_low": low, "ci_high": high, "status": _status(runs, reasons)}
    return row if reasons else row | {"verdict": verdict(figure["value"], value, low, high)}


def _status(runs: Sequence[Record], reasons: list[str]) -> str:
    """Return "real" for runs on real films, "waits" for runs on synthetic ones, with seeds, pixels and departures."""
    real = runs[0].info["pixels"] != "synthetic film"
    seeds = f"{len(runs)} seed{'s' * (len(runs) > 1)}"
    facts = [seeds, runs[0].info["pixels"], *reasons] if real else reasons
    return f"{'real' if real else 'waits'}: {'; '.join(facts)}"


def verdict(value: float, ours: float, low: float, high: float) -> str:
    """Return "reproduced", "higher" or "lower" (ours against the reported `value`); NaN bounds mean no interval."""
    if pd.isna(low):
        last_digit = Decimal(1).scaleb(Decimal(str(value)).as_tuple().exponent)
        agrees = abs(ours - value) <= float(last_digit) / 2
    else:
        agrees = low <= value <= high
    return "reproduced" if agrees else "higher" if ours > value else "lower"


def brief(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the table as a page can hold it: system, metric, reported, ours with its interval, verdict."""
    ours = [_ours_in_words(row) for row in comparison.itertuples()]
    said = [f"{value:,.0f}" if float(value).is_integer() else f"{value:g}" for value in comparison.reported]
    verdicts = comparison.verdict.mask(comparison.status.str.startswith("waits: no"), "waits")
    return comparison[["system", "metric"]].assign(reported=said, ours=ours, verdict=verdicts)


def reasons(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return one row per system and status: the metrics it holds for, and in what the runs depart from the text."""
    groups = comparison.groupby(["system", "status"], sort=False).metric.agg(", ".join)
    return groups.reset_index()[["system", "metric", "status"]].rename(columns={"metric": "metrics"})


def _ours_in_words(row) -> str:
    if pd.isna(row.reproduced):
        return ABSENT
    digits = 3 if row.reproduced < 10 else 1 if row.reproduced < 1000 else 0
    value, low, high = (f"{number:,.{digits}f}" for number in (row.reproduced, row.ci_low, row.ci_high))
    return value if pd.isna(row.ci_low) else f"{value} ({low}–{high})"
