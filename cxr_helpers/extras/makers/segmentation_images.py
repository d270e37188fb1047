"""The images of the segmenter: synthetic ones to train on, and every set that it is tried on."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cxr_helpers.extras.makers.domain_randomisation import randomise
from cxr_helpers.extras.other_sets import adult_images, synthetic

FIRST_SEED = {"train": 0, "val": 1_000_000, "test": 2_000_000}  # of the synthetic images: no image is in two sets
TRAINING_SIDE, TEST_SIDE = 160, 224  # pixels of an image as it is drawn
SHOWN = {"synthetic": 4, "films": 8}  # images a set whose outlines are kept for the chapter's figures


@dataclasses.dataclass(frozen=True)
class Case:
    """An image to be segmented, of the set "synthetic", "randomised", "adult" or "films" (the protocol's test images).

    `pixels` is (H, W) uint8; `lungs` and `heart` are the truth, (H, W) bool, or None where it is unknown. `shown` asks
    for its outlines to be kept.
    """

    image_id: str
    patient_id: str
    set: str
    y_true: int
    pixels: np.ndarray
    lungs: np.ndarray | None = None
    heart: np.ndarray | None = None
    shown: bool = False


def drawn(split: str, count: int, side: int = TRAINING_SIDE) -> Iterator[synthetic.Image]:
    """Draw the first `count` synthetic images of "train", "val" or "test", NORMAL and PNEUMONIA in turn."""
    for place in range(count):
        yield synthetic.image(FIRST_SEED[split] + place, ("NORMAL", "PNEUMONIA")[place % 2], side)


def typical(drawn: list[synthetic.Image]) -> dict[str, np.ndarray]:
    """Return the fixed outline that a shortcut baseline gives every image: structure → what most of `drawn` hold, (H, W) bool."""
    masks = {"lungs": [image.lung_mask for image in drawn], "heart": [image.heart_mask for image in drawn]}
    return {structure: np.mean(part, axis=0) > 0.5 for structure, part in masks.items()}


def synthetic_cases(count: int) -> Iterator[Case]:
    """Yield `count` held-out synthetic images, each as it is drawn and as one random variant of it."""
    for place, image in enumerate(drawn("test", count, TEST_SIDE)):
        name, shown = f"synthetic{place:04d}", place < SHOWN["synthetic"]
        yield Case(name, name, "synthetic", place % 2, image.image, image.lung_mask, image.heart_mask)
        rng = np.random.default_rng([FIRST_SEED["test"], place])
        pixels, masks = randomise(image, TEST_SIDE, rng)
        yield Case(name, name, "randomised", place % 2, pixels, masks[..., 0], masks[..., 1], shown)


def adult_cases(root: Path) -> Iterator[Case]:
    """Yield the images of the external set that have a lung mask; their hearts are unknown, and none is shown."""
    table = adult_images.images(root)
    for image in table[table.lung_mask != ""].itertuples():
        pixels = adult_images.image(root, image.image)
        lungs = adult_images.lung_mask(root, image.lung_mask, pixels.shape)
        yield Case(image.image_id, image.patient_id, "adult", image.y_true, pixels, lungs)


def test_cases(table: pd.DataFrame, pixels: np.ndarray) -> Iterator[Case]:
    """Yield test images, of which no mask is known; of each class a few, drawn at random, are shown.

    Args:
        table: row (of `pixels`), image_id, patient_id, y_true.
        pixels: (N, H, W) uint8.
    """
    kept = sample(table)
    for image in table.itertuples():
        shown = image.image_id in kept
        yield Case(image.image_id, image.patient_id, "films", image.y_true, np.asarray(pixels[image.row]), shown=shown)


def sample(table: pd.DataFrame) -> list[str]:
    """Return the image_ids to be shown of a table of image_id and y_true: the same few of each class, drawn at random."""
    share = SHOWN["films"] // 2
    return [name for _, part in table.groupby("y_true") for name in part.image_id.sample(min(share, len(part)), random_state=0)]


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Return the outer outlines of a mask (H, W) bool, each (N, 2): x and y of its corners as shares of width and height."""
    curves, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return [np.round((curve[:, 0] + 0.5) / mask.shape[::-1], 5) for curve in curves]
