"""The table reported / reproduced: the figures of the source documents beside those of runs and measurements."""

import functools
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pandas as pd

from cxr_helpers import experiments, paths
from cxr_helpers.base import stored_results
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.experiments import Experiment
from cxr_helpers.records import Record
from cxr_helpers.tables import figures, results

COLUMNS = ["system", "source", "metric", "reported", "reproduced", "ci_low", "ci_high", "verdict", "status", "command"]
ABSENT = "–"
NOT_TESTABLE = "not testable here"
SOURCES = {
    "T": "Kondragunta 2024",
    "R": "Rahman et al. 2024",
    "K": "Kilaru 2025",
    "I": "IJAREAS 2025",
    "V": "Valenzuela 2024",
}
# A system that a document names without a figure gets these rows.
NAMED = [{"metric": "accuracy"}, {"metric": "roc_auc"}]
LESS_IS_BETTER = ("bce", "fp", "fn", figures.GAP)
PERFORMANCE = "on performance"
Runs = Mapping[str, Sequence[Record]]


def reported(file: Path | None = None) -> dict[str, dict]:
    """Return what the source documents report, by system, from reports/reported.toml (its head explains the fields).

    Systems of experiments.toml that reproduce a document, but for which it gives no figure, follow with `NAMED`.
    """
    given = file or paths.reports("full") / "reported.toml"
    try:
        texts = tomllib.loads(given.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CxrError(f"{given} cannot be read ({error}); restore it from git.") from error
    if file is None:
        for name, system in experiments.load("full").items():
            if system.source:
                texts.setdefault(name, {"figures": NAMED})
                texts[name].setdefault("source", SOURCES[system.source])
    return texts


def table(runs: Runs, texts: Mapping[str, dict] | None = None, profile: str = "full") -> pd.DataFrame:
    """Set every reported figure beside ours.

    Args:
        runs: system -> its runs, one per seed (and fold); a system without runs waits.
        texts: as `reported()` returns them, which is the default.
        profile: whose measurements are read.

    Returns:
        One row per figure, columns `COLUMNS`. `reproduced` is the mean over seeds, ci_low and ci_high its 95 %
        interval over patients (see `metrics`; none for figures of the run itself), or what was measured with its
        spread. `verdict`: see `verdict`; "not testable here" where the run departs from the text, the text gives no
        figure, or there is no run; `status` ("real: ..." or "waits: ...") says why.
    """
    texts = reported() if texts is None else texts
    known = experiments.load("full")
    rows = []
    for system, text in texts.items():
        subject = _Subject(system, text, runs.get(text.get("runs_of", system), ()), known, profile)
        rows += [_row(subject, figure, runs) for figure in text["figures"]]
    return pd.DataFrame(rows, columns=COLUMNS)


def write(comparison: pd.DataFrame, profile: str) -> Path:
    """Store the table as `reported_vs_reproduced.csv` among the profile's tables and return its path."""
    path = paths.tables(profile) / "reported_vs_reproduced.csv"
    atomic_write(path, comparison.round(6).to_csv(index=False))
    return path


class _Subject:
    """A system of the table: what the text says of it, its runs, and the figures that these give."""

    def __init__(self, name: str, text: dict, runs: Sequence[Record], known: Mapping[str, Experiment], profile: str):
        self.name, self.text, self.runs, self.profile = name, text, runs, profile
        trained = text.get("runs_of", name)
        self.experiment = known.get(trained)
        self.command = f"cxr train {trained}" if trained in known else ""

    @functools.cached_property
    def figures(self) -> pd.DataFrame:
        return figures.of(self.runs, self.text.get("split", "test"), self.text.get("rule", ""))

    def exact(self, figure: dict) -> bool:
        """Tell whether the text's value is no rounded one: a count, or an order of growth."""
        return self.text.get("exact", False) or figure.get("of", figure["metric"]) in metrics.COUNTS


def _row(subject: _Subject, figure: dict, runs: Runs) -> dict:
    row = {"system": subject.name, "source": subject.text["source"], "metric": figure["metric"]}
    row |= {"reported": figure.get("value"), "verdict": NOT_TESTABLE, "command": subject.command}
    if "measured" in figure:
        return row | _measured(subject, figure)
    if not subject.runs:
        return row | {"status": _waiting(subject.experiment)}
    name = figure.get("of", figure["metric"])
    ours, reasons = subject.figures, departures(subject.runs[0], subject.text, figure, subject.figures.attrs["images"])
    if "against" in figure:
        if not runs.get(figure["against"]):
            return row | {"status": f"waits: no run of {figure['against']} yet"}
        ours = metrics.difference(*(results.pooled(part) for part in (subject.runs, runs[figure["against"]])))
    if name not in ours.index:
        return row | {"status": "waits: no record holds this figure"}
    value, low, high = ours.loc[name, figures.COLUMNS]
    row |= {"reproduced": value, "ci_low": low, "ci_high": high, "status": _status(subject.runs, reasons)}
    return row if reasons else row | {"verdict": verdict(figure["value"], value, low, high, subject.exact(figure))}


def _measured(subject: _Subject, figure: dict) -> dict:
    """Return the row's figures from a measurement; what the text says of another machine is not judged."""
    command = f"cxr measure {figure['measured']}"
    found = stored_results.measurement(figure["measured"], subject.profile, missing_ok=True)
    name = figure.get("of", figure["metric"])
    if found is None or name not in set(found.figure):
        return {"status": "waits: not measured yet", "command": command}
    value, low, high = found.set_index("figure").loc[name, figures.COLUMNS]
    row = {"reproduced": value, "ci_low": low, "ci_high": high, "command": command}
    if subject.profile == "smoke":
        return row | {"status": "waits: synthetic images"}
    reason = figure.get("apart") or ("too wide an interval" if undecided(figure["value"], value, low, high) else "")
    if reason:
        return row | {"status": f"real: measured; {reason}"}
    return row | {"status": "real: measured", "verdict": verdict(figure["value"], value, low, high, subject.exact(figure))}


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


def _waiting(experiment: Experiment | None) -> str:
    if experiment is None:
        return "waits: not among the experiments yet"
    return f"waits: {experiment.waits_for or 'no run yet'}"


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


def distinct(comparison: pd.DataFrame, texts: Mapping[str, dict] | None = None) -> pd.Series:
    """Return of each figure that the texts report, once however many rows it has, whether one of them could be judged.

    Index: the system in whose entry of reported.toml the figure first stands (`same_as`), and metric.
    """
    texts = reported() if texts is None else texts
    given = comparison.dropna(subset="reported")
    first = given.system.map(lambda name: texts[name].get("same_as", name))
    return (given.verdict != NOT_TESTABLE).groupby([first, given.metric], sort=False).any()


def judged_in_words(comparison: pd.DataFrame) -> str:
    """Return in words how many rows could be judged, of which kind those are that are reproduced, and where ours are better."""
    judged = comparison[comparison.verdict != NOT_TESTABLE]
    if judged.empty:
        return "None of the documents' figures could be judged."
    kinds = judged.metric.map(_kind)
    agrees = judged.verdict == "reproduced"
    counted = kinds[agrees].value_counts()
    named = f": {', '.join(f'{count} {kind}' for kind, count in counted.items())}" if len(counted) else ""
    apart = judged[~agrees & (kinds == PERFORMANCE)]
    better = (apart.verdict == "higher") ^ apart.metric.isin(LESS_IS_BETTER)
    worse = ", ".join(metrics.title(name) for name in dict.fromkeys(apart.metric[~better]))
    return (
        f"Of the {len(comparison.dropna(subset='reported'))} rows with a reported figure {len(judged)} could be judged, "
        f"and {agrees.sum()} of these are reproduced{named}. Rows on performance: {(kinds == PERFORMANCE).sum()}, of these "
        f"{(agrees & (kinds == PERFORMANCE)).sum()} reproduced, {better.sum()} in which ours is the better figure and "
        f"{(~better).sum()} in which it is the worse{f' ({worse})' if worse else ''}."
    )


def _kind(metric: str) -> str:
    if metric.endswith("exponent of N"):
        return "on growth"
    if metric == "parameters" or "(MB)" in metric:
        return "on size"
    return "on time" if "time" in metric else PERFORMANCE


def brief(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the table as a page can hold it: system, metric, reported, ours with its interval, verdict."""
    ours = [_ours_in_words(row) for row in comparison.itertuples()]
    said = [_said(value) for value in comparison.reported]
    verdicts = comparison.verdict.mask(comparison.reported.isna(), "no figure given").mask(comparison.reproduced.isna(), "waits")
    named = comparison[["system"]].assign(metric=comparison.metric.map(metrics.title))
    return named.assign(reported=said, ours=ours, verdict=verdicts).reset_index(drop=True)


def reasons(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return one row per system and status: the metrics it holds for, and in what the runs depart from the text."""
    named = comparison.assign(metric=comparison.metric.map(metrics.title))
    groups = named.groupby(["system", "status"], sort=False).metric.agg(", ".join)
    return groups.reset_index()[["system", "metric", "status"]].rename(columns={"metric": "metrics"})


def _said(value: float) -> str:
    if pd.isna(value):
        return ABSENT
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:g}"


def _ours_in_words(row) -> str:
    if pd.isna(row.reproduced):
        return ABSENT
    digits = 3 if abs(row.reproduced) < 10 else 1 if row.reproduced < 1000 else 0
    value, low, high = (f"{number:,.{digits}f}" for number in (row.reproduced, row.ci_low, row.ci_high))
    return value if pd.isna(row.ci_low) else f"{value} ({low} to {high})" if row.ci_low < 0 else f"{value} ({low}–{high})"
