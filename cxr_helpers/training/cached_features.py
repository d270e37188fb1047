"""Outputs of a frozen backbone, computed once per image and augmented view, and stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator

import numpy as np
from tqdm import tqdm

from cxr_helpers import paths
from cxr_helpers.base import lazy, plugins
from cxr_helpers.base.files import atomic_path, mapped
from cxr_helpers.config import Config
from cxr_helpers.data import preprocessing

keras = lazy.module("keras")
batches = lazy.module("cxr_helpers.data.batches")
augmentation = lazy.module("cxr_helpers.training.augmentation")

BATCH = 32
VIEW_SEED = 0  # all seeds of an experiment see the same augmented views, so that they are computed once
Runner = Callable[[np.ndarray], np.ndarray]  # images float32 (n, H, W, C) in 0..255 -> outputs float32 (n, ...)


def stored(
    config: Config,
    profile: str,
    backbone: keras.Model,
    pixels: np.ndarray,
    rows: np.ndarray,
    data_hash: str,
    views: int,
    run: Runner | None = None,
) -> np.ndarray:
    """Return features float32 (max(views, 1), len(rows), ...) of the images at `rows`, memory-mapped, stored where they are not.

    With `views` 0 the images pass as they are, else `views` times through the configured augmentation. `run` as for `extract`.
    """
    shape = (max(views, 1), len(rows), *backbone.output_shape[1:])
    run = run or forward(backbone, shape[0] * shape[1])
    path = paths.build(profile) / "features" / f"{_key(config, backbone, rows, data_hash, views, run)}.npy"
    if not path.is_file():
        policy = augmentation.build(config.augmentation, VIEW_SEED) if views else None
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for view in range(shape[0]):
                label = f"features {config.model} {config.variant} view {view + 1}"
                for outputs in _passed(backbone, pixels, rows, policy, label, run):
                    file.write(np.ascontiguousarray(outputs, "<f4").data)  # a memory map would end the process on a full disk
    return mapped(path)


def extract(
    backbone: keras.Model,
    pixels: np.ndarray,
    rows: np.ndarray,
    policy: keras.Sequential | None = None,
    label: str = "features",
    run: Runner | None = None,
) -> np.ndarray:
    """Return the backbone's output float32 (len(rows), ...) for images augmented by `policy`; `run`: see `forward`."""
    return np.concatenate(list(_passed(backbone, pixels, rows, policy, label, run or forward(backbone, len(rows)))))


def _passed(
    backbone: keras.Model, pixels: np.ndarray, rows: np.ndarray, policy: keras.Sequential | None, label: str, run: Runner
) -> Iterator[np.ndarray]:
    """Yield what `extract` returns, batch by batch."""
    for start in tqdm(range(0, len(rows), BATCH), desc=label, unit="batch", mininterval=5):
        images = batches.images(pixels, rows[start : start + BATCH])
        if policy is not None:
            images = keras.ops.convert_to_numpy(policy(images, training=True))
        yield run(np.repeat(images, backbone.input_shape[-1] // images.shape[-1], axis=-1))


def forward(backbone: keras.Model, images: int) -> Runner:
    """Return what runs the backbone on so many images in all: a faster inference backend of the extras, else Keras."""
    if "forward" in plugins.names("features"):
        return plugins.load("features", "forward")(backbone, images)
    return keras_runner(backbone)


def arithmetic(run: Runner) -> str:
    """Return in which precision a runner computes: "float32", or what it says of itself."""
    return getattr(run, "arithmetic", "float32")


def keras_runner(model: keras.Model) -> Runner:
    """Return what runs a Keras model in batches, without training's behaviour."""

    def run(images: np.ndarray) -> np.ndarray:
        starts = range(0, len(images), BATCH)
        return np.concatenate([model.predict_on_batch(images[start : start + BATCH]) for start in starts])

    return run


def _key(config: Config, backbone: keras.Model, rows: np.ndarray, data_hash: str, views: int, run: Runner) -> str:
    """Return a name that differs where features may: images, views, weights and precision, not the inference backend."""
    weights = hashlib.sha256(b"".join(array.tobytes() for array in backbone.get_weights()))
    parts = [config.model, config.size, preprocessing.described(config.variant), views, data_hash]
    parts += [config.augmentation if views else "none", hashlib.sha256(np.ascontiguousarray(rows)).hexdigest()]
    parts += [weights.hexdigest(), backbone.compute_dtype]
    parts += [arithmetic(run)] if arithmetic(run) != "float32" else []  # names of earlier files stay
    parts += [config.scaling] if config.scaling else []  # no weight tells it
    if config.trainable != "head":  # cut elsewhere than before the head
        parts.append(backbone.layers[-1].name)
    return f"{config.model}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"
