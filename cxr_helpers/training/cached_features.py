"""Outputs of a frozen backbone, computed once per image and augmented view, and stored."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_path, mapped, new_array
from cxr_helpers.base.progress import say
from cxr_helpers.config import Config
from cxr_helpers.data import batches
from cxr_helpers.data.preprocessing import VARIANTS
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import backends
from cxr_helpers.training import augmentation, devices

VIEW_SEED = 0  # all seeds of a system see the same augmented views, so that they are computed once
FEW = 1000  # images; for fewer an export takes longer than another engine saves


def stored(
    config: Config,
    profile: str,
    backbone: keras.Model,
    pixels: np.ndarray,
    rows: np.ndarray,
    data_hash: str,
    views: int,
    run: backends.Runner | None = None,
) -> np.ndarray:
    """Return features float32 (max(views, 1), len(rows), ...) of the images at `rows`, from the store where they lie there.

    With `views` 0 the images pass as they are; otherwise each passes `views` times through the configured
    augmentation. The array is memory-mapped and may be larger than the memory. `run` as for `extract`.
    """
    path = paths.build(profile) / "features" / f"{_key(config, backbone, rows, data_hash, views)}.npy"
    if not path.is_file():
        policy = augmentation.build(config.augmentation, VIEW_SEED) if views else None
        shape = (max(views, 1), len(rows), *backbone.output_shape[1:])
        run = run or forward(backbone, shape[0] * shape[1])
        with atomic_path(path) as temporary:
            array = new_array(temporary, np.float32, shape)
            for view, passed in enumerate(array):
                label = f"features {config.model} {config.variant} view {view + 1}"
                extract(backbone, pixels, rows, policy, label, passed, run)
            array.flush()
    return mapped(path)


def extract(
    backbone: keras.Model,
    pixels: np.ndarray,
    rows: np.ndarray,
    policy: keras.Sequential | None = None,
    label: str = "features",
    out: np.ndarray | None = None,
    run: backends.Runner | None = None,
) -> np.ndarray:
    """Return the backbone's output float32 (len(rows), ...) for the images at `rows`, augmented once by `policy`.

    It is written to `out` where that is given; `run` is what `forward` returned for the backbone, by default it is made.
    """
    channels, run = backbone.input_shape[-1], run or forward(backbone, len(rows))
    if out is None:
        out = np.empty((len(rows), *backbone.output_shape[1:]), np.float32)
    for start in tqdm(range(0, len(rows), 32), desc=label, unit="batch", mininterval=5):
        images = batches.images(pixels, rows[start : start + 32])
        if policy is not None:
            images = keras.ops.convert_to_numpy(policy(images, training=True))
        out[start : start + 32] = run(batches.repeated(images, channels))
    return out


def forward(backbone: keras.Model, images: int, name: str | None = None) -> backends.Runner:
    """Return what runs the backbone on so many images in all: the engine `name`, by default the best one (`engines.best`).

    Keras runs it where the images are few, where it has an accelerator, and, with a sentence, where another engine cannot or
    differs on the first batch by more than `engines.TOLERANCE`.
    """
    plain = backends.keras_runner(backbone)
    name = name or (backends.best(backbone) if os.environ.get(backends.CHOICE) or _worthwhile(backbone, images) else backends.KERAS)
    if name == backends.KERAS:
        return plain
    chosen: list[backends.Runner] = []

    def run(images: np.ndarray) -> np.ndarray:
        if not chosen:
            chosen.append(_agreeing(backbone, name, images, plain(images)) or plain)
        return chosen[0](images)  # the first batch too, so that a run that was stopped between two arrays gives the same

    return run


def _worthwhile(backbone: keras.Model, images: int) -> bool:
    return images >= FEW and devices.on_processor() and backbone.compute_dtype == "float32"


def _agreeing(backbone: keras.Model, name: str, images: np.ndarray, expected: np.ndarray) -> backends.Runner | None:
    """Return the engine's runner if its outputs are those of Keras; say why not, and return None, if they are not."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = backends.runner(backbone, name, Path(folder))
            places = [f"number {place + 1} of the first batch" for place in range(len(images))]
            backends.check(found, images, expected, places, backends.TITLES[name])
        return found
    except CxrError as error:
        say(f"features: {error} Keras goes on.")
    except Exception as error:  # converters raise anything
        say(f"features: {backends.TITLES[name]} cannot run {backbone.name} ({type(error).__name__}); Keras goes on.")
    return None


def _key(config: Config, backbone: keras.Model, rows: np.ndarray, data_hash: str, views: int) -> str:
    """Return a name that differs where features may: images, views, and what runs on them, weights and precision included.

    The engine is no part of it: all agree within `engines.TOLERANCE`.
    """
    weights = hashlib.sha256()
    for array in backbone.get_weights():
        weights.update(np.ascontiguousarray(array))
    parts = [config.model, config.size, VARIANTS[config.variant].described, views, data_hash]
    parts.append(config.augmentation if views else "none")
    parts += [hashlib.sha256(np.ascontiguousarray(rows)).hexdigest(), weights.hexdigest()]
    parts.append(backbone.compute_dtype)
    if not config.frozen:  # cut elsewhere than before the head
        parts.append(backbone.layers[-1].name)
    return f"{config.model}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]}"
