"""Small networks of which it is known what they can have learnt: their images are synthetic, or their labels permuted.

`clean` saw synthetic images; `marker` the same images with a letter near the upper right corner of every PNEUMONIA image, a
shortcut that needs no lung; `labels` a few real training images, `shuffled` the same images with permuted labels.
They are fitted where they are asked for (a minute at most) and kept in the build folder.
"""

import zlib
from dataclasses import dataclass

import cv2
import keras
import numpy as np

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_path
from cxr_helpers.base.progress import say
from cxr_helpers.data import batches, manifest, packing
from cxr_helpers.extras.makers import segmentation_images
from cxr_helpers.training import network

SIDE = 64  # pixels
KINDS = ("clean", "marker", "labels", "shuffled")
_REAL = ("labels", "shuffled")  # of these the images are the set's
_WIDTHS = (16, 32, 64, 64)  # filters of the convolutions; all but the last are pooled
_FIRST_SHUFFLE = 1000  # seed of the permuted labels


@dataclass(frozen=True)
class Training:
    """How long a small network is trained: images that are `drawn`, real images taken, epochs on either; images to test it."""

    drawn: int
    drawn_epochs: int
    real: int
    real_epochs: int
    tested: int


TRAINING = {"full": Training(1600, 8, 512, 15, tested=400), "smoke": Training(48, 2, 48, 2, tested=40)}


@dataclass(frozen=True)
class Images:
    """Drawn images, n of them: `images` uint8 (n, SIDE, SIDE), `y_true` (n,), `lesions` and `markers` bool (n, SIDE, SIDE)."""

    images: np.ndarray
    y_true: np.ndarray
    lesions: np.ndarray
    markers: np.ndarray


def drawn(split: str, count: int, marked: str) -> Images:
    """Draw the first `count` synthetic images of "train" or "test"; `marked`: "none", "PNEUMONIA" or "all" get the letter."""
    radiographs = list(segmentation_images.drawn(split, count, SIDE))
    images, y_true = np.stack([image.image for image in radiographs]), np.arange(count) % 2
    bearing = {"none": np.zeros(count), "PNEUMONIA": y_true, "all": np.ones(count)}[marked].astype(bool)
    rng, markers = np.random.default_rng([segmentation_images.FIRST_SEED[split], 7]), np.zeros(images.shape, bool)
    for place in range(count):
        letter = _letter(rng)  # drawn for every image, so that an image has the same one however many are marked
        if bearing[place]:
            markers[place] = letter > 0
            images[place] = np.maximum(images[place], letter)
    return Images(images, y_true, np.stack([image.lesion_mask for image in radiographs]), markers)


def mean_lesion(profile: str) -> np.ndarray:
    """Return the share (SIDE, SIDE) of the drawn PNEUMONIA training images whose lesion holds a pixel."""
    images = drawn("train", TRAINING[profile].drawn, "none")
    return images.lesions[images.y_true == 1].mean(axis=0)


def model(kind: str, seed: int, profile: str) -> keras.Model:
    """Return a small network of one of `KINDS`: the kept one, or where there is none, a new one."""
    images = manifest.data_hash(manifest.load(profile)) if kind in _REAL else ""
    key = zlib.crc32(f"{TRAINING[profile]}{images}".encode())  # another training, or other images, make another network
    path = paths.build(profile) / "planted" / f"{kind}-s{seed}-{key:08x}.keras"
    if not path.is_file():
        say(f"planted: fitting {kind}, seed {seed}")
        fitted = _fitted(kind, seed, profile)
        with atomic_path(path) as temporary:
            fitted.save(temporary, include_optimizer=False)
    return keras.saving.load_model(path, compile=False)


def training_images(kind: str, seed: int, profile: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (n, SIDE, SIDE) uint8 and labels (n,) that a small network is fitted on."""
    plan = TRAINING[profile]
    if kind not in _REAL:
        radiographs = drawn("train", plan.drawn, "PNEUMONIA" if kind == "marker" else "none")
        return radiographs.images, radiographs.y_true
    table = network.labelled_images(profile, "official").query("split == 'train'")
    table = table.groupby("y_true").sample(min(plan.real // 2, table.y_true.value_counts().min()), random_state=0)
    images, y_true = np.asarray(packing.load(profile, SIDE)[table.row.to_numpy()]), table.y_true.to_numpy()
    if kind == "shuffled":
        y_true = np.random.default_rng(_FIRST_SHUFFLE + seed).permutation(y_true)
    return images, y_true


def _fitted(kind: str, seed: int, profile: str) -> keras.Model:
    plan, (images, y_true) = TRAINING[profile], training_images(kind, seed, profile)
    keras.utils.set_random_seed(seed)
    fresh = _network(kind)
    fresh.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    epochs = plan.real_epochs if kind in _REAL else plan.drawn_epochs
    data = batches.Batches(images, np.arange(len(images)), batches.targets(y_true, 1), batch_size=32, seed=seed)
    fresh.fit(data, epochs=epochs, verbose=0)
    return fresh


def _network(kind: str) -> keras.Model:
    inputs = keras.Input((SIDE, SIDE, 1), name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1, name="scaling")(inputs)
    for place, width in enumerate(_WIDTHS):
        x = keras.layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv_{place + 1}")(x)
        x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{place + 1}")(x)
        x = keras.layers.ReLU(name=f"relu_{place + 1}")(x)
        if place < len(_WIDTHS) - 1:
            x = keras.layers.MaxPooling2D(2, name=f"pool_{place + 1}")(x)
    x = keras.layers.Flatten(name="features")(x)
    x = keras.layers.Dense(64, activation="relu", name="dense")(x)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid", name="probability")(x), name=kind)


def _letter(rng: np.random.Generator) -> np.ndarray:
    """Return a letter L (SIDE, SIDE) uint8, white on black, near the upper right corner, as a marker of the left side."""
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    place = round(rng.uniform(0.78, 0.84) * SIDE), round(rng.uniform(0.14, 0.20) * SIDE)
    cv2.putText(canvas, "L", place, cv2.FONT_HERSHEY_SIMPLEX, SIDE / 160, 235, 1, cv2.LINE_AA)
    return canvas
