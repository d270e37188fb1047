"""ChestX-ray14 (Wang et al. 2017) as the NIH publishes it, one table of findings, two lists of files; and a sample of it."""

from pathlib import Path

import pandas as pd

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import label_tables

LABELS = (
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Emphysema", "Fibrosis", "Hernia"),
    *("Infiltration", "Mass", "Nodule", "Pleural_Thickening", "Pneumonia", "Pneumothorax"),
)
NO_FINDING = "No Finding"
TABLES = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")
LISTS = {"train": "train_val_list.txt", "test": "test_list.txt"}
SAMPLE = "metadata.csv"
_IMAGE, _FINDINGS, _PATIENT = "Image Index", "Finding Labels", "Patient ID"
_OF_SAMPLE = ["file", "nih_labels", "patient"]


def read(root: Path) -> pd.DataFrame:
    """Return the images below `root`: image_id, patient_id, path, split ("train" or "test") and a 0/1 column per label.

    The images lie in images/ or in images_001/images/ to images_012/images/.

    Raises:
        CxrError: a file is missing or malformed, a label unknown, an image named but absent or in no or both lists, or a
            patient in both lists; the sentence names file, line and column.
    """
    table = next((root / name for name in TABLES if (root / name).is_file()), None)
    if table is None:
        raise CxrError(f"{root} holds neither {' nor '.join(TABLES)}: put the published table of findings there.")
    images = label_tables.read(table, [_IMAGE, _FINDINGS, _PATIENT])
    names, patients = images[_IMAGE], images[_PATIENT]
    _refuse(patients == "", names, table, f"has no patient in the column {_PATIENT}; fill the cell")
    split = _splits(names, patients, table)
    findings = _findings(images[_FINDINGS], table)
    folders = sorted([root / "images", *root.glob("images_[0-9]*/images"), *root.glob("images_[0-9]*")])
    files = {path.name: path for folder in reversed(folders) for path in folder.glob("*.png")}
    found = {"image_id": names.str.removesuffix(".png"), "patient_id": patients, "split": split}
    found["path"] = label_tables.locate(names, table, files, root)
    return pd.DataFrame(found).join(findings).reset_index(drop=True)


def read_sample(root: Path) -> pd.DataFrame:
    """Return the images of a sample as `read` does, with split "": `root`/metadata.csv has file, nih_labels and patient.

    Raises:
        CxrError: a file is missing or malformed, a label unknown, or table and images disagree.
    """
    images = label_tables.listed(root, SAMPLE, _OF_SAMPLE)
    name, labels, patient = (images[column] for column in _OF_SAMPLE)
    _refuse(patient == "", name, root / SAMPLE, "has no patient in the column patient; fill the cell")
    found = pd.DataFrame({"image_id": name, "patient_id": patient, "split": "", "path": images.path})
    return found.join(_findings(labels, root / SAMPLE)).reset_index(drop=True)


def _findings(cells: pd.Series, table: Path) -> pd.DataFrame:
    """Return the labels that are joined by "|" as one 0/1 column each."""
    named = cells.map(lambda cell: [name.strip() for name in cell.split("|")])
    for line, names in named.items():
        unknown = [name for name in names if name not in (*LABELS, NO_FINDING)]
        if unknown:
            raise CxrError(f"{table}, line {line}, column {cells.name}: {unknown[0]!r} is unknown; see {__name__}.LABELS.")
        if NO_FINDING in names and len(names) > 1:
            raise CxrError(f"{table}, line {line}, column {cells.name}: {NO_FINDING} stands beside a finding; mend the line.")
    return pd.DataFrame({label: named.map(lambda names, label=label: int(label in names)) for label in LABELS})


def _splits(names: pd.Series, patients: pd.Series, table: Path) -> pd.Series:
    """Return the list that names each image, after checking that the lists part images and patients."""
    files = {split: table.with_name(name) for split, name in LISTS.items()}
    lists = {split: label_tables.read_names(file) for split, file in files.items()}
    for part, listed in lists.items():
        _refuse(~listed.isin(names), listed, files[part], f"does not stand in {table.name}; give the lists of its release")
    test = lists["test"]
    _refuse(test.isin(lists["train"]), test, files["test"], f"stands in {LISTS['train']} too; take one out")
    split = names.map({name: part for part, listed in lists.items() for name in listed})
    _refuse(split.isna(), names, table, f"stands in neither {' nor '.join(LISTS.values())}; give the full lists")
    shared = patients.isin(patients[split == "train"]) & (split == "test")
    _refuse(shared, "patient " + patients, table, f"has images in both {' and '.join(LISTS.values())}; leave them in one")
    return split


def _refuse(wrong: pd.Series, names: pd.Series, file: Path, reason: str) -> None:
    """Raise with the first line of `file` for which `wrong` holds."""
    if wrong.any():
        raise CxrError(f"{file}, line {wrong.idxmax()}: {names[wrong.idxmax()]} {reason}.")
