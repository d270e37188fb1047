"""What the segmenter's records say: overlap with the truth, agreement of the cardiothoracic ratio, figures by class.

Where there are several seeds, an image's figure is its mean over the seeds, so that an interval over patients speaks of
the images; the spread between seeds stands beside it.
"""

import itertools
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import pandas as pd

from cxr_helpers.data import packing
from cxr_helpers.evaluation import bootstrap
from cxr_helpers.extras.makers import segmentation_images
from cxr_helpers.extras.statistics.cardiothoracic import FIGURES
from cxr_helpers.records import Record
from cxr_helpers.tables import selection, statistics

SETS = {
    "synthetic": "synthetic, as drawn",
    "randomised": "synthetic, randomised",
    "adult": "adult images",
    "films": "official test images",
}
STRUCTURES = ("lungs", "heart")
SIDE = 448  # pixels of a picture's longer side at least, so that lines are thin
COLOURS = {"lungs": (240, 228, 66), "heart": (232, 116, 59)}  # RGB: yellow and orange
_OVERLAPS = {"dice": "Dice (95 % CI)", "null_dice": "Dice of one fixed outline"}


def overlap(runs: Sequence[Record]) -> pd.DataFrame:
    """Return the overlap of each image and structure with a truth, means over runs; lungs stand before hearts.

    Columns: set, image_id, patient_id, structure, dice, null_dice (of one fixed outline for all images).
    """
    every = pd.concat([run.table("dice") for run in runs])
    means = every.groupby(["set", "image_id", "patient_id", "structure"], as_index=False)[["dice", "null_dice"]].mean()
    return means.sort_values("structure", ascending=False, kind="stable", ignore_index=True)


def overlap_table(runs: Sequence[Record]) -> pd.DataFrame:
    """Return one row a set and structure: images, patients, Dice of network and shortcut baseline with intervals, spreads."""
    by_seed = pd.DataFrame([run.table("dice").groupby(["set", "structure"]).dice.mean() for run in runs])
    rows = []
    for (part, structure), images in _by_set(overlap(runs)):
        row = {"set": SETS[part], "structure": structure, "images": len(images), "patients": images.patient_id.nunique()}
        for name, title in _OVERLAPS.items():
            row |= statistics.columns(title, bootstrap.mean_interval(images[name].to_numpy(), images.patient_id.to_numpy()))
        spread = by_seed[part, structure].std(ddof=min(1, len(runs) - 1))
        rows.append(row | {"weakest tenth, Dice below": images.dice.quantile(0.1), "SD over seeds": spread})
    return statistics.shown_as(rows, {"SD over seeds": "{:.3f}"})


def dice_figures(runs: Sequence[Record], split: str) -> pd.DataFrame | None:
    """Return "Dice <structure>, <set>": value, ci_low, ci_high over images of the mean over runs; None where runs hold no masks.

    The sets are those of the record, whatever the `split`.
    """
    if "dice" not in runs[0].names:
        return None
    parts = overlap(runs).groupby(["set", "structure"])
    found = {key: bootstrap.mean_interval(part.dice.to_numpy(), part.patient_id.to_numpy()) for key, part in parts}
    return pd.DataFrame({f"Dice {structure}, {name}": row for (name, structure), row in found.items()}).T


def ratios(run: Record) -> pd.DataFrame:
    """Return the images whose cardiothoracic ratio is known: set, image_id, predicted and truth (NaN: not measurable)."""
    table = run.table("measures")
    wide = table.pivot_table(index=["set", "image_id"], columns="source", values="cardiothoracic_ratio", dropna=False)
    return wide[wide.truth.notna()].reset_index()


def ratio_table(runs: Sequence[Record]) -> pd.DataFrame:
    """Return one row a set with known ratios: mean absolute error and correlation, means over runs.

    The error of a constant is that of giving every image the mean true ratio: the shortcut baseline of a measurement.
    """
    rows = []
    for name in (name for name in SETS if name in set(ratios(runs[0]).set)):
        every = [images[images.set == name] for images in (ratios(run) for run in runs)]
        measured, truth = [images.dropna() for images in every], every[0].truth
        error = np.mean([(images.predicted - images.truth).abs().mean() for images in measured])
        row = {"set": SETS[name], "images": len(truth), "least true ratio": truth.min(), "largest": truth.max()}
        row |= {"measurable": np.mean([len(images) for images in measured]) / len(truth)}
        row |= {"mean absolute error": error, "of a constant": (truth - truth.mean()).abs().mean()}
        rows.append(row | {"correlation": np.mean([images.predicted.corr(images.truth) for images in measured])})
    return pd.DataFrame(rows)


def figures(runs: Sequence[Record], name: str = "films") -> pd.DataFrame:
    """Return the predicted size and shape figures of a set, means over runs: image_id, patient_id, y_true, lung_parts, `FIGURES`.

    A figure that some run could not measure on an image is NaN there, so that no image is judged by another set of runs.
    """
    every = pd.concat([run.table("measures") for run in runs])
    chosen = every[(every.set == name) & (every.source == "predicted")]
    grouped = chosen.groupby(["image_id", "patient_id", "y_true"])[["lung_parts", *FIGURES]]
    return grouped.mean().where(grouped.count() == len(runs)).reset_index()


