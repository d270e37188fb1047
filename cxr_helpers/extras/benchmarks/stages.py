"""The stages of the thesis' programs, each run on a given number of images and metered; meant for a fresh process.

A sample is a dictionary: stage, repeat, seconds, megabytes (of 2**20 bytes: the rise of the process' peak memory over
its start, so that it counts what the stage is given as well as what it makes; NaN where the peak is an earlier repeat's).
"""

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cxr_helpers import plots
from cxr_helpers.base import lazy
from cxr_helpers.config import Config
from cxr_helpers.data import image_files, preprocessing
from cxr_helpers.extras.benchmarks.fresh_process import Meter
from cxr_helpers.extras.networks import programs

keras = lazy.module("keras")

SCREEN_DPI = 96
_PREPARE = preprocessing.VARIANTS["gaussian+equalise"]


def load(files: Sequence[Path], side: int) -> list[np.ndarray]:
    """Read and decode images, as they come; `side` is not used."""
    return [image_files.read(file).pixels for file in files]


def prepare(images: Sequence[np.ndarray], side: int) -> np.ndarray:
    """Resize, smooth, equalise and normalise images (H, W) uint8: float32 (N, side, side, 3) in 0..1."""
    prepared = np.empty((len(images), side, side, 3), np.float32)
    for place, image in enumerate(images):
        prepared[place] = _PREPARE(preprocessing.resize(image, side)).astype(np.float32)[..., None] / 255
    return prepared


def show(images: np.ndarray, side: int) -> bytes:
    """Draw images uint8 (N, side, side) as a grid and return it as PNG."""
    content = io.BytesIO()
    plots.image_grid(images, [""] * len(images)).savefig(content, format="png", dpi=SCREEN_DPI, bbox_inches="tight")
    return content.getvalue()


def _reduced(files: Sequence[Path], side: int) -> np.ndarray:
    return np.stack([preprocessing.resize(image_files.read(file).pixels, side) for file in files])


# Stage -> (what its input is made by, its work).
OF_IMAGES: dict[str, tuple[Callable, Callable]] = {
    "loading": (lambda files, side: files, load),
    "preprocessing": (load, prepare),
    "display": (_reduced, show),
}


def of_images(stage: str, files: Sequence[Path], side: int, repeat: int) -> list[dict]:
    """Run one stage of `OF_IMAGES` on the images in `files` and return its sample, in a list."""
    source, work = OF_IMAGES[stage]
    meter = Meter()
    given = source(files, side)
    work(given[:1], side)  # what libraries load at their first call is no part of the stage
    _, seconds, megabytes = meter(lambda: work(given, side))
    return [_sample(stage, repeat, seconds, megabytes)]


def of_network(config: Config, count: int, repeats: int) -> list[dict]:
    """Build a program, evaluate it on `count` images and train it for an epoch, each `repeats` times.

    The first batch is passed once before either is timed, because it compiles. Batches are passed one by one: at the end of
    `fit` and `evaluate` TensorFlow may wait for a thread of its input pipeline, which sleeps for 10 ms, then twice as long
    each time, and would round every cost up to such a sum.
    """
    keras.config.disable_interactive_logging()
    meter = Meter()
    program, seconds, megabytes = meter(lambda: programs.build(config))
    samples = [_sample("model building", 0, seconds, megabytes)]
    images, labels = programs.images(program, count)
    size = config.batch_size
    # In this order no stage hides behind the peak of the one before it: training holds more than evaluation.
    for stage, step in (("evaluation", program.test_on_batch), ("training", program.train_on_batch)):
        step(images[:size], labels[:size])
        for repeat in range(repeats):
            _, seconds, megabytes = meter(lambda step=step: _in_batches(step, images, labels, size))
            samples.append(_sample(stage, repeat, seconds, math.nan if repeat else megabytes))
    for repeat in range(1, repeats):
        _, seconds, _ = meter(lambda: programs.build(config))
        samples.append(_sample("model building", repeat, seconds, math.nan))
    return samples


def _in_batches(step: Callable, images: np.ndarray, labels: np.ndarray, size: int) -> None:
    for start in range(0, len(images), size):
        step(images[start : start + size], labels[start : start + size])


def _sample(stage: str, repeat: int, seconds: float, megabytes: float) -> dict:
    return {"stage": stage, "repeat": repeat, "seconds": seconds, "megabytes": megabytes}
