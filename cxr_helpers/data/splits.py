"""Split protocols: named, seeded, pure functions from a manifest to train, val and test."""

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_path
from cxr_helpers.config import one_of
from cxr_helpers.data import dataset
from cxr_helpers.data import manifest as manifests
from cxr_helpers.errors import CxrError

PATIENT_FOLDS = 5
VALIDATION_SHARE = 0.1
RAHMAN_TABLE_1 = {  # Rahman et al. 2024, Table 1
    "PNEUMONIA": {"train": 3418, "val": 214, "test": 641},
    "NORMAL": {"train": 1224, "val": 81, "test": 278},
}

PROTOCOLS: dict[str, str] = {
    "official": "Kaggle's test folder; validation = 10 % of the patients of train and val, stratified by class",
    "rahman_919": "by image, stratified, with the counts of Rahman et al.'s Table 1 (4,642 / 295 / 919)",
    "rahman_919_by_patient": "the counts of rahman_919, but no patient in two parts",
    "kilaru_80_20": "by image, stratified, 80 % train and 20 % validation, no test set (Kilaru)",
    **{
        f"patient_cv_{fold}": f"fold {fold} of {PATIENT_FOLDS} by patient, stratified, is the test set"
        for fold in range(PATIENT_FOLDS)
    },
}


def make(manifest: pd.DataFrame, protocol: str, seed: int = 0) -> pd.DataFrame:
    """Split the images of a manifest (image_id, patient_id, label, y_true, folder) by a protocol of `PROTOCOLS`.

    Returns image_id, patient_id, split ("train", "val" or "test"), in order; a set too small for the protocol is a CxrError.
    """
    one_of("protocol", protocol, PROTOCOLS)
    try:
        split = _split(manifest, protocol, seed)
    except ValueError as error:  # scikit-learn's, where a class has too few patients for the parts
        why = "each of its parts needs patients of both classes"
        raise CxrError(f"{len(manifest)} images are too few for {protocol}: {why}; give a larger set.") from error
    return manifest[["image_id", "patient_id"]].assign(split=split).reset_index(drop=True)


def load(profile: str, protocol: str) -> pd.DataFrame:
    """Return the split of a protocol at seed 0, and store it as `splits/<protocol>.csv.gz` among the reports."""
    manifest = manifests.load(profile)
    split = make(manifest, protocol)
    path = paths.reports(profile) / "splits" / f"{protocol}.csv.gz"
    dataset.claim_results(profile, lambda: manifests.identity(manifest))
    if not path.exists() or pd.read_csv(path, dtype=str).to_numpy().tolist() != split.to_numpy().tolist():
        with atomic_path(path) as temporary:
            # A fixed time in the gzip header keeps equal splits equal to the last byte.
            split.to_csv(temporary, index=False, compression={"method": "gzip", "mtime": 0})
    return split


def _split(manifest: pd.DataFrame, protocol: str, seed: int) -> np.ndarray:
    """Return the part (N,) of each image: one of the functions below, each without a patient in two parts unless it says so."""
    if protocol == "official":
        return _with_test(manifest, (manifest["folder"] == "test").to_numpy(), seed)
    if protocol.startswith("rahman_919"):
        return _rahman(manifest, seed, by_patient=protocol.endswith("by_patient"))
    if protocol == "kilaru_80_20":  # by image
        rows = manifest.reset_index(drop=True)
        return _drawn(rows.index.to_series(), rows["y_true"], 0.2, seed)
    folds = StratifiedGroupKFold(PATIENT_FOLDS, shuffle=True, random_state=seed)
    parts = list(folds.split(manifest["image_id"], manifest["y_true"], manifest["patient_id"]))
    _, chosen = parts[int(protocol.rsplit("_", 1)[1])]
    return _with_test(manifest, np.isin(range(len(manifest)), chosen), seed)


def _with_test(manifest: pd.DataFrame, test: np.ndarray, seed: int) -> np.ndarray:
    """Mark the images where `test` (N,) bool holds as test, and a tenth of the other patients, stratified by class, as val."""
    rest = manifest[~test]
    split = np.full(len(manifest), "test", dtype=object)
    split[~test] = _drawn(rest["patient_id"], rest.groupby("patient_id")["y_true"].first(), VALIDATION_SHARE, seed)
    return split


def _drawn(key: pd.Series, classes: pd.Series, share: float, seed: int) -> np.ndarray:
    """Mark as val what belongs to a stratified `share` of the keys (the index of `classes`), and the rest as train."""
    _, chosen = train_test_split(classes.index.to_numpy(), test_size=share, stratify=classes, random_state=seed)
    return np.where(key.isin(chosen), "val", "train").astype(object)


def _rahman(manifest: pd.DataFrame, seed: int, by_patient: bool) -> np.ndarray:
    """Draw the parts of `RAHMAN_TABLE_1`, of each class as many images as it says where the totals agree.

    Images are drawn at random, or whole patients: each then goes where it fits, the largest part last.
    """
    generator, split = np.random.default_rng(seed), np.empty(len(manifest), dtype=object)
    for label, table in RAHMAN_TABLE_1.items():
        rows = np.flatnonzero(manifest["label"] == label)
        # Cumulative rounding makes the parts add up to the class whatever its size.
        edges = np.rint(np.cumsum([0, *table.values()]) * len(rows) / sum(table.values())).astype(int)
        room = dict(zip(table, np.diff(edges).tolist(), strict=True))
        if not by_patient:
            split[generator.permutation(rows)] = np.repeat(list(room), list(room.values()))
            continue
        room = {name: room[name] for name in sorted(room, key=room.get)}
        patients = pd.Series(rows).groupby(manifest["patient_id"].to_numpy()[rows]).agg(list)
        for place in generator.permutation(len(patients)):
            images = patients.iloc[place]
            part = next((name for name, free in room.items() if free >= len(images)), max(room, key=room.get))
            split[images] = part
            room[part] -= len(images)
    return split
