"""Photographs of skin lesions, ISIC 2017: three classes, of which one is told from the other two."""

from pathlib import Path

import pandas as pd

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import label_tables

PUBLISHED = {"melanoma": 374, "seborrheic_keratosis": 254, "nevus": 1372}  # ISIC 2017's training images
PARTS = ("train", "val", "test")
TABLE = "labels.csv"


def read(root: Path, positive: str) -> pd.DataFrame:
    """Return the images of `root`/labels.csv: image_id, patient_id (the same), path, split and y_true (1 = `positive`).

    The table's columns are file (PART/CLASS/NAME, below `root`), split (train, val or test) and class.

    Raises:
        CxrError: table or image is missing or malformed, a line disagrees with the folders of its file, an image of the
            folders has no line, or a part lacks a class; the sentence names the file and its line.
    """
    images = label_tables.listed(root, TABLE, ["file", "split", "class"])
    for line, row in images.iterrows():
        known = row["split"] in PARTS and row["class"] in PUBLISHED
        if not known or not row.file.startswith(f"{row['split']}/{row['class']}/"):
            said = f"part {row['split']!r} and class {row['class']!r}"
            raise CxrError(f"{root / TABLE}, line {line}: {row.file} does not lie in {said}; mend the line or move the file.")
    for part in PARTS:
        if lacking := sorted(PUBLISHED.keys() - set(images["class"][images["split"] == part])):
            raise CxrError(f"{root / TABLE} names no image of {part}/{lacking[0]}/; give the whole set.")
    y_true = (images.pop("class") == positive).astype(int)
    return images.assign(image_id=images.file, patient_id=images.pop("file"), y_true=y_true).reset_index(drop=True)
