"""A few random images in Kaggle's layout, for the tests of everything that reads a folder of images."""

from pathlib import Path

import cv2
import numpy as np

NAMES = {
    "train/NORMAL": ["IM-0001-0001", "IM-0001-0001-0002", "NORMAL2-IM-0001-0001"],
    "train/PNEUMONIA": ["person1_bacteria_1", "person1_bacteria_2", "person1_virus_1"],
    "val/NORMAL": ["NORMAL2-IM-0009-0001"],
    "val/PNEUMONIA": ["person9_bacteria_9"],
    "test/NORMAL": ["IM-0020-0001"],
    "test/PNEUMONIA": ["person2_virus_5"],
}
COUNTS = {tuple(folder.split("/")): len(names) for folder, names in NAMES.items()}


def image(seed: int, width: int = 48, height: int = 40) -> np.ndarray:
    """Return smooth random grey (height, width) uint8: unlike any other seed's, and kind to JPEG."""
    coarse = np.random.default_rng(seed).integers(20, 235, (6, 6)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def write(root: Path) -> Path:
    """Write the set below `root` as JPEGs of varied size and return `root`."""
    for seed, path in enumerate(f"{folder}/{name}.jpeg" for folder, names in NAMES.items() for name in names):
        save(root / path, image(seed, 48 + seed, 40 + seed))
    return root


def save(path: Path, image: np.ndarray, *parameters: int) -> None:
    """Write an image in the format of the path's ending, creating its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image, list(parameters))[1].tobytes())
