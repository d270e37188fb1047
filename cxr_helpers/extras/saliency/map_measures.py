"""The measures of explanation methods: what they are called, where they are stored, and what a chapter shows of them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.extras.saliency import controls, every_method

FILE = "explanation_measures.csv"
COLUMNS = ["method", "model", "data", "measure", "value", "ci_low", "ci_high", "n"]

ADULT, TEST = "adult images", "test images"
LUNGS = "lungs"
SHIFT, NOISE = "image shifted by one pixel", "image with mild noise"
SEEDS = "between seeds"
BLANK, GAIN = "blank maps", "energy in lungs above that of the mean map"
DELETION, INSERTION, ROAD = "deletion", "insertion", "ROAD"
RANK = "rank correlation"


def energy(what: str) -> str:
    """Return the name of the measure: the share of a map's sum in the lesion or the lungs."""
    return f"energy in {what}"


def pointing(what: str) -> str:
    """Return the name of the pointing game at lesion or lungs."""
    return f"pointing game, {what}"


def alike(measure: str, what: str) -> str:
    """Return the name of a measure of similarity ("SSIM" or "rank correlation") of two series of maps.

    `what`: in what they differ, or "with NAME", where the other series is of the method or model of that name.
    """
    return f"{measure}, {what}"


def path(profile: str) -> Path:
    """Return where the table of a profile lies."""
    return paths.tables(profile) / FILE


def load(profile: str) -> pd.DataFrame:
    """Return the stored table (`COLUMNS`); one that is missing or broken is a CxrError that names the command."""
    return stored_results.read(path(profile), f"cxr measure-maps --profile {profile}")


def about(profile: str) -> dict:
    """Return what stands beside the table: plan, what was `left_out` and why, seconds, machine; errors as `load`."""
    return stored_results.read(path(profile).with_suffix(".json"), f"cxr measure-maps --profile {profile}")


def title(method: str) -> str:
    """Return a method's or control's name as a reader knows it."""
    return every_method.found()[method].title if method in every_method.found() else controls.TITLES.get(method, method)


def known(names: Sequence[str]) -> list[str]:
    """Return those methods and controls that are among `names`, methods first."""
    return [name for name in (*every_method.found(), *controls.TITLES) if name in set(names)]


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


def best_control(rows: pd.DataFrame) -> pd.Series | None:
    """Return the row of the control with the best value of a measure, rows being indexed by method; None: there is no control.

    The best is the largest, of deletion the smallest.
    """
    found = rows[rows.index.isin(list(controls.TITLES))]
    if found.empty:
        return None
    return found.loc[found.value.idxmin() if (rows.measure == DELETION).all() else found.value.idxmax()]


def cascade(table: pd.DataFrame, model: str, measure: str = RANK) -> pd.DataFrame:
    """Return the similarity to the trained model's maps as its weights become random: method, share (of the parts), value, ...

    The rows go by method and share; ci_low and ci_high follow value.
    """
    rows = table[(table.data == TEST) & (table.model == model)]
    steps = rows.measure.str.extract(rf"^{measure}, (?P<part>\d+) of (?P<parts>\d+) parts random$").astype(float)
    found = rows.assign(share=steps.part / steps.parts).dropna(subset="share")
    return found[["method", "share", "value", "ci_low", "ci_high"]].sort_values(["method", "share"], ignore_index=True)


def agreement(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the matrix of mean rank correlations between the methods' maps of test images, titles on both sides, NaN inside."""
    rows = table[(table.data == TEST) & (table.model == model)]
    names = known(rows.method)
    wanted = {alike(RANK, f"with {name}"): name for name in names}
    pairs = rows[rows.measure.isin(wanted)].assign(other=lambda found: found.measure.map(wanted))
    matrix = pairs.pivot(index="method", columns="other", values="value").reindex(index=names, columns=names)
    return matrix.rename(index=title, columns=title)