def plausibility(runs: Sequence[Record]) -> pd.DataFrame:
    """Return, by class of the test images, how often two lungs and a ratio were found, and median (quartiles) of the figures."""
    table, rows = figures(runs), []
    for label, part in table.groupby("y_true"):
        row = {"class": selection.CLASSES[label], "images": len(part)}
        row |= {"two lungs": (part.lung_parts == 2).mean(), "ratio measurable": part.cardiothoracic_ratio.notna().mean()}
        for figure in ("lung_area", "lung_asymmetry", "cardiothoracic_ratio"):
            low, middle, high = part[figure].quantile([0.25, 0.5, 0.75])
            title = FIGURES[figure].lower()
            row |= {title: middle, f"{title}_low": low, f"{title}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def separation(runs: Sequence[Record], n_boot: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return how well each figure alone tells PNEUMONIA from NORMAL on the test images, as `metrics.compare` does.

    The AUC is the chance that an image of PNEUMONIA has the larger figure; below 0.5 it has the smaller one. The
    asymmetry counts without its sign. Images on which a figure could not be measured are left out of its row.

    Returns:
        Index: the figure's title; columns value, ci_low, ci_high (bootstrap over patients), images.
    """
    table = figures(runs).assign(lung_asymmetry=lambda images: images.lung_asymmetry.abs())
    rows = {}
    for figure, title in FIGURES.items():
        images = table.dropna(subset=figure)
        y_true, values = images.y_true.to_numpy(), images[figure].to_numpy()
        weights = bootstrap.usable_weights(images.patient_id.to_numpy(), y_true, n_boot, seed)
        areas = bootstrap.roc_auc(*bootstrap.cumulative_counts(y_true, values, np.vstack([np.ones(len(images)), weights])))
        low, high = np.percentile(areas[1:], bootstrap.PERCENTILES)
        rows[title] = {"value": areas[0], "ci_low": low, "ci_high": high, "images": len(images)}
    return pd.DataFrame(rows).T.rename_axis("figure")


def outlines(run: Record, name: str) -> dict[str, dict[str, list[np.ndarray]]]:
    """Return image_id → structure → outlines (N, 2), x and y as shares, of the images of a set that are to be shown."""
    table = run.table("outlines")
    shown = {}
    for (image, structure, _), part in table[table.set == name].groupby(["image_id", "structure", "part"]):
        shown.setdefault(image, {}).setdefault(structure, []).append(part[["x", "y"]].to_numpy())
    return shown


def outlined(image: np.ndarray, curves: Mapping[str, Sequence[np.ndarray]]) -> np.ndarray:
    """Return an image (H, W) uint8, enlarged where it is small, with outlines in the colours of `COLOURS`: RGB uint8.

    `curves`: structure → closed curves (M, 2), x and y as shares of width and height.
    """
    factor = max(1, SIDE / max(image.shape))
    picture = cv2.cvtColor(cv2.resize(image, None, fx=factor, fy=factor), cv2.COLOR_GRAY2RGB)
    for structure, parts in curves.items():
        corners = [np.round(part * picture.shape[1::-1]).astype("int32") for part in parts]
        cv2.polylines(picture, corners, isClosed=True, color=COLOURS[structure], thickness=2, lineType=cv2.LINE_AA)
    return picture


def synthetic_examples(run: Record) -> dict[str, np.ndarray]:
    """Return title → picture of held-out synthetic images in a random variant: true outlines first, then predicted ones."""
    cases = [case for case in segmentation_images.synthetic_cases(segmentation_images.SHOWN["synthetic"]) if case.shown]
    found, dice = outlines(run, "randomised"), run.table("dice").query("set == 'randomised'")
    scores = dice.pivot_table(index="image_id", columns="structure", values="dice").map("{:.2f}".format)
    true, predicted = {}, {}
    for number, case in enumerate(cases, 1):
        truth = {name: segmentation_images.outlines(getattr(case, name)) for name in STRUCTURES}
        true[f"{number}: true"] = outlined(case.pixels, truth)
        title = f"{number}: predicted, Dice of lungs\n{scores.lungs[case.image_id]}, of heart {scores.heart[case.image_id]}"
        predicted[title] = outlined(case.pixels, found.get(case.image_id, {}))
    return true | predicted


def image_examples(run: Record, profile: str) -> dict[str, np.ndarray]:
    """Return title → picture of the test images that are shown, with the predicted outlines, NORMAL first."""
    found, table = outlines(run, "films"), run.table("measures").query("set == 'films'")
    chosen = table.set_index("image_id").loc[segmentation_images.sample(table)]
    pictures = {}
    for number, (image, row) in enumerate(zip(packing.images(profile, chosen.index), chosen.itertuples(), strict=True), 1):
        ratio = row.cardiothoracic_ratio
        title = f"{number}: {selection.CLASSES[row.y_true]}\n" + (f"ratio {ratio:.2f}" if ratio == ratio else "no ratio")
        pictures[title] = outlined(image, found.get(row.Index, {}))
    return pictures


def _by_set(images: pd.DataFrame) -> list[tuple[tuple[str, str], pd.DataFrame]]:
    """Return ((set, structure), its images) in the order of `SETS`, lungs before heart."""
    parts = {key: part for key, part in images.groupby(["set", "structure"])}
    return [(key, parts[key]) for key in itertools.product(SETS, STRUCTURES) if key in parts]
