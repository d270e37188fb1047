"""The last chapters of the supplement: how results were made (run records with configurations), and the checklists."""

from collections.abc import Mapping, Sequence

import pandas as pd

from cxr_helpers import experiments, records
from cxr_helpers.config import Config
from cxr_helpers.extras.report import checklists
from cxr_helpers.extras.report.checklists import listed, table
from cxr_helpers.records import Record
from cxr_helpers.report.tree import Part


def chapters(profile: str) -> list[Part]:
    """Return the chapters that no notebook computes, in the order in which the supplement has them."""
    made = [name for name, each in experiments.load(profile).items() if records.recorded(each, profile)]
    return [run_records({name: records.of(name, profile) for name in made}), *checklists.chapters(profile)]


def run_records(made: Mapping[str, Sequence[Record]]) -> Part:
    """Return the chapter that lists the runs of every experiment: what they were, and the configuration that made them."""
    if not made:
        return listed("run_records", "# Run records\n\nNo training run has been recorded for this profile.")
    caption = (
        "The experiments that have runs: what departs from the defaults of `cxr_helpers/config.py`, the number of runs (one a "
        "protocol and seed), training images, epochs and device of the first, and the minutes of all. `cxr train EXPERIMENT` "
        "makes them. Each run is a folder under `reports/runs/`, named by model, protocol, seed and configuration: its "
        "`run.json` holds the whole configuration, the package versions and data hash, its `scores.csv` the scores "
        "that all results are computed from."
    )
    rows = pd.DataFrame([_row(name, runs) for name, runs in made.items()]).astype({"Images": "Int64", "Epochs": "Int64"})
    return listed("run_records", f"# Run records\n\n{table('tbl:run-records', caption, rows, digits=1)}")


def _row(name: str, runs: Sequence[Record]) -> dict[str, object]:
    first, info = runs[0], runs[0].info
    return {
        "Experiment": name,
        "Configuration": _departures(first.config),
        "Runs": len(runs),
        "Images": info.get("images", {}).get("train"),
        "Epochs": len(first.table("history")) if "history" in first.names else None,
        "Device": (info.get("device") or "").partition(" (")[0],
        "Minutes": sum(run.info.get("wall_time_s", 0) for run in runs) / 60,
    }


def _departures(config: Config) -> str:
    """Return a configuration's departures from the defaults, without what tells its runs apart."""
    departures = {name: value for name, value in config.departures().items() if name not in ("protocol", "seed")}
    values = {name: " + ".join(value) if isinstance(value, tuple) else value for name, value in departures.items()}
    return ", ".join(f"`{name} = {value}`" for name, value in values.items())
