"""What an accelerator did: the runs of the training matrix that were made on one."""

import pandas as pd

from cxr_helpers import records
from cxr_helpers.training import matrix


def runs(profile: str) -> pd.DataFrame:
    """Return one row per experiment of the matrix that has records.

    experiment; device; runs; precision; epochs (least–most); images/s (training images a second of a run, least–most, beside
    `side by side` runs on one device); memory (MB of the accelerator that a run had in use at most).
    """
    rows = []
    for experiment in matrix.systems(profile):
        found = [record for config in experiment.configs if (record := records.load(config, profile))]
        if not found:
            continue
        rates = [record.epochs * record.info["images"]["train"] / record.info["training_time_s"] for record in found]
        memory = [each for record in found if (each := record.info.get("accelerator_peak_memory_mb"))]
        row = {"experiment": experiment.name, "device": found[0].info["device"], "runs": len(found)}
        row |= {"precision": found[0].config.precision, "epochs": _range([record.epochs for record in found])}
        row |= {"images/s": _range(rates), "side by side": max(record.info.get("side_by_side", 1) for record in found)}
        rows.append(row | {"memory (MB)": _range(memory)})
    return pd.DataFrame(rows)


def _range(values: list[float]) -> str:
    low, high = (f"{end:,.0f}" for end in (min(values, default=0), max(values, default=0)))
    return "–" if not values else low if low == high else f"{low}–{high}"
