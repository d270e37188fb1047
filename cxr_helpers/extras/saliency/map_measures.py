"""The measures of explanation methods: what they are called, where they are stored, and what a chapter shows of them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.extras.saliency import controls, methods

FILE, COMPARISONS, VALUES = "explanation_measures.csv", "explanation_comparisons.csv", "explanations.csv.gz"
COMMAND = "cxr measure-maps"
COLUMNS = ["method", "model", "data", "measure", "value", "ci_low", "ci_high", "n"]
COMPARED = ["method", "control", "model", "data", "measure", "value", "ci_low", "ci_high", "n", "p_value", "p_holm"]

HIT, IOU, ENERGY, PR = MAIN = ("hit rate", "IoU", "energy over area share", "precision-recall area")
LUNGS, WITHIN = "energy over area share, lungs", "energy over area share, within the lungs"
ROAD, BLANK = "ROAD", "blank maps"
# After a set's name; a set without one of these holds the images on which the network is right.
ALL, SAME = ", all images", ", same images"
CUT = "cut to the lungs' box: "  # before a measure of a whole image's map of which nothing outside the box is left
RANDOM_WEIGHTS, CUT_CONTROL = "same network, shuffled weights", "same map, cut to the lungs' box"


def path(profile: str) -> Path:
    """Return where the table of a profile lies."""
    return paths.tables(profile) / FILE


def values_path(profile: str) -> Path:
    """Return where the values of every map are stored."""
    return paths.reports(profile) / "measurements" / VALUES


def load(profile: str, file: str = FILE) -> pd.DataFrame:
    """Return a stored table, `FILE` or `COMPARISONS`, without rows where nothing was measured; a broken one is a CxrError."""
    found = stored_results.read(path(profile).with_name(file), COMMAND, missing_ok=True)
    return pd.DataFrame(columns=COLUMNS if file == FILE else COMPARED) if found is None else found


def about(profile: str) -> dict:
    """Return what stands beside the table: sets, plan, what was `left_out` and why, seconds, machine."""
    unmeasured = {"sets": {}, "plan": [], "left_out": [f"nothing was measured yet; run `{COMMAND}`."], "seconds": 0}
    return stored_results.read(path(profile).with_suffix(".json"), COMMAND, missing_ok=True) or unmeasured


def title(method: str) -> str:
    """Return a method's or control's name as a reader knows it."""
    return methods.found()[method].title if method in methods.found() else method


def known(names: Sequence[str]) -> list[str]:
    """Return those methods and controls that are among `names`, methods first."""
    return [name for name in (*methods.found(), *controls.KNOWN) if name in set(names)]


def part(table: pd.DataFrame, data: str, model: str, measure: str) -> pd.DataFrame:
    """Return the rows of one measure of one model on one data set, indexed by method."""
    return table[(table.data == data) & (table.model == model) & (table.measure == measure)].set_index("method")


def by_method(table: pd.DataFrame, data: str, model: str, measures: Sequence[str]) -> pd.DataFrame:
    """Return one row a method or control, methods first: images, and NAME, NAME_low, NAME_high of each measure that it has."""
    parts = {name: part(table, data, model, name) for name in measures}
    rows = pd.concat(parts.values())
    found = pd.DataFrame({"images": rows.groupby("method").n.max()}).reindex(known(rows.index))
    for name, values in parts.items():
        found[[name, f"{name}_low", f"{name}_high"]] = values[["value", "ci_low", "ci_high"]]
    return found.rename(index=title).rename_axis("method").reset_index()


def differences(table: pd.DataFrame, data: str, model: str, measure: str, control: str | None = None) -> pd.DataFrame:
    """Return paired differences, one row a method and control (or those of one `control`), with their Holm-corrected p."""
    rows = table[(table.data == data) & (table.model == model) & (table.measure == measure)]
    rows = rows[rows.control == control] if control else rows
    found = rows.assign(method=rows.method.map(title), control=rows.control.map(title)).reset_index(drop=True)
    return found.rename(columns={"value": measure, "ci_low": f"{measure}_low", "ci_high": f"{measure}_high", "n": "images"}).drop(
        columns=["model", "data", "measure", "p_value"]
    )
