"""The appendix that lists every run record."""

import pandas as pd

from cxr_helpers.records import Record
from cxr_helpers.report import tables
from cxr_helpers.report.chapters import Chapter

NAME = "run_records"


def run_records(records: list[Record]) -> Chapter:
    """Return the chapter that lists `records`, one row a run (model, protocol and seed stand in its name)."""
    caption = (
        "All run records. Each row is a folder under `reports/`, named by model, protocol, seed and configuration: its "
        "`run.json` holds the whole configuration, the package versions and the data hash, its `scores.csv` the scores "
        "that all results are computed from."
    )
    rows = pd.DataFrame([_row(record) for record in records])
    table = f':::::: {{.table id="tbl:run-records"}}\n\n{caption}\n\n{tables.markdown(rows, digits=1)}\n\n::::::'
    listing = table if records else "No training run has been recorded for this profile."
    return Chapter(NAME, f':::::::::: {{.cell number="1"}}\n\n# Run records\n\n{listing}\n\n::::::::::\n', {})


def _row(record: Record) -> dict[str, object]:
    info = record.info
    return {
        "Run": f"`{record.run_id}`",
        "Start": record.config.start,
        "Pixels": f"{info.get('pixels', 'unknown')}, at {record.config.size}",
        "Trained on": info.get("images", {}).get("train"),
        "Epochs": record.epochs,
        "Parameters": info.get("parameters"),
        "Device": info.get("device"),
        "Minutes": info["wall_time_s"] / 60 if "wall_time_s" in info else None,
    }
