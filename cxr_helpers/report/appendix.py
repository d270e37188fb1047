"""The appendices on how results were made: every run record, and the environment that made them."""

import os

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.config import Config
from cxr_helpers.evaluation import metrics
from cxr_helpers.experiments import Experiment
from cxr_helpers.extras.benchmarks import reproducibility
from cxr_helpers.records import Record
from cxr_helpers.report import data_flow, origins, table_cells
from cxr_helpers.report.chapters import Chapter

NAME = "run_records"
_MEMBERS = "its members'"  # of a run that joins others
HASH_DIGITS = 12  # of a data hash in print; run.json has them all


def run_records(records: list[Record], systems: dict[str, Experiment], profile: str) -> Chapter:
    """Return the chapter that lists `records`: what each run was, what it found; on the page also each system's, in words."""
    if not records:
        return chapter(NAME, "# Run records\n\nNo training run has been recorded for this profile.")
    caption = (
        "All run records. Each row is a folder under `reports/`, named by model, protocol, seed and configuration: its "
        "`run.json` holds the whole configuration, the package versions and the data hash, its `scores.csv` the scores "
        "that all results are computed from."
    )
    answers = (
        "What each run answers for, and its ROC AUC and accuracy at 0.5 on its own test images. A revision that ends in "
        "`-dirty` was run with changes of the code that were not committed yet."
    )
    whole = {"Trained on": "Int64", "Epochs": "Int64", "Parameters": "Int64"}
    runs = pd.DataFrame([_row(record) for record in records]).astype(whole)
    found = pd.DataFrame([_result(record, systems) for record in records])
    pieces = [
        "# Run records",
        table("tbl:run-records", caption, runs, digits=1),
        table("tbl:run-results", answers, found),
        ":::::: {.page-only}",
        *(_described(system, records, profile) for system in systems.values()),
        *(_stored(name, each, profile) for name, each in data_flow.STORED.items() if each.path(profile).is_file()),
        "::::::",
    ]
    return chapter(NAME, "\n\n".join(pieces))


def configurations(systems: dict[str, Experiment]) -> Chapter:
    """Return the chapter that lists each recorded system's configuration, as far as it departs from the defaults."""
    rows = [
        {"System": name, "Title": system.title, "Configuration": _departures(system.configs[0]), "Runs": len(system.configs)}
        for name, system in systems.items()
    ]
    caption = (
        "The systems that have runs, as `cxr_helpers/experiments.toml` has them: what departs from the defaults of "
        "`cxr_helpers/config.py`. `cxr train SYSTEM` makes a row's runs, one a protocol and seed."
    )
    return chapter("configurations", f"# Configurations\n\n{table('tbl:configurations', caption, pd.DataFrame(rows))}")


def environment(records: list[Record], profile: str) -> Chapter:
    """Return the chapter that counts with which packages, devices and revisions of the code the runs were made.

    Where `cxr measure reproducibility` was run, it says what another process, thread count, backend or device changes.
    """
    seen = [pair for record in records for pair in _made_with(record)]
    counted = pd.DataFrame(seen, columns=["What", "Version"]).value_counts().rename("Runs").reset_index()
    caption = "With what the runs were made, read from their records; `requirements.lock.txt` pins what a new run is made with."
    shown = table("tbl:environment", caption, counted.sort_values(["What", "Version"], ignore_index=True))
    measured = stored_results.measurement("reproducibility", profile, missing_ok=True)
    if measured is not None:
        caption = (
            "What computing anew changes: differences of P(PNEUMONIA) between two cores under TensorFlow and another process, "
            "one thread, another backend, or the device that made a record, "
            "which multiplies in TF32 or bfloat16; and the images that change class by it. A network that is trained throughout "
            "magnifies rounding: threads add sums in another order, and some hundred steps later the weights are others."
        )
        shown += "\n" + table("tbl:reproducibility", caption, reproducibility.table(measured))
    return chapter("environment", f"# Environment\n\n{shown}")


def chapter(name: str, markdown: str) -> Chapter:
    """Return an appendix of one cell and no figures, from Markdown that begins with its title."""
    return Chapter(name, f':::::::::: {{.cell number="1"}}\n\n{markdown}\n\n::::::::::\n', {})


def table(label: str, caption: str, rows: pd.DataFrame, digits: int = 3) -> str:
    """Return the Markdown of a table with label and caption, as the chapter template makes it."""
    return f':::::: {{.table id="{label}"}}\n\n{caption}\n\n{table_cells.markdown(rows, digits)}\n\n::::::'


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


def _result(record: Record, systems: dict[str, Experiment]) -> dict[str, object]:
    test = record.split("test") if "scores" in record.names and "label" not in record.scores else pd.DataFrame()
    found = metrics.points(test) if len(test) and test.y_true.nunique() == 2 else {}
    return {
        "Run": f"`{record.run_id}`",
        "System": ", ".join(name for name, system in systems.items() if record.config in system.configs),
        "Data": f"`{record.info.get('data_hash', 'unknown')[:HASH_DIGITS]}`",
        "Revision": f"`{record.info.get('git_revision', 'unknown')}`",
        "ROC AUC": found.get("roc_auc"),
        "Accuracy": found.get("accuracy"),
    }


def _made_with(record: Record) -> list[tuple[str, str]]:
    info = record.info
    packages = [(f"`{name}`", version) for name, version in info.get("packages", {}).items()]
    return [*packages, ("device", info.get("device", "unknown")), ("pixels", info.get("pixels", "unknown"))]


def _described(system: Experiment, records: list[Record], profile: str) -> str:
    """Return a system's configuration, command and runs under the anchor that tables and figures lead to."""
    own = [record for record in records if record.config in system.configs]
    command = f"`cxr train {system.name} --profile {profile}`"
    lines = [
        f"::: {{#{origins.anchor(system.name)}}}",
        f"**{system.name}**: {system.title}. Made by {command} from {_departures(system.configs[0])}.",
        "\n".join(_run_line(record) for record in own),
        ":::",
    ]
    return "\n\n".join(lines)


def _stored(name: str, stored: data_flow.Stored, profile: str) -> str:
    """Return the file, digest and command of a stored result under the anchor that numbers lead to."""
    made = f"made by `{stored.command} --profile {profile}`" if stored.command else "written by hand"
    file = os.path.relpath(stored.path(profile), paths.reports(profile))
    said = f"**{name}**: [`{stored.file}`]({file}), {made}; SHA-256 `{stored.digest(profile)}`."
    return f"::: {{#{data_flow.anchor(name)}}}\n{said}\n:::"


def _run_line(record: Record) -> str:
    info = record.info
    return (
        f"- [`{record.run_id}`](runs/{record.run_id}/run.json): protocol {record.config.protocol}, seed {record.config.seed}, "
        f"data `{info.get('data_hash', 'unknown')[:HASH_DIGITS]}`, revision `{info.get('git_revision', 'unknown')}`; "
        "figures in @tbl:run-results"
    )


def _departures(config: Config) -> str:
    """Return a configuration's departures from the defaults, without what tells its runs apart."""
    departures = {name: value for name, value in config.departures().items() if name not in ("protocol", "seed")}
    return ", ".join(f"`{name} = {_value(value)}`" for name, value in departures.items())


def _value(value: object) -> str:
    return " + ".join(value) if isinstance(value, tuple) else str(value)
