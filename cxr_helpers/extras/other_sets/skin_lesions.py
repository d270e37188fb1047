"""Photographs of skin lesions: three classes folded to two, from ISIC 2017's files or from class folders."""

import re
from pathlib import Path

import pandas as pd

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import class_folders, label_tables

# The review folds three classes to two without saying which; melanoma against the benign ones is the assumption.
CLASSES = {"melanoma": 1, "seborrheic_keratosis": 0, "nevus": 0}
PUBLISHED = {"melanoma": 374, "seborrheic_keratosis": 254, "nevus": 1372}  # ISIC 2017's training images
PARTS = {"Training": "train", "Validation": "val", "Test_v2": "test"}
_REST = "nevus"  # has no column in ISIC 2017's tables
_TRUTH = re.compile(r"ISIC-2017_(\w+)_Part3_GroundTruth\.csv")


def read(root: Path) -> pd.DataFrame:
    """Return the images below `root`: image_id, patient_id (the same), path, split ("" if none) and y_true (1 = melanoma).

    ISIC 2017 publishes a table and a folder for each part: ISIC-2017_Training_Part3_GroundTruth.csv and
    ISIC-2017_Training_Data/, and so on. Where none of its tables is there, folders called after the classes are read.

    Raises:
        CxrError: a file or folder is missing or malformed; the sentence names file, line and column.
    """
    if not root.is_dir():
        raise CxrError(f"{root} is no folder: give the one that holds the tables and folders of ISIC 2017.")
    parts = {match[1]: path for path in sorted(root.iterdir()) if (match := _TRUTH.fullmatch(path.name))}
    if not parts:
        return class_folders.read(root, CLASSES)
    images = pd.concat([_part(path, part) for part, path in parts.items()], ignore_index=True)
    twice = images[images.image_id.duplicated()]
    if len(twice):
        first = twice.iloc[0]
        raise CxrError(f"The image {first.image_id} stands in the tables of two parts; leave it in one ({first.path}).")
    return images.assign(patient_id=images.image_id, y_true=images.pop("class").map(CLASSES))


def _part(path: Path, part: str) -> pd.DataFrame:
    """Return the images of one part of ISIC 2017, whose table is `path`."""
    if part not in PARTS:
        raise CxrError(f"{path} belongs to no part of ISIC 2017: its name must hold one of {', '.join(PARTS)}.")
    folder = path.with_name(f"ISIC-2017_{part}_Data")
    if not folder.is_dir():
        raise CxrError(f"{folder} is missing: {path.name} names its images; unpack them there.")
    table = label_tables.classes(path, list(CLASSES), _REST)
    # The archives' outlines (_superpixels.png) are no images of the table.
    files = label_tables.stems(file for file in sorted(folder.rglob("*.*")) if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return table.assign(path=label_tables.locate(table.image_id, path, files, folder), split=PARTS[part])
