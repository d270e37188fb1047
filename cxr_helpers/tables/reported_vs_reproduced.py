"""The table of claims: every figure that a source document reports, once, beside that of runs and measurements."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers import experiments, paths
from cxr_helpers.base import stored_results
from cxr_helpers.base.files import atomic_write
from cxr_helpers.evaluation import metrics
from cxr_helpers.records import Record
from cxr_helpers.tables import selection, statistics, verdicts

COLUMNS = ["system", "source", "metric", "reported", "reproduced", "ci_low", "ci_high", "verdict", "status", "command"]
COLUMNS += ["claim_id", "kind", "readings", "readings_reaching"]
SOURCES = {"T": "Kondragunta 2024", "R": "Rahman et al. 2024", "K": "Kilaru 2025"}
SOURCES |= {"I": "IJAREAS 2025", "V": "Valenzuela 2024"}
Runs = Mapping[str, Sequence[Record]]
# Figures that a reading has no column of, from those that it has: (table, split, images of PNEUMONIA, of NORMAL) -> values.
_DERIVED: dict[str, Callable] = {
    "tp": lambda table, split, positives, negatives: table[f"{split}_recall"] * positives,
    "fn": lambda table, split, positives, negatives: (1 - table[f"{split}_recall"]) * positives,
    "tn": lambda table, split, positives, negatives: table[f"{split}_specificity"] * negatives,
    "fp": lambda table, split, positives, negatives: (1 - table[f"{split}_specificity"]) * negatives,
    "training accuracy": lambda table, split, positives, negatives: table.train_accuracy,
    statistics.GAP: lambda table, split, positives, negatives: table.train_accuracy - table[f"{split}_accuracy"],
}


@dataclasses.dataclass(frozen=True)
class Found:
    """Our figure beside a reported one, with its 95 % interval (NaN: none); `tested`: whether the one tests the other."""

    status: str
    tested: bool = False
    value: float = np.nan
    low: float = np.nan
    high: float = np.nan

    @property
    def interval(self) -> verdicts.Interval:
        """Return the interval, which is the value itself where there is none."""
        return (self.value, self.value) if np.isnan(self.low) else (self.low, self.high)


def reported() -> dict[str, dict]:
    """Return what the source documents report, by experiment, from reports/reported.toml (its head explains the fields).

    An entry with `same_as` takes what it does not say from the entry that it names.
    """
    texts = stored_results.read(paths.reports("full") / "reported.toml", "")
    texts = {name: texts.get(text.get("same_as"), {}) | text for name, text in texts.items()}
    sources = {name: {"source": SOURCES[one.source]} for name, one in experiments.load("full").items() if one.source}
    return {name: sources.get(name, {}) | text for name, text in texts.items()}


def load_readings(name: str, profile: str, missing_ok: bool = False) -> pd.DataFrame | None:
    """Return the readings of a claim, as `extras.makers.readings.make` makes them; errors as `stored_results.read`."""
    path = paths.reports(profile) / "readings" / f"{name}.csv"
    return stored_results.read(path, f"cxr readings {name} --profile {profile}", missing_ok)


def of_readings(table: pd.DataFrame, split: str, metric: str, images: tuple[int, int]) -> list[float]:
    """Return a figure of every reading, measured on so many `images` of PNEUMONIA and NORMAL; empty where there is none."""
    if metric in _DERIVED:
        return _DERIVED[metric](table, split, *images).to_list()
    return table[f"{split}_{metric}"].to_list() if f"{split}_{metric}" in table else []


def table(runs: Runs, texts: Mapping[str, dict] | None = None, profile: str = "full") -> pd.DataFrame:
    """Set every reported figure beside ours: one row per claim of `texts` (default: `reported()`), columns `COLUMNS`.

    `runs`: experiment -> its runs, one per seed (and fold). `reproduced` is the mean over seeds, ci_low and ci_high its 95 %
    interval over patients (none for figures of the run itself), or what was measured with its spread. `verdict`: one of
    `verdicts.WORDS`. `status`: what the runs are and in what they depart from the text, or
    for what the row waits. `readings`: how many runs of the text there are, `readings_reaching`: how many agree with the figure.
    """
    known, texts, rows = experiments.load("full"), reported() if texts is None else texts, []
    for name, text in texts.items():
        if "same_as" in text:
            continue
        ways = [name, *(other for other, its in texts.items() if its.get("same_as") == name)]
        ours = {way: statistics.figures(runs[way], texts[way].get("split", "test")) for way in ways if runs.get(way)}
        read = load_readings(text["combinations"], profile, missing_ok=True) if ours and "combinations" in text else None
        for figure in text["figures"]:
            row = {"system": name, "source": text["source"], "metric": figure["metric"], "reported": figure["value"]}
            slug = re.sub("[^a-z0-9]+", "-", figure["metric"].lower()).strip("-")
            row |= {"claim_id": f"{name}-{slug}", "kind": verdicts.kind(figure["metric"])}
            row |= {"command": f"cxr train {name}" if name in known else ""}
            waits = known[name].waits_for or "no run yet" if name in known else "not among the experiments yet"
            found, values = [Found(f"waits: {waits}")], []
            if "measured" in figure:
                row |= {"command": f"cxr measure {figure['measured']}"}
                found = [_measured(profile, text, figure)]
            elif ours:
                found = [_of_runs(runs, way, ours[way], texts, figure) for way in ours]
                if read is not None:
                    values = of_readings(read, text.get("split", "test"), _name(figure), text["images"])
            rows.append(row | _judged(figure, text, found, values))
    return pd.DataFrame(rows, columns=COLUMNS)


def write(comparison: pd.DataFrame, profile: str) -> Path:
    """Store the table as `reported_vs_reproduced.csv` among the profile's tables and return its path."""
    path = paths.tables(profile) / "reported_vs_reproduced.csv"
    atomic_write(path, comparison.round(6).to_csv(index=False))
    return path


