"""Random augmentation of training images, as Keras layers that stay outside the saved model."""

import keras
from keras import layers

from cxr_helpers.errors import CxrError


def rahman(seed: int) -> list[keras.Layer]:
    """Return the transforms of Rahman et al. 2024, Table 2; shear is read as a fraction of the image."""
    return [
        layers.RandomRotation(7 / 360, fill_mode="nearest", seed=seed),
        layers.RandomTranslation(0.05, 0.05, fill_mode="nearest", seed=seed + 1),
        layers.RandomShear(0.2, 0.2, fill_mode="nearest", seed=seed + 2),
        layers.RandomZoom(0.45, 0.45, fill_mode="nearest", seed=seed + 3),
        layers.RandomFlip("horizontal", seed=seed + 4),
    ]


def thesis(seed: int) -> list[keras.Layer]:
    """Return the block before Kondragunta's ResNet50 (Table 2 names no layer): rotation, zoom, shifts, flip (reading)."""
    return [
        layers.RandomRotation(0.1, fill_mode="nearest", seed=seed),
        layers.RandomZoom(0.1, fill_mode="nearest", seed=seed + 1),
        layers.RandomTranslation(0.1, 0.1, fill_mode="nearest", seed=seed + 2),
        layers.RandomFlip("horizontal", seed=seed + 3),
    ]


def kilaru(seed: int) -> list[keras.Layer]:
    """Return the rotations (±10°, reading) and horizontal flips of Kilaru 2025."""
    return [
        layers.RandomRotation(10 / 360, fill_mode="nearest", seed=seed),
        layers.RandomFlip("horizontal", seed=seed + 1),
    ]


def films(seed: int) -> list[keras.Layer]:
    """Return mild changes that a frontal film can show: rotation, shift, zoom, contrast and brightness; no flip."""
    return [
        layers.RandomRotation(10 / 360, fill_mode="constant", seed=seed),
        layers.RandomTranslation(0.08, 0.08, fill_mode="constant", seed=seed + 1),
        layers.RandomZoom((-0.2, 0.1), (-0.2, 0.1), fill_mode="constant", seed=seed + 2),
        layers.RandomContrast(0.3, value_range=(0, 255), seed=seed + 3),
        layers.RandomBrightness(0.15, value_range=(0, 255), seed=seed + 4),
    ]


def skin(seed: int) -> list[keras.Layer]:
    """Return the rotation and flipping of Rokad and Nagarajan; a lesion has no upright, so by any angle (reading)."""
    return [
        layers.RandomRotation(0.5, fill_mode="nearest", seed=seed),
        layers.RandomFlip("horizontal_and_vertical", seed=seed + 1),
    ]


POLICIES = {"rahman": rahman, "thesis": thesis, "kilaru": kilaru, "films": films, "skin": skin}


def build(name: str, seed: int) -> keras.Sequential | None:
    """Return the named augmentation of float images (N, H, W, C) in 0..255, or None for "none".

    Call it with `training=True`; elsewhere it is the identity.
    """
    if name == "none":
        return None
    if name not in POLICIES:
        raise CxrError(f"Config: augmentation={name!r} is unknown; choose none, {', '.join(POLICIES)}.")
    return keras.Sequential(POLICIES[name](seed), name="augmentation")
