"""The measures of explanation methods: what they are called, where they are stored, and what a chapter shows of them."""

import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import methods
from cxr_helpers.extras.saliency import controls
from cxr_helpers.tables import results

FILE = "explanation_measures.csv"
COLUMNS = ["method", "model", "data", "measure", "value", "ci_low", "ci_high", "n"]

DRAWN, MARKED, ADULT, TEST = "synthetic images", "synthetic images with marker", "adult images", "test images"
SMALL = "small network"
CLEAN, HABIT, LABELS, AGAINST = f"{SMALL}, clean", f"{SMALL}, marker", f"{SMALL}, labels", f"{SMALL}, marker against clean"
LESION, MARKER, LUNGS = "lesion", "marker", "lungs"
SHIFT, NOISE = "image shifted by one pixel", "image with mild noise"
SEEDS, DEALT = "between seeds", "labels dealt at random"
IOU_BEST, BLANK, GAIN = "IoU at its best threshold", "blank maps", "energy in lungs above that of the mean map"
DELETION, INSERTION, ROAD = "deletion", "insertion", "ROAD"
SEPARATION = "AUC of energy in marker"
MODEL, AUC, ALARMS, ACCURACY = "the model itself", "ROC AUC", "normal images called PNEUMONIA", "accuracy"


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


RANK = "rank correlation"
_NONE = "–"  # in a cell: not measured


def path(profile: str) -> Path:
    """Return where the table of a profile lies."""
    return paths.tables(profile) / FILE


def load(profile: str) -> pd.DataFrame:
    """Return the stored table (`COLUMNS`); one that is missing or broken is a CxrError that names the command."""
    file, command = path(profile), f"run `cxr measure-maps --profile {profile}`"
    try:
        table = pd.read_csv(io.StringIO(file.read_text(encoding="utf-8")))
        return table[COLUMNS]
    except FileNotFoundError:
        raise CxrError(f"{file} is missing, because no maps were measured yet; {command}.") from None
    except (OSError, ValueError, KeyError) as error:
        raise CxrError(f"{file} cannot be read ({error}); {command} again.") from error


def title(method: str) -> str:
    """Return a method's or control's name as a reader knows it."""
    return methods.METHODS[method].title if method in methods.METHODS else controls.TITLES.get(method, method)


def part(table: pd.DataFrame, data: str, model: str, measure: str) -> pd.DataFrame:
    """Return the rows of one measure of one model on one data set, indexed by method."""
    return table[(table.data == data) & (table.model == model) & (table.measure == measure)].set_index("method")


def by_method(table: pd.DataFrame, data: str, model: str, measures: Sequence[str]) -> pd.DataFrame:
    """Return one row a method or control (methods first): images, and each measure with its interval; "–" where it has none."""
    found = {measure: part(table, data, model, measure) for measure in measures}
    known = [name for name in (*methods.METHODS, *controls.TITLES) if any(name in one.index for one in found.values())]
    rows = []
    for name in known:
        images = max(one.n[name] for one in found.values() if name in one.index)
        cells = {key: results.cell(one.loc[name]) if name in one.index else _NONE for key, one in found.items()}
        rows.append({"method": title(name), "images": images} | cells)
    return pd.DataFrame(rows)


def by_model(table: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """Return one row a model and data set on which the model itself was measured: each measure with its interval, or "–"."""
    rows = []
    for (model, data), found in table[table.method == MODEL].groupby(["model", "data"], sort=False):
        found = found.set_index("measure")
        cells = {name: results.cell(found.loc[name]) if name in found.index else _NONE for name in measures}
        rows.append({"network": model, "images": data} | cells)
    return pd.DataFrame(rows)


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
    pattern = rf"^{measure}, (?P<part>\d+) of (?P<parts>\d+) parts random$"
    rows = table[(table.data == TEST) & (table.model == model)]
    steps = rows.measure.str.extract(pattern).astype(float)
    found = rows.assign(share=steps.part / steps.parts).dropna(subset="share")
    return found[["method", "share", "value", "ci_low", "ci_high"]].sort_values(["method", "share"], ignore_index=True)


def agreement(table: pd.DataFrame, model: str) -> pd.DataFrame:
    """Return the matrix of mean rank correlations between the methods' maps of test images, titles on both sides, NaN inside."""
    rows = table[(table.data == TEST) & (table.model == model)]
    known = [name for name in (*methods.METHODS, *controls.TITLES) if name in set(rows.method)]
    wanted = {alike(RANK, with_other(name)): title(name) for name in known}
    pairs = rows[rows.measure.isin(list(wanted))].assign(other=lambda found: found.measure.map(wanted))
    matrix = pairs.pivot(index="method", columns="other", values="value")
    matrix = matrix.reindex(index=known, columns=[title(name) for name in known])
    return matrix.set_axis([title(name) for name in known])