def limited(comparison: pd.DataFrame) -> pd.Series:
    """Return for each row whether its figure was tested although ours differs from the text's, as its status says."""
    return (comparison.readings > 0) & comparison.status.astype(str).str.contains(verdicts.LIMIT)


def _name(figure: dict) -> str:
    return figure.get("of", figure["metric"])


def _judged(figure: dict, text: dict, found: Sequence[Found], values: Sequence[float]) -> dict:
    """Return what a row holds of the first run that tests its figure, or of the first at all, and of all readings."""
    tested = [each for each in found if each.tested]
    ours = tested[0] if tested else found[0]
    row = {"reproduced": ours.value, "ci_low": ours.low, "ci_high": ours.high, "status": ours.status}
    row |= {"readings": len(tested) and len(tested) + len(values), "readings_reaching": 0}
    if not tested:
        return row | {"verdict": verdicts.NOT_TESTED}
    value, name, images = figure["value"], _name(figure), text.get("images")
    if "measured" in figure or "against" in figure:
        name, images = figure["metric"], None if "measured" in figure else images
    spread = ours.value - ours.interval[0], ours.interval[1] - ours.value
    reached = [verdicts.agrees(name, value, each.value, images, each.interval, spread) for each in tested]
    reached += [verdicts.agrees(name, value, each, images, None, spread) for each in values]
    word = verdicts.verdict(value, [*(each.value for each in tested), *values], reached)
    return row | {"readings_reaching": sum(reached), "verdict": word}


def _of_runs(runs: Runs, way: str, ours: pd.DataFrame, texts: Mapping[str, dict], figure: dict) -> Found:
    """Return what the runs of one way to read a text say of its figure; `ours` are all their figures."""
    own, text, name, images = runs[way], texts[way], _name(figure), ours.attrs["images"]
    reasons, limits = departures(own[0], text, figure, images)
    if "against" in figure:
        other = figure["against"]
        if not runs.get(other):
            return Found(f"waits: no run of {other} yet")
        both = departures(runs[other][0], texts.get(other, {}), {}, images)
        reasons, limits = (mine + [f"{other}: {one}" for one in its] for mine, its in zip((reasons, limits), both, strict=True))
        if name in metrics.TITLES:
            ours = metrics.difference(selection.pooled(own), selection.pooled(runs[other]))
        else:  # of many labels: no pairs of scores
            ours = ours[["value"]].reindex(columns=statistics.COLUMNS) - statistics.figures(runs[other])
    if name not in ours.index:
        return Found("waits: no record holds this figure")
    facts, pixels = [*reasons, *limits], own[0].info["pixels"]
    if pixels == "synthetic image":
        return Found(f"waits: {'; '.join(facts)}", not reasons, *ours.loc[name, statistics.COLUMNS])
    seeds, folds = (len({getattr(run.config, field) for run in own}) for field in ("seed", "protocol"))
    facts = [f"{seeds} seed{'s' * (seeds > 1)}", *([f"{folds} folds"] if folds > 1 else []), pixels, *facts]
    return Found(f"real: {'; '.join(facts)}", not reasons, *ours.loc[name, statistics.COLUMNS])


