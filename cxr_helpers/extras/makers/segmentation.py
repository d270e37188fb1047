"""The segmenter of lungs and heart: a U-Net trained on hand-drawn masks of children and adults; on synthetic ones for smoke.

Beside `history` its record has the table `overlaps`: image_id, patient_id, group, structure, dice, fixed (the Dice coefficient of
one fixed outline for all images), ratio and true_ratio (cardiothoracic, NaN where it cannot be measured).
"""

import dataclasses
from collections.abc import Sequence

import cv2
import keras
import numpy as np
import pandas as pd

from cxr_helpers.config import Config
from cxr_helpers.data import manifest, packing, preprocessing
from cxr_helpers.extras.networks import unet
from cxr_helpers.extras.other_sets import masked_images
from cxr_helpers.extras.other_sets.masked_images import UNKNOWN, Masked
from cxr_helpers.extras.statistics import cardiothoracic
from cxr_helpers.records import Product
from cxr_helpers.training import cached_features, fitting, network

EPOCH = 2000  # images of an epoch, drawn anew each time, so that the adults are seen as often as the children
ADULTS = 0.25  # share of them
HELD_OUT = 5  # every fifth adult image of JSRT is for testing, the one before it for validation
SMOKE = {"train": 64, "val": 16, "test": 8}


