"""Small synthetic sets in the layouts of ChestX-ray14, ISIC 2017 and a brain MRI set, to be read as those are."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cxr_helpers.base.files import atomic_write
from cxr_helpers.extras.other_sets import chestxray14, synthetic
from cxr_helpers.extras.other_sets.smoke_set import renew

SIDE = 96  # pixels of an image
_SEED = 20171128
_SKIN_PARTS = {"Training": 150, "Validation": 40, "Test_v2": 60}
_SKIN = {"melanoma": (50, 60, 90), "seborrheic_keratosis": (90, 125, 165), "nevus": (70, 95, 140)}  # mean colour, BGR
_BRAINS = 100  # images of either class
# Where a finding shows on an image: centre and radii as fractions of its side, added brightness (grey values).
_SIGNS = {
    "Atelectasis": ((0.68, 0.72), (0.12, 0.03), 70),
    "Cardiomegaly": ((0.55, 0.66), (0.20, 0.16), 60),
    "Effusion": ((0.30, 0.82), (0.16, 0.08), 80),
    "Mass": ((0.70, 0.40), (0.09, 0.09), 80),
    "Nodule": ((0.30, 0.38), (0.04, 0.04), 90),
    "Pneumothorax": ((0.28, 0.26), (0.08, 0.12), -60),
    "Emphysema": ((0.72, 0.60), (0.10, 0.20), -45),
}


def prepare(name: str, folder: Path) -> Path:
    """Return `folder`/`name` with the synthetic "chestxray14", "skin" or "brain" set, written unless it is up to date."""
    return renew(folder / name, _WRITERS[name], [__file__, synthetic.__file__])


def write_chestxray14(root: Path, patients: int = 130) -> None:
    """Write images of `patients` patients, Data_Entry_2017.csv and the two lists below `root`; the last fifth is for testing."""
    rng = np.random.default_rng(_SEED)
    rows, lists = [], {split: [] for split in chestxray14.LISTS}
    for patient in range(1, patients + 1):
        split = "test" if patient > patients * 0.8 else "train"
        for follow_up in range(int(rng.integers(1, 4))):
            findings = _findings(rng, rare=split == "train" and patient % 40 == 1)
            name, folder = f"{patient:08d}_{follow_up:03d}.png", f"images_{1 + patient * 2 // (patients + 1):03d}"
            _save(root / folder / "images" / name, _chest(int(rng.integers(2**31)), patient, findings))
            rows.append((name, "|".join(findings) or chestxray14.NO_FINDING, follow_up, patient))
            lists[split].append(name)
    columns = ["Image Index", "Finding Labels", "Follow-up #", "Patient ID"]
    atomic_write(root / chestxray14.TABLES[0], pd.DataFrame(rows, columns=columns).to_csv(index=False))
    for split, names in lists.items():
        atomic_write(root / chestxray14.LISTS[split], "\n".join(names))


def write_skin(root: Path) -> None:
    """Write photographs and Part3_GroundTruth.csv of ISIC 2017's three parts below `root`, the classes about as frequent."""
    rng = np.random.default_rng(_SEED)
    for part, count in _SKIN_PARTS.items():
        kinds = rng.choice(list(_SKIN), count, p=[0.3, 0.15, 0.55])
        names = [f"ISIC_{part}_{number:03d}" for number in range(count)]
        for name, kind in zip(names, kinds, strict=True):
            _save(root / f"ISIC-2017_{part}_Data" / f"{name}.jpg", _lesion(rng, kind))
        truth = {kind: (kinds == kind).astype(float) for kind in ("melanoma", "seborrheic_keratosis")}
        table = pd.DataFrame({"image_id": names} | truth)
        atomic_write(root / f"ISIC-2017_{part}_Part3_GroundTruth.csv", table.to_csv(index=False))


def write_brain(root: Path) -> None:
    """Write slices into `root`/no and `root`/yes, where yes shows a bright focus."""
    rng = np.random.default_rng(_SEED)
    for number in range(1, _BRAINS + 1):
        _save(root / "no" / f"{number} no.jpeg", _slice(rng, focus=False))
        _save(root / "yes" / f"Y{number}.jpg", _slice(rng, focus=True))


_WRITERS = {"chestxray14": write_chestxray14, "skin": write_skin, "brain": write_brain}


def _findings(rng: np.random.Generator, rare: bool) -> list[str]:
    """Draw the labels of an image: none in a third of the images; Hernia is rare, and absent from the images for testing."""
    if rare:
        return ["Hernia"]
    common = [label for label in chestxray14.LABELS if label != "Hernia"]
    return sorted(map(str, rng.choice(common, int(rng.choice([0, 1, 2, 3])), replace=False)))


def _chest(seed: int, patient: int, findings: list[str]) -> np.ndarray:
    """Return an image (SIDE, SIDE) uint8 with the signs of its findings; some labels have none, as if read amiss."""
    label = "PNEUMONIA" if {"Pneumonia", "Consolidation", "Infiltration"} & set(findings) else "NORMAL"
    image = synthetic.image(seed, label, SIDE, patient=patient).image.astype(np.float32)
    for finding in set(findings) & set(_SIGNS):
        centre, radii, brightness = _SIGNS[finding]
        image += brightness * _spot(centre, radii)
    return np.clip(image, 0, 255).astype(np.uint8)


def _lesion(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Return a photograph (SIDE, SIDE, 3) uint8 BGR of a spot on skin, darkest where it is a melanoma."""
    share = _spot(rng.uniform(0.42, 0.58, 2), rng.uniform(0.18, 0.3, 2))[..., None]
    skin, colour = np.array([150, 175, 220]) + rng.normal(0, 8, 3), np.array(_SKIN[kind]) + rng.normal(0, 15)
    return np.clip(skin * (1 - share) + colour * share + rng.normal(0, 6, (SIDE, SIDE, 1)), 0, 255).astype(np.uint8)


def _slice(rng: np.random.Generator, focus: bool) -> np.ndarray:
    """Return a slice (SIDE, SIDE) uint8: skull, brain, and perhaps a focus somewhere in the brain."""
    image = 80 * (_spot((0.5, 0.5), (0.42, 0.48)) - _spot((0.5, 0.5), (0.39, 0.45))) + 90 * _spot((0.5, 0.5), (0.36, 0.42))
    if focus:
        place = 0.5 + rng.uniform(0.08, 0.2) * rng.choice([-1, 1]), 0.5 + rng.uniform(-0.2, 0.2)
        image += rng.uniform(35, 90) * _spot(place, rng.uniform(0.05, 0.1, 2))
    return np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


def _spot(centre: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
    """Return a soft ellipse (SIDE, SIDE) float32 0..1; centre (x, y) and radii are fractions of the side."""
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    middle, axes = ([max(1, round(part * SIDE)) for part in parts] for parts in (centre, radii))
    cv2.ellipse(canvas, middle, axes, 0, 0, 360, 255, -1)
    return cv2.GaussianBlur(canvas, (0, 0), 1.2).astype(np.float32) / 255


def _save(path: Path, image: np.ndarray) -> None:
    """Write an image in the format of the path's ending, creating its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
