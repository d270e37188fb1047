"""The sets of the ResNet review beside the chest radiographs of children: where each lies, how it is read and divided."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import chestxray14, class_folders, skin_lesions, synthetic_sets

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
# As the brain tumour sets on Kaggle and the slices of Lu et al. 2020 call their folders.
BRAIN_CLASSES = {
    **dict.fromkeys(("no", "normal", "healthy", "notumor"), 0),
    **dict.fromkeys(("yes", "abnormal", "pathological", "tumor"), 1),
}


@dataclasses.dataclass(frozen=True)
class Layout:
    """A set as it is published: its `title`, the `variable` that names its folder, what that `holds`, its reader.

    `labels` are the 0/1 columns of a multi-label set; a set without them has the column y_true, 1 = `positive`.
    """

    title: str
    variable: str
    holds: str
    read: Callable[[Path], pd.DataFrame]
    labels: tuple[str, ...] = ()
    positive: str = ""


LAYOUTS = {
    "chestxray14": Layout(
        "ChestX-ray14",
        "CXR_CHESTXRAY14_DIR",
        f"{chestxray14.TABLES[0]}, {', '.join(chestxray14.LISTS.values())}, and images/ or images_001/images/ and so on",
        chestxray14.read,
        labels=chestxray14.LABELS,
    ),
    "skin": Layout(
        "ISIC 2017",
        "CXR_SKIN_DIR",
        "ISIC-2017_Training_Part3_GroundTruth.csv with ISIC-2017_Training_Data/ and so on, or class folders",
        skin_lesions.read,
        positive="melanoma",
    ),
    "brain": Layout(
        "brain MRI",
        "CXR_BRAIN_DIR",
        "no/ and yes/, or normal/ and abnormal/, perhaps within train/ and test/",
        lambda root: class_folders.read(root, BRAIN_CLASSES),
        positive="abnormal",
    ),
}


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """A set that was read: `table` has image_id, patient_id, path, split, and y_true or the columns of the labels.

    `division` says how the set was divided, `pixels` what its images are.
    """

    name: str
    root: Path
    labels: tuple[str, ...]
    table: pd.DataFrame
    division: str
    pixels: str


def load(name: str, profile: str) -> ImageSet:
    """Return a set of `LAYOUTS`, from the folder that its variable names; in the smoke profile a synthetic one.

    Raises:
        CxrError: the set is not here, or a file of it is missing or malformed.
    """
    layout = LAYOUTS[name]
    if profile == "smoke":
        root, pixels = synthetic_sets.prepare(name, paths.build("smoke") / "image_sets"), "synthetic image"
    else:
        root, pixels = paths.from_environment(layout.variable), "published images, read as grey"
    if root is None:
        raise CxrError(f"The {layout.title} images are not here: set {layout.variable} to the folder that holds {layout.holds}.")
    table = layout.read(root)
    positive = table[list(layout.labels)].any(axis=1).astype(int) if layout.labels else table.y_true
    split, division = divide(table, positive)
    return ImageSet(name, root, layout.labels, table.assign(split=split), division, pixels)


def divide(table: pd.DataFrame, positive: pd.Series, seed: int = 0) -> tuple[pd.Series, str]:
    """Return train, val or test of every image, and in words how they were divided.

    What the set publishes stays. Where it has no validation part, a tenth of the patients of train becomes one; where
    it has no parts at all (or the part for training alone), a fifth of the patients becomes test first.

    Args:
        table: patient_id and split, "" where the set publishes none.
        positive: (N,) 0/1; the random parts are stratified by whether a patient has a positive image.
        seed: of the random parts.

    Raises:
        CxrError: there is a part for testing but none for training, or too few patients.
    """
    split, parts = table["split"].copy(), sorted(set(table["split"]))
    if not {"", "train"} & set(parts):
        raise CxrError(f"The set has parts for {', '.join(parts)} but none for training; put its images there too.")
    if len(parts) > 1:
        words = f"{' and '.join(parts)} as published"
    else:
        split[:] = "train"
        split[_drawn(table, positive, TEST_SHARE, seed)] = "test"
        words = f"test = {TEST_SHARE:.0%} of the patients, drawn with seed {seed}"
    if "val" not in parts:
        pool = split == "train"
        split[_drawn(table[pool], positive[pool], VALIDATION_SHARE, seed)] = "val"
        words += f"; validation = {VALIDATION_SHARE:.0%} of the patients of training, drawn with seed {seed}"
    return split, words


def _drawn(table: pd.DataFrame, positive: pd.Series, share: float, seed: int) -> pd.Index:
    """Return the rows of `share` of the patients, drawn at random, stratified by whether they have a positive image."""
    patients = positive.groupby(table.patient_id).max()  # in sorted order
    try:
        _, chosen = train_test_split(patients.index.to_numpy(), test_size=share, stratify=patients, random_state=seed)
    except ValueError as error:  # scikit-learn's, where a class has too few patients for the parts
        why = "train, val and test each need some of both classes"
        raise CxrError(f"{len(patients)} patients are too few to be divided: {why}; give a larger set.") from error
    return table.index[np.isin(table.patient_id, chosen)]


def overview() -> pd.DataFrame:
    """Return one row per set: its title, what is told apart, the variable that names its folder, and what that holds."""
    rows = []
    for layout in LAYOUTS.values():
        told = f"{len(layout.labels)} labels, several may hold" if layout.labels else f"{layout.positive} or not"
        rows.append({"set": layout.title, "told apart": told, "variable": layout.variable, "its folder holds": layout.holds})
    return pd.DataFrame(rows)
