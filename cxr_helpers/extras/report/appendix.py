"""The last chapters of the supplement: how results were made (configurations, run records), and the checklists."""

import dataclasses

import pandas as pd

from cxr_helpers import experiments, records
from cxr_helpers.config import Config
from cxr_helpers.evaluation import metrics
from cxr_helpers.experiments import Experiment
from cxr_helpers.extras.report import checklists
from cxr_helpers.records import Record
from cxr_helpers.report.chapters import Chapter, listed, table

_MEMBERS = "its members'"  # of a run that joins others
HASH_DIGITS = 12  # of a data hash in print; run.json has them all


def chapters(profile: str) -> list[Chapter]:
    """Return the chapters that no notebook computes, in the order in which the supplement has them."""
    runs = records.every(profile)
    ways = {name: (each, records.recorded_way(each, profile)) for name, each in experiments.load(profile).items()}
    recorded = {name: dataclasses.replace(each, configs=way, fallback=()) for name, (each, way) in ways.items() if way}
    made = [configurations(recorded)] if recorded else []
    return [*made, run_records(runs, recorded), *checklists.chapters(profile)]


def run_records(runs: list[Record], recorded: dict[str, Experiment]) -> Chapter:
    """Return the chapter that lists the records `runs`: what each run was, and what it found."""
    if not runs:
        return listed("run_records", "# Run records\n\nNo training run has been recorded for this profile.")
    caption = (
        "All run records. Each row is a folder under `reports/`, named by model, protocol, seed and configuration: its "
        "`run.json` holds the whole configuration, the package versions and data hash, its `scores.csv` the scores "
        "that all results are computed from."
    )
    answers = (
        "What each run answers for, and its ROC AUC and accuracy at 0.5 on its own test images. A revision that ends in "
        "`-dirty` was run with changes of the code that were not committed yet."
    )
    whole = {"Trained on": "Int64", "Epochs": "Int64", "Parameters": "Int64"}
    rows = pd.DataFrame([_row(record) for record in runs]).astype(whole)
    found = pd.DataFrame([_result(record, recorded) for record in runs])
    pieces = ["# Run records", table("tbl:run-records", caption, rows, digits=1), table("tbl:run-results", answers, found)]
    return listed("run_records", "\n\n".join(pieces))


def configurations(recorded: dict[str, Experiment]) -> Chapter:
    """Return the chapter that lists each recorded experiment's configuration, as far as it departs from the defaults."""
    rows = [
        {"Experiment": name, "Title": each.title, "Configuration": _departures(each.configs[0]), "Runs": len(each.configs)}
        for name, each in recorded.items()
    ]
    caption = (
        "The experiments that have runs, as `cxr_helpers/experiments.toml` has them: what departs from the defaults of "
        "`cxr_helpers/config.py`. `cxr train EXPERIMENT` makes a row's runs, one a protocol and seed."
    )
    return listed("configurations", f"# Configurations\n\n{table('tbl:configurations', caption, pd.DataFrame(rows))}")


def _row(record: Record) -> dict[str, object]:
    info = record.info
    return {
        "Run": f"`{record.run_id}`",
        "Start": _MEMBERS if record.config.members else record.config.start,
        "Pixels": _MEMBERS if record.config.members else f"{info.get('pixels', 'unknown')}, at {record.config.size}",
        "Trained on": info.get("images", {}).get("train"),
        "Epochs": record.epochs,
        "Parameters": info.get("parameters"),
        "Device": info.get("device"),
        "Minutes": info["wall_time_s"] / 60 if "wall_time_s" in info else None,
    }


def _result(record: Record, recorded: dict[str, Experiment]) -> dict[str, object]:
    test = record.split("test") if "scores" in record.names and "label" not in record.scores else pd.DataFrame()
    found = metrics.points(test) if len(test) and test.y_true.nunique() == 2 else {}
    return {
        "Run": f"`{record.run_id}`",
        "Experiment": ", ".join(name for name, each in recorded.items() if record.config in each.configs),
        "Data": f"`{record.info.get('data_hash', 'unknown')[:HASH_DIGITS]}`",
        "Revision": f"`{record.info.get('git_revision', 'unknown')}`",
        "ROC AUC": found.get("roc_auc"),
        "Accuracy": found.get("accuracy"),
    }


def _departures(config: Config) -> str:
    """Return a configuration's departures from the defaults, without what tells its runs apart."""
    departures = {name: value for name, value in config.departures().items() if name not in ("protocol", "seed")}
    return ", ".join(f"`{name} = {_value(value)}`" for name, value in departures.items())


def _value(value: object) -> str:
    return " + ".join(value) if isinstance(value, tuple) else str(value)
