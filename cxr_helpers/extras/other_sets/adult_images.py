"""The external set: frontal radiographs of adults from other hospitals, some with lung masks, read from CXR_EXTERNAL_DIR.

The folder holds metadata.csv (one row an image: image, label, patient_id, lung_mask, license, ...; paths are relative to
the folder), the images, and masks as PNG files of the images' own size, white on black.
"""

from pathlib import Path

import pandas as pd

from cxr_helpers import paths
from cxr_helpers.data import dataset
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import label_tables

COLUMNS = ("image", "label", "finding", "view", "patient_id", "lung_mask", "license", "source_url")


def folder() -> Path | None:
    """Return the folder that CXR_EXTERNAL_DIR names, or None where it is unset; a missing folder is a CxrError."""
    found = paths.from_environment("CXR_EXTERNAL_DIR")
    if found is not None and not found.is_dir():
        raise CxrError(f"CXR_EXTERNAL_DIR={found} is no folder: give the one that holds metadata.csv, or take it away.")
    return found


def images(root: Path) -> pd.DataFrame:
    """Return the set's images, sorted by image_id.

    Returns:
        The columns of metadata.csv (text; "" where empty) and image_id (the file's name without its ending), path, y_true
        (1 = PNEUMONIA), split = "external". Every image and mask named exists.

    Raises:
        CxrError: metadata.csv is missing, lacks a column, is empty, holds an unknown label, names an image twice or one
            without a patient, or an image or mask that does not exist.
    """
    file = root / "metadata.csv"
    table = label_tables.read(file, COLUMNS)
    table["image_id"] = table.image.map(lambda name: Path(name).stem)
    faults = {
        "names no patient; fill its column patient_id or delete the row": table.patient_id == "",
        "has the label {label!r}; write one of " + ", ".join(dataset.LABELS): ~table.label.isin(dataset.LABELS),
        "names the image {image_id} again; delete one row": table.image_id.duplicated(),
    }
    for fault, rows in faults.items():
        if rows.any():
            raise CxrError(f"{file}: line {rows.idxmax()} {fault.format(**table.loc[rows.idxmax()])}.")
    files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    label_tables.locate(table.lung_mask[table.lung_mask != ""], file, files, root)
    table["path"] = label_tables.locate(table.image, file, files, root)
    table = table.assign(y_true=table.label.map(dataset.LABELS), split="external")
    return table.sort_values("image_id", ignore_index=True)
