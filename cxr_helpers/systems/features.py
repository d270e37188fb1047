"""Outputs of a frozen backbone, computed once per image and augmented view, and stored."""

import hashlib
import json

import keras
import numpy as np
from tqdm import tqdm

from cxr_helpers import paths
from cxr_helpers.config import Config
from cxr_helpers.files import atomic_path, mapped, new_array
from cxr_helpers.systems import augmentation, batches

VIEW_SEED = 0  # all seeds of a system see the same augmented views, so that they are computed once


def stored(
    config: Config, profile: str, backbone: keras.Model, pixels: np.ndarray, rows: np.ndarray, data_hash: str, views: int
) -> np.ndarray:
    """Return features float32 (max(views, 1), len(rows), ...) of the films at `rows`, from the store where they lie there.

    With `views` 0 the films pass as they are; otherwise each passes `views` times through the configured
    augmentation. The array is memory-mapped and may be larger than the memory.
    """
    path = paths.build(profile) / "features" / f"{_key(config, backbone, rows, data_hash, views)}.npy"
    if not path.is_file():
        policy = augmentation.build(config.augmentation, VIEW_SEED) if views else None
        shape = (max(views, 1), len(rows), *backbone.output_shape[1:])
        with atomic_path(path) as temporary:
            array = new_array(temporary, np.float32, shape)
            for view, passed in enumerate(array):
                label = f"features {config.model} {config.variant} view {view + 1}"
                extract(backbone, pixels, rows, policy, label, passed)
            array.flush()
    return mapped(path)


def extract(
    backbone: keras.Model,
    pixels: np.ndarray,
    rows: np.ndarray,
    policy: keras.Sequential | None = None,
    label: str = "features",
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Return the backbone's output float32 (len(rows), ...) for the films at `rows`, augmented once by `policy`.

    It is written to `out` where that is given.
    """
    channels = backbone.input_shape[-1]
    if out is None:
        out = np.empty((len(rows), *backbone.output_shape[1:]), np.float32)
    for start in tqdm(range(0, len(rows), 32), desc=label, unit="batch", mininterval=5):
        films = batches.films(pixels, rows[start : start + 32])
        if policy is not None:
            films = keras.ops.convert_to_numpy(policy(films, training=True))
        out[start : start + 32] = backbone.predict_on_batch(batches.repeated(films, channels))
    return out


def _key(config: Config, backbone: keras.Model, rows: np.ndarray, data_hash: str, views: int) -> str:
    parts = [config.model, config.start, config.size, config.variant, views, data_hash]
    parts += [config.augmentation if views else "none", hashlib.sha256(np.ascontiguousarray(rows)).hexdigest()]
    if config.start == "random":
        parts.append(config.seed)
    if not config.frozen:  # cut elsewhere than before the head
        parts.append(backbone.layers[-1].name)
    return f"{config.model}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"
