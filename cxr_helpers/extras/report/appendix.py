"""The last chapters of the supplement: how results were made (configurations, run records), and the checklists."""


import pandas as pd

from cxr_helpers import experiments, records
from cxr_helpers.config import Config
from cxr_helpers.experiments import Experiment
from cxr_helpers.extras.report import checklists
from cxr_helpers.extras.report.computed import listed, table
from cxr_helpers.records import Record
from cxr_helpers.report.chapters import Chapter

_MEMBERS = "its members'"  # of a run that joins others


def chapters(profile: str) -> list[Chapter]:
    """Return the chapters that no notebook computes, in the order in which the supplement has them."""
    runs = records.every(profile)
    recorded = {name: each for name, each in experiments.load(profile).items() if records.recorded_way(each, profile)}
    made = [configurations(recorded)] if recorded else []
    return [*made, run_records(runs), *checklists.chapters(profile)]


def run_records(runs: list[Record]) -> Chapter:
    """Return the chapter that lists the records `runs`: what each run was."""
    if not runs:
        return listed("run_records", "# Run records\n\nNo training run has been recorded for this profile.")
    caption = (
        "All run records. Each row is a folder under `reports/`, named by model, protocol, seed and configuration: its "
        "`run.json` holds the whole configuration, the package versions and data hash, its `scores.csv` the scores "
        "that all results are computed from."
    )
    whole = {"Trained on": "Int64", "Epochs": "Int64", "Parameters": "Int64"}
    rows = pd.DataFrame([_row(record) for record in runs]).astype(whole)
    return listed("run_records", f"# Run records\n\n{table('tbl:run-records', caption, rows, digits=1)}")


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


def _departures(config: Config) -> str:
    """Return a configuration's departures from the defaults, without what tells its runs apart."""
    departures = {name: value for name, value in config.departures().items() if name not in ("protocol", "seed")}
    return ", ".join(f"`{name} = {_value(value)}`" for name, value in departures.items())


def _value(value: object) -> str:
    return " + ".join(value) if isinstance(value, tuple) else str(value)
