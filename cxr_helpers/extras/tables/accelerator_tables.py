"""What an accelerator did: its rates, and the runs of the training matrix that were made on one."""

import pandas as pd

from cxr_helpers import records
from cxr_helpers.base import stored_results
from cxr_helpers.records import Record
from cxr_helpers.training import matrix

_NONE = "–"


def rates(figures: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of the measurement `accelerator`: what, median (95 % interval)."""
    cells = [f"{row.value:,.4g} ({row.ci_low:,.4g}–{row.ci_high:,.4g})" for row in figures.itertuples()]
    return pd.DataFrame({"what": figures.figure, "median (95 % interval)": cells})


def runs(profile: str) -> pd.DataFrame:
    """Return one row per system of the matrix that has records.

    system; device; runs; epochs (least–most); images/s (training images a second of a run, least–most, beside `side by side`
    runs on one device); memory (MB of the accelerator that a run had in use at most).
    """
    rows = []
    for system in matrix.systems(profile):
        found = [record for config in system.configs if (record := records.load(config, profile))]
        if found:
            rates = [record.epochs * record.info["images"]["train"] / record.info["training_time_s"] for record in found]
            memory = [each for record in found if (each := record.info.get("accelerator_peak_memory_mb"))]
            rows.append(
                {
                    "system": system.name,
                    "device": found[0].info["device"],
                    "runs": len(found),
                    "precision": found[0].config.precision,
                    "epochs": _range([record.epochs for record in found]),
                    "images/s": _range(rates),
                    "side by side": _shared(found),
                    "memory (MB)": _range(memory) if memory else _NONE,
                }
            )
    return pd.DataFrame(rows)


def figures(profile: str) -> pd.DataFrame | None:
    """Return the figures of the measurement `accelerator`, None where it was not made."""
    return stored_results.measurement("accelerator", profile, missing_ok=True)


def _range(values: list[float]) -> str:
    low, high = f"{min(values):,.0f}", f"{max(values):,.0f}"
    return low if low == high else f"{low}–{high}"


def _shared(found: list[Record]) -> int:
    return max(record.info.get("side_by_side", 1) for record in found)