class Augmented(keras.utils.PyDataset):
    """Yield (images float32 (n, size, size, 1) in 0..255, masks float32 (n, size, size, 2) in 0, 1, `UNKNOWN`) in batches.

    Each epoch draws other images and changes them anew: zoom, aspect, turn, shift, exposure, contrast, blur, and opaque lungs.
    """

    def __init__(self, images: Sequence[Masked], config: Config, fixed: bool = False) -> None:
        super().__init__()
        self.images, self.config, self.fixed, self.epoch = images, config, fixed, 0
        adults = np.array([image.group == "jsrt" for image in images])
        share = np.where(adults, ADULTS / max(adults.sum(), 1), (1 - ADULTS) / max((~adults).sum(), 1))
        self.shares = share / share.sum()

    def __len__(self) -> int:
        return -(-(len(self.images) if self.fixed else min(EPOCH, len(self.images))) // self.config.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        size, count = self.config.size, self.config.batch_size
        if self.fixed:
            chosen = self.images[index * count : (index + 1) * count]
            made = [_resized(image.pixels, image.masks, size) for image in chosen]
        else:
            rng = np.random.default_rng([self.config.seed, self.epoch, index])
            chosen = [self.images[place] for place in rng.choice(len(self.images), count, p=self.shares)]
            made = [augmented(image.pixels, image.masks, size, rng) for image in chosen]
        pixels, masks = (np.stack(part).astype(np.float32) for part in zip(*made, strict=True))
        return pixels[..., None], masks

    def on_epoch_end(self) -> None:
        """Go on to the next epoch."""
        self.epoch += 1


def augmented(pixels: np.ndarray, masks: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a random variant (size, size) uint8 of an image (H, W) uint8, and its masks (size, size, 2) int8."""
    pixels, masks = _resized(pixels, masks, size)
    across, down = rng.uniform(0.8, 1.25) * rng.uniform(0.9, 1.1, 2)
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(-12, 12), 1.0)
    matrix[0, :2] *= across
    matrix[1, :2] *= down
    matrix[:, 2] += size * rng.uniform(-0.1, 0.1, 2) + size / 2 * (1 - np.array([across, down]))
    pixels = cv2.warpAffine(pixels, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=0)
    parts = [cv2.warpAffine(part, matrix, (size, size), flags=cv2.INTER_NEAREST) for part in cv2.split(masks.astype(np.int16))]
    masks, image = np.stack(parts, axis=-1), pixels / 255.0
    if rng.random() < 0.3:  # an opaque part of a lung still is lung
        spot = cv2.GaussianBlur(rng.random((size, size)), (0, 0), size / rng.uniform(6, 12))
        spot = np.clip((spot - spot.mean()) / spot.std(), 0, 1) * (masks[..., 0] == 1)
        image = image + rng.uniform(0.3, 1) * cv2.GaussianBlur(spot, (0, 0), 2) * np.maximum(np.percentile(image, 80) - image, 0)
    image = np.clip(rng.uniform(0.7, 1.3) * (image - 0.5) + 0.5 + rng.uniform(-0.15, 0.15), 0, 1) ** rng.uniform(0.6, 1.6)
    if rng.random() < 0.3:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 1.5))
    return np.round(255 * image).astype(np.uint8), masks


def make(config: Config, profile: str) -> Product:
    """Train the segmenter, save it, and measure it on images of patients that it has not seen."""
    table = network.labelled_images(profile, config.protocol)
    parts = smoke_images(config.size) if profile == "smoke" else real_images(profile, table)
    for split in ("train", "val"):  # small once, so that an epoch only changes them
        small = ((image, *_resized(image.pixels, image.masks, config.size)) for image in parts[split])
        parts[split] = [dataclasses.replace(image, pixels=pixels, masks=masks) for image, pixels, masks in small]
    model = unet.build(config.size, config.dropout)
    batches = Augmented(parts["train"], config)
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * len(batches))
    model.compile(keras.optimizers.Adam(rate), unet.overlap_loss)
    history, seconds = fitting.timed_fit(model, config, batches, Augmented(parts["val"], config, fixed=True))
    groups = pd.Series([image.group for image in parts["test"]]).value_counts().to_dict()
    info = network.images_info(profile, table) | {
        "initialisation": "random start",
        "images": {split: len(images) for split, images in parts.items()} | groups,
        "parameters": model.count_params(),
        "trainable_parameters": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        "training_time_s": round(seconds, 1),
        "model_bytes": network.save(model, profile, config.run_id),
    }
    return info, {"history": history, "overlaps": overlaps(model, parts["test"], typical(parts["train"]))}


def smoke_images(side: int) -> dict[str, list[Masked]]:
    """Return synthetic images by split."""
    return {split: list(masked_images.drawn(10_000 * place, SMOKE[split], side)) for place, split in enumerate(SMOKE)}


def real_images(profile: str, table: pd.DataFrame) -> dict[str, list[Masked]]:
    """Return the images with masks by split: children as the protocol has them, JSRT in fifths, other adults for testing."""
    files = manifest.load(profile).set_index("image_id").path
    children = table.assign(path=table.image_id.map(files))
    parts = {}
    for split in ("train", "val", "test"):
        parts[split] = list(masked_images.guangzhou(children[children.split == split], packing.load(profile, 224)))
    for place, image in enumerate(masked_images.jsrt()):
        parts[{0: "test", HELD_OUT - 1: "val"}.get(place % HELD_OUT, "train")].append(image)
    parts["test"] += [*masked_images.lesions(), *masked_images.adults()]
    return parts


def maps(model: keras.Model, pixels: Sequence[np.ndarray]) -> np.ndarray:
    """Return P(structure) float32 (n, side, side, structures), in the segmenter's size, of images (H, W) uint8 of any size."""
    small = np.stack([preprocessing.resize(image, model.input_shape[1]) for image in pixels]).astype(np.float32)[..., None]
    return cached_features.keras_runner(model)(small)


def mask(probability: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return where a map (side, side), or several (side, side, C), enlarged to `shape` (H, W), is at least 0.5: bool."""
    return cv2.resize(probability, shape[::-1], interpolation=cv2.INTER_LINEAR) >= 0.5


def segment(model: keras.Model, pixels: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Return the structures of images (H, W) uint8 of any size: a mask (H, W) bool, in the image's size, by name."""
    masks = (mask(found, image.shape) for found, image in zip(maps(model, pixels), pixels, strict=True))
    return [{name: each[..., channel] for channel, name in enumerate(unet.STRUCTURES)} for each in masks]


def typical(images: Sequence[Masked]) -> dict[str, np.ndarray]:
    """Return the fixed outline that a shortcut baseline gives every image: structure → what most images hold, (H, W) bool."""
    found = {}
    for channel, name in enumerate(unet.STRUCTURES):
        known = [image.masks[..., channel] == 1 for image in images if (image.masks[..., channel] != UNKNOWN).any()]
        found[name] = np.mean(known, axis=0) > 0.5
    return found


def overlaps(model: keras.Model, images: Sequence[Masked], fixed: dict[str, np.ndarray]) -> pd.DataFrame:
    """Return the table `overlaps` of a segmenter on images; pixels whose truth is unknown do not count."""
    rows = []
    for image, found in zip(images, segment(model, [image.pixels for image in images]), strict=True):
        truth = {name: image.masks[..., channel] for channel, name in enumerate(unet.STRUCTURES)}
        ratios = {"ratio": cardiothoracic.measure(**found)["cardiothoracic_ratio"], "true_ratio": np.nan}
        if (truth["heart"] != UNKNOWN).all():
            ratios["true_ratio"] = cardiothoracic.measure(*(drawn == 1 for drawn in truth.values()))["cardiothoracic_ratio"]
        for name, drawn in truth.items():
            known = drawn != UNKNOWN
            if known.any():
                guess = cv2.resize(fixed[name].astype(np.uint8), drawn.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
                row = {"image_id": image.image_id, "patient_id": image.patient_id, "group": image.group, "structure": name}
                both = {"dice": found[name], "fixed": guess}
                rows.append(row | {key: dice(each & known, drawn == 1) for key, each in both.items()} | ratios)
    return pd.DataFrame(rows)


def dice(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return the Dice coefficient 2·|A∩B| / (|A| + |B|) of two bool masks of equal shape; 1 where both are empty."""
    total = ours.sum() + truth.sum()
    return float(2 * (ours & truth).sum() / total) if total else 1.0


def _resized(pixels: np.ndarray, masks: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    masks = cv2.resize(masks.astype(np.int16), (size, size), interpolation=cv2.INTER_NEAREST)
    return preprocessing.resize(pixels, size), masks.astype(np.int8)
