"""What the segmenter's record says: overlap with masks drawn by hand, which masks are flagged, the cardiothoracic ratio."""

from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.evaluation import bootstrap
from cxr_helpers.records import Record
from cxr_helpers.tables import statistics

GROUPS = {
    "guangzhou_normal": "Guangzhou, normal",
    "guangzhou_pneumonia": "Guangzhou, pneumonia",
    "jsrt": "JSRT, adults",
    "lesion_masks": "adults with pneumonia",
    "external_adult": "adults, masks of another network",
    "synthetic": "synthetic",
}
COLOURS = {"lungs": (240, 228, 66), "heart": (232, 116, 59)}  # RGB: yellow and orange


def overlap_table(run: Record) -> pd.DataFrame:
    """Return one row a group and structure: images, patients, Dice of segmenter and of one fixed outline, 95 % intervals."""
    rows = []
    for (group, structure), images in _groups(run.table("overlaps")):
        row = {"images of": GROUPS[group], "structure": structure, "n": len(images), "patients": images.patient_id.nunique()}
        for name, title in (("dice", "Dice"), ("fixed", "Dice of a fixed outline")):
            row |= statistics.columns(title, bootstrap.mean_interval(images[name].to_numpy(), images.patient_id.to_numpy()))
        rows.append(row)
    return pd.DataFrame(rows)


def flag_table(figures: pd.DataFrame) -> pd.DataFrame:
    """Return one row a set of the measurement "flags": images, poor masks, shares of poor and of good ones flagged."""
    found, rows = figures.set_index("figure"), []
    for name in [name.removesuffix(": good masks") for name in found.index if name.endswith(": good masks")]:
        poor, good = (found.value[f"{name}: {kind} masks"] for kind in ("poor", "good"))
        row = {"images of": GROUPS.get(name, name), "n": poor + good, "poor masks": poor}
        for kind in ("poor", "good"):
            share = f"{name}: {kind} masks flagged"
            row |= statistics.columns(f"{kind} masks flagged", found.loc[share] if share in found.index else None)
        rows.append(row)
    return statistics.shown_as(rows, {"n": 0, "poor masks": 0})


def ratio_error(run: Record) -> pd.Series:
    """Return value, ci_low, ci_high of the mean absolute error of the cardiothoracic ratio, `constant` (the error of giving
    every image the mean ratio), `n` and `measured` (images whose ratio could be measured)."""
    table = run.table("overlaps")
    known = table[table.true_ratio.notna() & (table.structure == "lungs")]
    measured = known.dropna(subset=["ratio"])
    error = (measured.ratio - measured.true_ratio).abs().to_numpy()
    constant = (known.true_ratio - known.true_ratio.mean()).abs().mean()
    found = bootstrap.mean_interval(error, measured.patient_id.to_numpy())
    return pd.concat([found, pd.Series({"constant": constant, "n": len(known), "measured": len(measured)})])


def write(run: Record, profile: str) -> Path:
    """Store the Dice coefficient of the lungs by group as `lung_segmenter.csv` (data, n, dice, ci_low, ci_high)."""
    rows = []
    for (group, _), images in _groups(run.table("overlaps").query("structure == 'lungs'")):
        found = bootstrap.mean_interval(images.dice.to_numpy(), images.patient_id.to_numpy())
        rows.append({"data": group, "n": len(images), "dice": found.value, "ci_low": found.ci_low, "ci_high": found.ci_high})
    path = paths.tables(profile) / "lung_segmenter.csv"
    atomic_write(path, pd.DataFrame(rows).round(6).to_csv(index=False))
    return path


def _groups(table: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Return ((group, structure), its images) in the order of `GROUPS`, lungs before heart."""
    parts = dict(list(table.groupby(["group", "structure"])))
    return [((group, name), parts[group, name]) for group in GROUPS for name in ("lungs", "heart") if (group, name) in parts]
