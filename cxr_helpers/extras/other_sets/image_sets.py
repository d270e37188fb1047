"""The sets of the ResNet review beside the chest radiographs of children: where each lies, how it is read and divided.

CXR_SETS_DIR names the folder that holds a folder for each of them.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from cxr_helpers import paths
from cxr_helpers.data import image_files, manifest, splits
from cxr_helpers.data.preprocessing import resize
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import chestxray14, class_folders, skin_lesions, synthetic_sets

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
FEWEST = 20  # images that show a label, for it to be learnt
# As the brain tumour sets on Kaggle and the slices of Lu et al. 2020 call their folders.
BRAIN_CLASSES = {
    **dict.fromkeys(("no", "no_tumour", "normal"), 0),
    **dict.fromkeys(("yes", "tumour", "abnormal"), 1),
}


@dataclasses.dataclass(frozen=True)
class Layout:
    """A set: its `title`, its `folder` in CXR_SETS_DIR, what that `holds`, its reader; `colour` where its images are not grey.

    `labels` are the 0/1 columns of a multi-label set; a set without them has the column y_true, 1 = `positive`.
    """

    title: str
    folder: str
    holds: str
    read: Callable[[Path], pd.DataFrame]
    labels: tuple[str, ...] = ()
    positive: str = ""
    colour: bool = False


def _skin(positive: str) -> Layout:
    holds, read = "labels.csv, and train/, val/ and test/ of class folders", partial(skin_lesions.read, positive=positive)
    return Layout("ISIC 2017", "isic2017", holds, read, positive=positive, colour=True)


def _brain(root: Path) -> pd.DataFrame:
    """Return slices as `class_folders.read` does; the copies of a picture are of one patient, for none is named."""
    table = class_folders.read(root, BRAIN_CLASSES)
    images = [image_files.read(path) for path in table.path]
    digests, thumbnails = np.array([image.sha256 for image in images]), [resize(image.pixels, 32) for image in images]
    copies = manifest.duplicate_groups(digests, np.stack(thumbnails))
    return table.assign(patient_id=table.patient_id.mask(copies >= 0, [f"picture {number}" for number in copies]))


LAYOUTS = {
    "chestxray14": Layout(
        "ChestX-ray14",
        "chestxray14",
        f"{chestxray14.TABLES[0]}, {', '.join(chestxray14.LISTS.values())}, and images/ or images_001/images/ and so on",
        chestxray14.read,
        labels=chestxray14.LABELS,
    ),
    "nih": Layout(
        "ChestX-ray14, a sample",
        "nih",
        f"{chestxray14.SAMPLE} and the images that it names",
        chestxray14.read_sample,
        labels=chestxray14.LABELS,
    ),
    "skin": _skin("melanoma"),
    "skin_nevus": _skin("nevus"),
    "brain": Layout("brain MRI", "brain_mri", "no_tumour/ and tumour/, or no/ and yes/", _brain, positive="tumour"),
}


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """A set that was read: `table` has image_id, patient_id, path, split, and y_true or the columns of `labels`.

    `division` says how the set was divided, `pixels` what its images are.
    """

    name: str
    root: Path
    labels: tuple[str, ...]
    table: pd.DataFrame
    division: str
    pixels: str
    colour: bool = False


def load(name: str, profile: str, protocol: str = "official") -> ImageSet:
    """Return a set of `LAYOUTS`, from its folder in CXR_SETS_DIR; in the smoke profile a synthetic one.

    `protocol`: "official", the parts that it publishes (see `divide`), or a fold by patient of `splits.PROTOCOLS` of a set that
    publishes none. Labels that fewer than `FEWEST` images show are left out.

    Raises:
        CxrError: the set is not here, a file of it is missing or malformed, or the protocol does not divide it.
    """
    layout, sets = LAYOUTS[name], paths.from_environment("CXR_SETS_DIR")
    if profile == "smoke":
        root, pixels = synthetic_sets.prepare(name, paths.build("smoke") / "image_sets"), "synthetic image"
    else:
        pixels = f"copy in {layout.folder}, {'in colour' if layout.colour else 'read as grey'}"
        root = sets / layout.folder if sets else None
    if root is None or not root.is_dir():
        holds = f"{layout.folder}/ ({layout.holds})"
        raise CxrError(f"The images of {layout.title} are not here: set CXR_SETS_DIR to the folder that holds {holds}.")
    table = layout.read(root)
    labels = tuple(label for label in layout.labels if table[label].sum() >= FEWEST)
    positive = table[list(labels)].any(axis=1).astype(int) if layout.labels else table.y_true
    if protocol == "official":
        split, division = divide(table, positive)
    elif protocol.startswith("patient_cv_") and set(table["split"]) == {""}:
        split, division = splits.make(table.assign(y_true=positive), protocol)["split"], splits.PROTOCOLS[protocol]
    else:
        raise CxrError(f"Config: protocol={protocol!r} does not divide the set {name}; leave it at official.")
    return ImageSet(name, root, labels, table.assign(split=split), division, pixels, layout.colour)


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
        split[_drawn(table, split == "train", positive, TEST_SHARE, seed)] = "test"
        words = f"test = {TEST_SHARE:.0%} of the patients, drawn with seed {seed}"
    if "val" not in parts:
        split[_drawn(table, split == "train", positive, VALIDATION_SHARE, seed)] = "val"
        words += f"; validation = {VALIDATION_SHARE:.0%} of the patients of training, drawn with seed {seed}"
    return split, words


def _drawn(table: pd.DataFrame, pool: pd.Series, positive: pd.Series, share: float, seed: int) -> pd.Index:
    """Return the rows of `share` of the patients of `pool`, drawn at random, stratified by whether one has a positive image."""
    patients = positive[pool].groupby(table.patient_id[pool]).max()  # in sorted order
    try:
        _, chosen = train_test_split(patients.index.to_numpy(), test_size=share, stratify=patients, random_state=seed)
    except ValueError as error:  # scikit-learn's, where a class has too few patients for the parts
        why = "train, val and test each need some of both classes"
        raise CxrError(f"{table.patient_id.nunique()} patients are too few to be divided: {why}; give a larger set.") from error
    return table.index[pool & np.isin(table.patient_id, chosen)]
