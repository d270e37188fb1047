"""Small synthetic sets in the layouts of the sample of ChestX-ray14, of ISIC 2017 and of a brain MRI set."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cxr_helpers.base.files import atomic_write
from cxr_helpers.extras.other_sets import chestxray14, skin_lesions, synthetic
from cxr_helpers.extras.other_sets.smoke_set import renew

SIDE = 96  # pixels of an image
_SEED = 20171128
_SKIN_PARTS = {"train": 150, "val": 40, "test": 60}
_SKIN = {"melanoma": (50, 60, 90), "seborrheic_keratosis": (90, 125, 165), "nevus": (70, 95, 140)}  # mean colour, BGR
_BRAINS = 100  # images of either class
_SIGN = (0.09, 0.06), 80  # radii of a finding's spot as shares of the side, added brightness (grey values)


def prepare(name: str, folder: Path) -> Path:
    """Return `folder` with the synthetic "nih", "skin" (or "skin_nevus") or "brain" set, written unless it is up to date."""
    kind = name.split("_")[0]
    return renew(folder / kind, _WRITERS[kind], [__file__, synthetic.__file__])


def write_nih(root: Path, patients: int = 150) -> None:
    """Write images of `patients` patients, and metadata.csv, below `root`."""
    rng = np.random.default_rng(_SEED)
    rows = []
    for patient in range(1, patients + 1):
        for follow_up in range(int(rng.integers(1, 4))):
            findings = _findings(rng, rare=patient % 40 == 1)
            name = f"images/{patient:08d}_{follow_up:03d}.png"
            _save(root / name, _chest(int(rng.integers(2**31)), patient, findings))
            rows.append((name, "|".join(findings) or chestxray14.NO_FINDING, patient))
    table = pd.DataFrame(rows, columns=["file", "nih_labels", "patient"])
    atomic_write(root / chestxray14.SAMPLE, table.to_csv(index=False))


def write_skin(root: Path) -> None:
    """Write photographs and labels.csv of ISIC 2017's three parts below `root`, the classes about as frequent."""
    rng = np.random.default_rng(_SEED)
    rows = []
    for part, count in _SKIN_PARTS.items():
        for number, kind in enumerate(rng.choice(list(_SKIN), count, p=[0.3, 0.15, 0.55])):
            rows.append((f"{part}/{kind}/{number:03d}.jpg", part, kind))
            _save(root / rows[-1][0], _lesion(rng, kind))
    atomic_write(root / skin_lesions.TABLE, pd.DataFrame(rows, columns=["file", "split", "class"]).to_csv(index=False))


def write_brain(root: Path) -> None:
    """Write slices into `root`/no and `root`/yes, where yes shows a bright focus."""
    rng = np.random.default_rng(_SEED)
    for number in range(1, _BRAINS + 1):
        _save(root / "no" / f"{number} no.jpeg", _slice(rng, focus=False))
        _save(root / "yes" / f"Y{number}.jpg", _slice(rng, focus=True))


_WRITERS = {"nih": write_nih, "skin": write_skin, "brain": write_brain}


def _findings(rng: np.random.Generator, rare: bool) -> list[str]:
    """Draw the labels of an image: none in a third of the images; Hernia is rare."""
    if rare:
        return ["Hernia"]
    common = [label for label in chestxray14.LABELS if label != "Hernia"]
    return sorted(map(str, rng.choice(common, int(rng.choice([0, 1, 2, 3])), replace=False)))


def _chest(seed: int, patient: int, findings: list[str]) -> np.ndarray:
    """Return an image (SIDE, SIDE) uint8 with a bright spot for each of its findings, each at a place of its own."""
    label = "PNEUMONIA" if {"Pneumonia", "Consolidation", "Infiltration"} & set(findings) else "NORMAL"
    image = synthetic.image(seed, label, SIDE, patient=patient).image.astype(np.float32)
    for finding in findings:
        image += _SIGN[1] * _spot(place(finding), _SIGN[0])
    return np.clip(image, 0, 255).astype(np.uint8)


def place(finding: str) -> tuple[float, float]:
    """Return where a finding shows on an image: x and y as shares of its side."""
    row, column = divmod(chestxray14.LABELS.index(finding), 4)
    return 0.2 + 0.2 * column, 0.2 + 0.2 * row


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
    tissue = cv2.resize(rng.normal(0, 12, (6, 6)), image.shape)  # without it all slices would be copies of one picture
    return np.clip(image + tissue + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8)


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
