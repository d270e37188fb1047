"""Radiographs of one other hospital, in two sets below CXR_SETS_DIR: `nih/` (ChestX-ray14) and `rsna_lungs/` (RSNA 2018).

They share patients, so that they are one external site and not two. NIH's labels are mined from reports, RSNA's classes are
radiologists'. In `rsna_lungs/` all but an automatic mask of the lungs is black, and the mask loses opaque lung: its shape alone
tells much of the label (`by_mask`).
"""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cxr_helpers import paths
from cxr_helpers.data import image_files
from cxr_helpers.data.preprocessing import resize
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import label_tables

# Folder -> its classes: 1 = pneumonia (or opacity, which is what an image shows of it), 0 = all else.
CLASSES = {
    "nih": {"NORMAL": 0, "PNEUMONIA": 1},
    "rsna_lungs": {"NORMAL": 0, "NOT_NORMAL_NO_OPACITY": 0, "LUNG_OPACITY": 1},
}
_COLUMNS = ["file", "label", "rsna_class", "patient", "age", "view"]
_BLACK = 16  # grey values of what lies outside the mask, with what JPEG made of its rim
_MASK_SIDE, _FOLDS = 16, 5


def folder(name: str) -> Path | None:
    """Return the folder of a set, or None where CXR_SETS_DIR is unset or has none."""
    root = paths.from_environment("CXR_SETS_DIR")
    return root / name if root and (root / name).is_dir() else None


def images(root: Path) -> pd.DataFrame:
    """Return the images of `root`, a folder of `CLASSES`: image_id, patient_id, view, finding, age, y_true and path.

    `finding` is the radiologists' class ("" where none looked), `age` in years (NaN where unknown), `y_true` the set's label.

    Raises:
        CxrError: metadata.csv is missing or malformed, a label unknown, or an image not there.
    """
    file, classes = root / "metadata.csv", CLASSES[root.name]
    table = label_tables.read(file, _COLUMNS)
    if (wrong := ~table.label.isin(classes)).any():
        line = wrong.idxmax()
        raise CxrError(f"{file}, line {line}, column label: {table.label[line]!r} is unknown; write {' or '.join(classes)}.")
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*.jpg")}
    found = table.rename(columns={"patient": "patient_id", "rsna_class": "finding"})
    found["path"] = label_tables.locate(table.file, file, files, root)
    found["age"] = pd.to_numeric(table.age, errors="coerce")
    found = found.assign(image_id=table.file.map(lambda name: Path(name).stem), y_true=table.label.map(classes))
    return found.reset_index(drop=True)


def by_mask(table: pd.DataFrame) -> np.ndarray:
    """Return P(opacity) (N,) of images of `rsna_lungs/` by the shape of their mask alone.

    A logistic regression on masks of 16×16, fitted to the other patients' in five folds: what the mask gives away.
    """
    masks = np.stack([outline(image_files.read(path).pixels) for path in table.path])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    folds = GroupKFold(_FOLDS)
    return cross_val_predict(model, masks, table.y_true, groups=table.patient_id, cv=folds, method="predict_proba")[:, 1]


def outline(image: np.ndarray) -> np.ndarray:
    """Return the shape (256,) uint8, in 16×16 pixels, of what is not black in an image (H, W) uint8: its mask."""
    return resize((255 * (image > _BLACK)).astype(np.uint8), _MASK_SIDE).ravel()
