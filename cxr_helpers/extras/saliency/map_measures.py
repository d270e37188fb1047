"""The measures of explanation methods: what they are called, where they are stored, and what a chapter shows of them."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import stored_results
from cxr_helpers.explain import methods
from cxr_helpers.extras.saliency import controls
from cxr_helpers.tables import results

FILE = "explanation_measures.csv"
COLUMNS = ["method", "model", "data", "measure", "value", "ci_low", "ci_high", "n"]

DRAWN, MARKED, ADULT, TEST = "synthetic images", "synthetic images with marker", "adult images", "test images"
SMALL = "small network"
CLEAN, HABIT, LABELS, AGAINST = f"{SMALL}, clean", f"{SMALL}, marker", f"{SMALL}, labels", f"{SMALL}, marker against clean"
SHUFFLED = f"{SMALL}, shuffled"
LESION, MARKER, LUNGS = "lesion", "marker", "lungs"
SHIFT, NOISE = "image shifted by one pixel", "image with mild noise"
SEEDS, DEALT = "between seeds", "labels dealt at random"
IOU_BEST, BLANK, GAIN = "IoU at its best threshold", "blank maps", "energy in lungs above that of the mean map"
DELETION, INSERTION, ROAD = "deletion", "insertion", "ROAD"
SEPARATION = "AUC of energy in marker"
MODEL, AUC, ALARMS, ACCURACY = "the model itself", "ROC AUC", "normal images called PNEUMONIA", "accuracy"
RANK = "rank correlation"
_NONE = "–"  # in a cell: not measured


def energy(what: str) -> str:
    """Return the name of the measure: the share of a map's sum in the lesion, the marker or the lungs."""
    return f"energy in {what}"


def pointing(what: str) -> str:
    """Return the name of the pointing game at lesion, marker or lungs."""
    return f"pointing game, {what}"


def iou(threshold: float) -> str:
    """Return the name of the intersection over union at a threshold."""
    return f"IoU at {threshold:g}"


def alike(measure: str, what: str) -> str:
    """Return the name of a measure of similarity ("SSIM" or "rank correlation") of two series of maps."""
    return f"{measure}, {what}"


def with_other(name: str) -> str:
    """Return what two series of maps differ in, where the other one is of the method or model `name`."""
    return f"with {name}"


def random_weights(part: int, parts: int) -> str:
    """Return what was done to a model of which the topmost `part` of `parts` is random."""
    return f"{part} of {parts} parts random"


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
    return methods.METHODS[method].title if method in methods.METHODS else controls.TITLES.get(method, method)


def known(names: Sequence[str]) -> list[str]:
    """Return those methods and controls that are among `names`, methods first."""
    return [name for name in (*methods.METHODS, *controls.TITLES) if name in set(names)]


def part(table: pd.DataFrame, data: str, model: str, measure: str) -> pd.DataFrame:
    """Return the rows of one measure of one model on one data set, indexed by method."""
    return table[(table.data == data) & (table.model == model) & (table.measure == measure)].set_index("method")


def by_method(table: pd.DataFrame, data: str, model: str, measures: Sequence[str]) -> pd.DataFrame:
    """Return one row a method or control (methods first): images, and each measure with its interval; "–" where it has none."""
    rows = table[(table.data == data) & (table.model == model) & table.measure.isin(measures)]
    cells = _cells(rows, "method", measures).loc[known(rows.method)]
    images = rows.groupby("method").n.max().loc[cells.index]
    cells.insert(0, "images", images)
    return cells.set_axis(map(title, cells.index)).rename_axis("method").reset_index()


def by_model(table: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """Return one row a model and data set on which the model itself was measured: each measure with its interval, or "–"."""
    rows = table[table.method == MODEL].rename(columns={"model": "network", "data": "images"})
    return _cells(rows, ["network", "images"], measures).reset_index()


def _cells(rows: pd.DataFrame, keys: str | list[str], measures: Sequence[str]) -> pd.DataFrame:
    """Return value and interval of each measure (a column) by `keys`, in the order of the rows."""
    shown = rows.assign(cell=[results.cell(row) for row in rows.itertuples()])
    order = rows[keys].drop_duplicates() if isinstance(keys, str) else pd.MultiIndex.from_frame(rows[keys].drop_duplicates())
    cells = shown.pivot(index=keys, columns="measure", values="cell").reindex(index=order, columns=measures)
    return cells.astype(object).fillna(_NONE)


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
    wanted = {alike(RANK, with_other(name)): name for name in names}
    pairs = rows[rows.measure.isin(wanted)].assign(other=lambda found: found.measure.map(wanted))
    matrix = pairs.pivot(index="method", columns="other", values="value").reindex(index=names, columns=names)
    return matrix.rename(index=title, columns=title)
