"""Outputs of a frozen backbone, computed once per image and augmented view, and stored."""

import hashlib
import json

import keras
import numpy as np
from tqdm import tqdm

from cxr_helpers import augmentation, batches, paths
from cxr_helpers.config import Config
from cxr_helpers.files import atomic_path

VIEW_SEED = 0  # all seeds of a system see the same augmented views, so that they are computed once


def stored(
    config: Config, profile: str, backbone: keras.Model, pixels: np.ndarray, rows: np.ndarray, data_hash: str, views: int
) -> np.ndarray:
    """Return features float32 (max(views, 1), len(rows), D) of the films at `rows`, from the store where they lie there.

    With `views` 0 the films pass as they are; otherwise each passes `views` times through the configured
    augmentation.
    """
    path = paths.build(profile) / "features" / f"{_key(config, rows, data_hash, views)}.npy"
    if not path.is_file():
        policy = augmentation.build(config.augmentation, VIEW_SEED) if views else None
        label = f"features {config.model} {config.variant}"
        passes = [extract(backbone, pixels, rows, policy, f"{label} view {view + 1}") for view in range(max(views, 1))]
        with atomic_path(path) as temporary:
            np.save(temporary, np.stack(passes))
    return np.load(path, mmap_mode="r")


def extract(backbone: keras.Model, pixels: np.ndarray, rows: np.ndarray, policy=None, label: str = "features") -> np.ndarray:
    """Return the backbone's output float32 (len(rows), D) for the films at `rows`, augmented once by `policy`."""
    channels = backbone.input_shape[-1]
    parts = []
    for start in tqdm(range(0, len(rows), 32), desc=label, unit="batch", mininterval=5):
        films = batches.films(pixels, rows[start : start + 32])
        if policy is not None:
            films = keras.ops.convert_to_numpy(policy(films, training=True))
        parts.append(backbone.predict_on_batch(batches.repeated(films, channels)))
    return np.concatenate(parts).astype("float32")


def _key(config: Config, rows: np.ndarray, data_hash: str, views: int) -> str:
    parts = [config.model, config.start, config.size, config.variant, views, data_hash]
    parts += [config.augmentation if views else "none", hashlib.sha256(np.ascontiguousarray(rows)).hexdigest()]
    if config.start == "random":
        parts.append(config.seed)
    return f"{config.model}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"
