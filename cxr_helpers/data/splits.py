"""Split protocols: named, seeded, pure functions from a manifest to train, val and test."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_path
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
    """Split the images of a manifest by a named protocol.

    Args:
        manifest: columns image_id, patient_id, label, y_true, folder; one row per image.
        protocol: a key of `PROTOCOLS`.
        seed: of the protocol's random choices.

    Returns:
        image_id, patient_id, split ("train", "val" or "test"), in the manifest's order.

    Raises:
        CxrError: the protocol is unknown, or the set too small for it.
    """
    if protocol not in PROTOCOLS:
        raise CxrError(f"Split protocol {protocol!r} is unknown: choose one of {', '.join(PROTOCOLS)}.")
    try:
        split = _split(manifest, protocol, seed)
    except ValueError as error:  # scikit-learn's, where a class has too few patients for the parts
        raise CxrError(f"{len(manifest)} images are too few for {protocol} ({error}): give a larger set.") from error
    return manifest[["image_id", "patient_id"]].assign(split=split).reset_index(drop=True)


def load(profile: str, protocol: str) -> pd.DataFrame:
    """Return the split of a protocol at seed 0, and store it as `splits/<protocol>.csv.gz` among the reports."""
    split = make(manifests.load(profile), protocol)
    path = paths.reports(profile) / "splits" / f"{protocol}.csv.gz"
    if not path.exists() or pd.read_csv(path, dtype=str).to_numpy().tolist() != split.to_numpy().tolist():
        with atomic_path(path) as temporary:
            # A fixed time in the gzip header keeps equal splits equal to the last byte.
            split.to_csv(temporary, index=False, compression={"method": "gzip", "mtime": 0})
    return split


def _split(manifest: pd.DataFrame, protocol: str, seed: int) -> np.ndarray:
    if protocol == "official":
        return _official(manifest, seed)
    if protocol == "rahman_919":
        return _by_image(manifest, RAHMAN_TABLE_1, seed)
    if protocol == "rahman_919_by_patient":
        return _by_patient(manifest, RAHMAN_TABLE_1, seed)
    if protocol == "kilaru_80_20":
        return _kilaru(manifest, seed)
    return _patient_fold(manifest, int(protocol.rsplit("_", 1)[1]), seed)


def _official(manifest: pd.DataFrame, seed: int) -> np.ndarray:
    test = (manifest["folder"] == "test").to_numpy()
    split = np.where(test, "test", "train").astype(object)
    split[~test] = _carve_validation(manifest[~test], seed)
    return split


def _carve_validation(pool: pd.DataFrame, seed: int) -> np.ndarray:
    """Mark a tenth of the patients of `pool` as val, stratified by class, and the rest as train."""
    patients = pool.groupby("patient_id")["y_true"].first()  # in sorted order
    _, chosen = train_test_split(
        patients.index.to_numpy(), test_size=VALIDATION_SHARE, stratify=patients, random_state=seed
    )
    return np.where(pool["patient_id"].isin(chosen), "val", "train").astype(object)


def _parts(table: dict[str, int], images: int) -> dict[str, int]:
    """Return a class's counts by part in the proportions of `table` (the same counts where the totals agree)."""
    # Cumulative rounding makes the parts add up to the class whatever its size.
    edges = np.rint(np.cumsum([0, *table.values()]) * images / sum(table.values())).astype(int)
    return dict(zip(table, np.diff(edges).tolist(), strict=True))


def _classes(manifest: pd.DataFrame, table: dict[str, dict[str, int]]) -> Iterator[tuple[np.ndarray, dict[str, int]]]:
    """Yield the rows of each class of `table` and the number of them that each part is to have."""
    for label, counts in table.items():
        rows = np.flatnonzero(manifest["label"] == label)
        yield rows, _parts(counts, len(rows))


def _by_image(manifest: pd.DataFrame, table: dict[str, dict[str, int]], seed: int) -> np.ndarray:
    """Draw the images of each class at random in the proportions of `table` (exact where the totals agree)."""
    generator = np.random.default_rng(seed)
    split = np.empty(len(manifest), dtype=object)
    for rows, counts in _classes(manifest, table):
        names = np.repeat(list(counts), list(counts.values()))
        split[generator.permutation(rows)] = names
    return split


def _by_patient(manifest: pd.DataFrame, table: dict[str, dict[str, int]], seed: int) -> np.ndarray:
    """Draw whole patients at random into the counts of `table`: each goes where it fits, the largest part last."""
    generator = np.random.default_rng(seed)
    split = np.empty(len(manifest), dtype=object)
    for rows, wanted in _classes(manifest, table):
        room = {name: wanted[name] for name in sorted(wanted, key=wanted.get)}
        patients = pd.Series(rows).groupby(manifest["patient_id"].to_numpy()[rows]).agg(list)
        drawn = [patients.iloc[position] for position in generator.permutation(len(patients))]
        for images in drawn:
            part = next((name for name, free in room.items() if free >= len(images)), max(room, key=room.get))
            split[images] = part
            room[part] -= len(images)
    return split


def _kilaru(manifest: pd.DataFrame, seed: int) -> np.ndarray:
    rows = np.arange(len(manifest))
    _, chosen = train_test_split(rows, test_size=0.2, stratify=manifest["y_true"], random_state=seed)
    return np.where(np.isin(rows, chosen), "val", "train").astype(object)


def _patient_fold(manifest: pd.DataFrame, fold: int, seed: int) -> np.ndarray:
    folds = StratifiedGroupKFold(PATIENT_FOLDS, shuffle=True, random_state=seed)
    parts = list(folds.split(manifest["image_id"], manifest["y_true"], manifest["patient_id"]))
    rest, test = parts[fold]
    split = np.full(len(manifest), "test", dtype=object)
    split[rest] = _carve_validation(manifest.iloc[rest], seed)
    return split
