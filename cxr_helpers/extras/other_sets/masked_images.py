"""Radiographs with lung masks: hand-drawn masks of the Guangzhou images, JSRT, adults with pneumonia; synthetic ones for smoke.

CXR_SETS_DIR names the folder that holds `lung_masks/`, `jsrt/` and `lesion_masks/` in their published layouts.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cxr_helpers import paths
from cxr_helpers.data import dataset, image_files
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.other_sets import adult_images, synthetic

UNKNOWN = -1  # of a mask: nothing is known of this pixel, or of the whole structure
LUNG, IGNORED = 255, 127  # grey values of the hand-drawn masks
JSRT_LUNGS, JSRT_HEART, LESION_LUNG = 1, 2, 1  # bits
WHITE = 128  # pixels of an adult mask from this grey value on are lung


@dataclasses.dataclass(frozen=True)
class Masked:
    """A radiograph and what is known of its lungs and heart.

    `pixels` is (H, W) uint8; `masks` is (H, W, 2) int8, lungs and heart, 0 or 1, or `UNKNOWN`.
    """

    image_id: str
    patient_id: str
    group: str
    pixels: np.ndarray
    masks: np.ndarray


def folder() -> Path:
    """Return the folder that CXR_SETS_DIR names.

    Raises:
        CxrError: it is not set, or no folder.
    """
    found = paths.from_environment("CXR_SETS_DIR")
    if found is None or not found.is_dir():
        raise CxrError("The lung masks were not found: set CXR_SETS_DIR to the folder that holds lung_masks/ and jsrt/.")
    return found


def available() -> bool:
    """Tell whether the hand-drawn masks of the Guangzhou images are at hand."""
    found = paths.from_environment("CXR_SETS_DIR")
    return found is not None and (found / "lung_masks").is_dir()


def by_row(table: pd.DataFrame, shape: tuple[int, int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield place and hand-drawn lungs int8 (H, W), 1, 0 or `UNKNOWN`, of the images of a manifest that have a mask."""
    for place, name in enumerate(table.path):
        path = (folder() / "lung_masks" / name).with_suffix(".png")
        if path.is_file():
            yield place, hand_drawn(path, shape)


def hand_drawn(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Return a hand-drawn mask of (H, W) as int8, 1, 0 or `UNKNOWN`; one of another size or without lungs is a CxrError."""
    drawn = read_mask(path, shape)
    return np.select([drawn == LUNG, drawn == IGNORED], [1, UNKNOWN], 0).astype(np.int8)


def guangzhou(table: pd.DataFrame, pixels: np.ndarray) -> Iterator[Masked]:
    """Yield the images of a table that have a hand-drawn mask.

    Args:
        table: row (of `pixels`), image_id, patient_id, y_true, path (below the set's folder).
        pixels: (N, H, W) uint8.

    Raises:
        CxrError: a mask holds no lung.
    """
    for place, lungs in by_row(table, pixels.shape[1:]):
        image = table.iloc[place]
        group = "guangzhou_" + next(name for name, label in dataset.LABELS.items() if label == image.y_true).lower()
        yield Masked(image.image_id, image.patient_id, group, np.asarray(pixels[image.row]), _stacked(lungs, None))


def jsrt() -> Iterator[Masked]:
    """Yield the adult images of JSRT, each of a patient of its own, with lungs and hearts drawn by hand."""
    root = folder() / "jsrt"
    for row in read_table(root / "metadata.csv", "file", "mask", "usable_contrast").itertuples():
        if row.usable_contrast == "True":
            pixels = image_files.read(root / row.file).pixels
            bits = read_mask(root / row.mask, pixels.shape)
            name = Path(row.file).stem
            yield Masked(name, name, "jsrt", pixels, _stacked((bits & JSRT_LUNGS) > 0, (bits & JSRT_HEART) > 0))


def lesions() -> Iterator[Masked]:
    """Yield the adult images with pneumonia whose lungs radiologists drew."""
    root = folder() / "lesion_masks"
    for row in read_table(root / "metadata.csv", "file", "mask", "patient").itertuples():
        pixels = image_files.read(root / row.file).pixels
        lungs = (read_mask(root / row.mask, pixels.shape) & LESION_LUNG) > 0
        yield Masked(Path(row.file).stem, row.patient, "lesion_masks", pixels, _stacked(lungs, None))


def adults() -> Iterator[Masked]:
    """Yield the images of CXR_EXTERNAL_DIR that have a lung mask, none where it is unset; another network made these masks."""
    root = adult_images.folder()
    table = adult_images.images(root) if root else pd.DataFrame(columns=["lung_mask"])
    for row in table[table.lung_mask != ""].itertuples():
        pixels = image_files.read(row.path).pixels
        lungs = read_mask(root / row.lung_mask, pixels.shape, WHITE) >= WHITE
        yield Masked(row.image_id, row.patient_id, "external_adult", pixels, _stacked(lungs, None))


def drawn(first_seed: int, count: int, side: int) -> Iterator[Masked]:
    """Yield `count` synthetic images, NORMAL and PNEUMONIA in turn, whose lungs and hearts are known to the pixel."""
    for place in range(count):
        image = synthetic.image(first_seed + place, ("NORMAL", "PNEUMONIA")[place % 2], side)
        name = f"synthetic{first_seed + place}"
        yield Masked(name, name, "synthetic", image.image, _stacked(image.lung_mask, image.heart_mask))


def read_table(file: Path, *columns: str) -> pd.DataFrame:
    """Return a table as text ("" where empty); one that cannot be read, or lacks one of `columns`, is a CxrError."""
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise CxrError(f"{file} cannot be read ({error}); CXR_SETS_DIR must hold the set as it is published.") from error
    if missing := [column for column in columns if column not in table]:
        raise CxrError(f"{file} lacks the column {', '.join(missing)}; give the file as it is published.")
    return table


def read_mask(path: Path, shape: tuple[int, int], least: int = 1) -> np.ndarray:
    """Return a mask (H, W) uint8 of the size of its image; one of another size, or all below `least`, is a CxrError."""
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise CxrError(f"{path} is missing or no image; give the mask as it is published.")
    if mask.shape != shape:
        size, wanted = (f"{width}×{height}" for height, width in (mask.shape, shape))
        raise CxrError(f"{path} is {size} but its image is {wanted}; give the mask in the image's size.")
    if mask.max() < least:
        raise CxrError(f"{path} is empty; take it out of the set, or give the right mask.")
    return mask


def _stacked(lungs: np.ndarray, heart: np.ndarray | None) -> np.ndarray:
    heart = np.full(lungs.shape, UNKNOWN) if heart is None else heart
    return np.stack([lungs, heart], axis=-1).astype(np.int8)
