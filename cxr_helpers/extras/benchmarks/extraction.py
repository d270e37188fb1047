"""Features of a frozen backbone by Keras and by the inference backend that runs it, with the others, beside the machine's limit.

The limit is the rate of a large float32 matrix product on all cores, measured in every round; a network's share of it is
what its multiply-adds take of that rate.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers.base import processes
from cxr_helpers.base.progress import say
from cxr_helpers.config import Config
from cxr_helpers.data import batches, packing
from cxr_helpers.extras.benchmarks.harness import Comparison, seconds
from cxr_helpers.extras.inference import backends
from cxr_helpers.extras.networks import operations
from cxr_helpers.models import catalogue, weights

SIDE = {"full": 224, "smoke": 32}
# Comparison -> (network, images a round, rounds): some seconds a way.
PLANS = {
    "extract_mobilenet": ("mobilenet", 192, 7),
    "extract_mobilenetv2": ("mobilenetv2", 256, 7),
    "extract_resnet50": ("resnet50", 64, 5),
    "extract_vgg16": ("vgg16", 32, 4),
}
MATRIX = "matrix_product"
_ROWS, _PRODUCTS = 3072, 2  # of square float32 matrices


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison of one network's backbone: seconds for so many images, and for the matrix products."""
    model, count, rounds = PLANS[name] if profile == "full" else (PLANS[name][0], 16, 2)
    start = "random" if weights.find(model)[0] == "imagenet" else "imagenet"  # random where the weights are not here
    backbone, _ = catalogue.split(catalogue.build(Config(model, start=start, size=SIDE[profile], trainable="head"))[0])
    pixels = packing.load(profile, SIDE[profile])
    images = np.repeat(batches.images(pixels, np.arange(count) % len(pixels)), backbone.input_shape[-1], axis=-1)
    best, macs = backends.best(backbone), operations.multiply_adds(backbone)
    runs = {"baseline": backends.keras_runner(backbone)}
    with tempfile.TemporaryDirectory() as folder:
        for engine in [best, *(each for each in backends.available() if each not in (best, backends.KERAS))]:
            say(f"bench {name}: {backends.TITLES[engine]} is made ready")
            runs["ours" if engine == best else engine] = backends.runner(backbone, engine, Path(folder) / engine)
        named = {way: {"baseline": backends.KERAS, "ours": best}.get(way, way) for way in runs}
        errors = _errors(runs, named, images)

    def rates(costs: pd.DataFrame) -> dict[str, float]:
        return {named[way]: count / costs[way].median() for way in runs}

    def limit(costs: pd.DataFrame) -> float:
        return _PRODUCTS * 2 * _ROWS**3 / costs[MATRIX].median()

    about = {
        "baseline_is": "Keras, predict_on_batch of 32 images",
        "ours_is": f"{backends.TITLES[best]}, as feature extraction runs it",
        "images": count,
        "network": model,
        "side": SIDE[profile],
        "start": start,
        "threads": processes.cores(),
        "multiply_adds": macs,
        "largest_relative_error": errors,
        "images_per_second": lambda costs: _digits(rates(costs), 4),
        "matrix_product_gflops": lambda costs: float(f"{limit(costs) / 1e9:.4g}"),
        "share_of_limit": lambda costs: _digits({key: 2 * macs * rate / limit(costs) for key, rate in rates(costs).items()}, 3),
    }
    works = {way: lambda _, run=run: seconds(lambda: run(images)) for way, run in runs.items()}
    return Comparison(works | {MATRIX: _products()}, rounds, about)


def _digits(values: dict[str, float], digits: int) -> dict[str, float]:
    return {key: float(f"{value:.{digits}g}") for key, value in values.items()}


def _errors(runs: dict[str, backends.Runner], named: dict[str, str], images: np.ndarray) -> dict[str, float]:
    """Return every backend's largest difference to Keras, relative to its largest feature; every run is thereby warm."""
    few = images[: min(32, len(images))]
    expected, found = runs["baseline"](few), {}
    names = [f"number {place + 1}" for place in range(len(few))]
    for way, engine in named.items():
        if way != "baseline":
            found[engine] = float(f"{backends.check(runs[way], few, expected, names, backends.TITLES[engine]):.2g}")
    return found


def _products():
    """Return what times the matrix products, which have run once."""
    left, right = np.random.default_rng(0).random((2, _ROWS, _ROWS), np.float32)
    np.matmul(left, right)
    return lambda _: seconds(lambda: [np.matmul(left, right) for _ in range(_PRODUCTS)])