def _measured(profile: str, text: dict, figure: dict) -> Found:
    """Return what a measurement says of a figure; what the text says of another machine is not judged."""
    found = stored_results.measurement(figure["measured"], profile, missing_ok=True)
    if found is None or _name(figure) not in set(found.figure):
        return Found("waits: not measured yet")
    value, low, high = found.set_index("figure").loc[_name(figure), statistics.COLUMNS]
    if profile == "smoke":
        return Found("waits: synthetic images", False, value, low, high)
    facts = ["measured", figure.get("apart"), verdicts.LIMIT + figure["limits"] if "limits" in figure else None]
    # A whole order wide, or around the claim although ours is more than half an order away: "consistent" then says little.
    wide = high - low >= 1 or (low <= figure["value"] <= high and abs(value - figure["value"]) > 0.5)
    if wide and verdicts.kind(figure["metric"]) == verdicts.GROWTH:
        facts.append(verdicts.TOO_WIDE)
    return Found(f"real: {'; '.join(filter(None, facts))}", "apart" not in figure, value, low, high)


def departures(run: Record, text: dict, figure: dict, images: int) -> tuple[list[str], list[str]]:
    """Return in what a run departs from the text, as far as it matters for a figure: what forbids a verdict, and what is open.

    Open is what the text does not say (its `readings`), and what its entry names as the `limits` of the comparison.
    """
    forbids, leaves_open = [], []
    if run.info["pixels"] == "synthetic image":
        forbids.append("synthetic images")
    for field, said in figure.get("config", text.get("config", {})).items():
        if getattr(run.config, field) != said:
            is_open = field in text.get("readings", ())
            words = f"{field} {getattr(run.config, field)}, {'read as' if is_open else 'text'} {said}"
            (leaves_open if is_open else forbids).append(words)
    if "n" in figure and figure["n"] != images:
        forbids.append(f"{images} images, text {figure['n']}")
    if "apart" in figure:
        forbids.append(figure["apart"])
    leaves_open += [verdicts.LIMIT + said["limits"] for said in (text, figure) if "limits" in said]
    return forbids, leaves_open


def brief(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the table as a page can hold it: experiment, metric, reported, ours and what it means, readings, verdict."""
    numbers = {"reported": "reported", "reproduced": "ours", "ci_low": "ours_low", "ci_high": "ours_high"}
    table = comparison[["system", "metric", *numbers]].rename(columns={"system": "experiment", **numbers})
    table = table.astype(dict.fromkeys(numbers.values(), float)).assign(metric=comparison.metric.map(metrics.title))
    table["ours is"] = [
        verdicts.meaning(row.metric, row.reported, row.reproduced) if row.verdict in (verdicts.INSIDE, verdicts.OUTSIDE) else ""
        for row in comparison.itertuples()
    ]
    reached = zip(comparison.readings_reaching, comparison.readings, strict=True)
    table["readings that reach it"] = [f"{some:.0f} of {many}" if many else "" for some, many in reached]
    counted = np.where(comparison.verdict == verdicts.INSIDE, " (" + table["readings that reach it"] + ")", "")
    marks = counted + np.where(limited(comparison), f" ({verdicts.LIMITED})", "")
    table = table.assign(verdict=comparison.verdict + marks).reset_index(drop=True)
    table.attrs["digits"] = {
        "reported": lambda value: "{:,.0f}" if float(value).is_integer() else "{:g}",
        "ours": lambda value: 3 if abs(value) < 10 else 1 if value < 1000 else 0,
    }
    return table
