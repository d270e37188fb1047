"""Features of a frozen backbone by Keras and by the engine that `features` uses, with the others, beside the machine's limit.

The limit is the rate of a large float32 matrix product on all cores, measured in every round; a network's share of it is
what its multiply-adds take of that rate.
"""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cxr_helpers.base import processes
from cxr_helpers.base.progress import say
from cxr_helpers.config import Config
from cxr_helpers.data import packing
from cxr_helpers.extras.benchmarks import measurements
from cxr_helpers.extras.benchmarks.comparisons import Comparison
from cxr_helpers.extras.inference import backends

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
    """Return the comparison of one network's backbone: seconds for `images` images, and for the matrix products."""
    from cxr_helpers.data import batches
    from cxr_helpers.extras.networks import operations
    from cxr_helpers.models import catalogue

    model, count, rounds = PLANS[name]
    if profile == "smoke":
        count, rounds = 16, 2
    start = "imagenet" if _has_weights(model) else "random"
    backbone, _ = catalogue.split(catalogue.build(Config(model, start=start, size=SIDE[profile], trainable="head"))[0])
    radiographs = packing.load(profile, SIDE[profile])
    taken = np.arange(count) % len(radiographs)
    images = batches.repeated(batches.images(radiographs, taken), backbone.input_shape[-1])
    runs = {"baseline": backends.keras_runner(backbone)}
    best = backends.best(backbone)
    with tempfile.TemporaryDirectory() as folder:
        for engine in [best, *(each for each in backends.available() if each not in (best, backends.KERAS))]:
            say(f"bench {name}: {backends.TITLES[engine]} is made ready")
            runs["ours" if engine == best else engine] = backends.runner(backbone, engine, Path(folder) / engine)
        errors = _errors(runs, images, best)
    spent: dict[str, list[float]] = {way: [] for way in (*runs, MATRIX)}
    macs = operations.multiply_adds(backbone)

    def rates() -> dict[str, float]:
        return {_engine(way, best): count / statistics.median(spent[way]) for way in runs if spent[way]}

    def limit() -> float:
        return _PRODUCTS * 2 * _ROWS**3 / statistics.median(spent[MATRIX])

    works: dict[str, Callable] = {way: lambda run=run: run(images) for way, run in runs.items()} | {MATRIX: _products()}
    return Comparison(
        {way: _kept(work, spent[way]) for way, work in works.items()},
        rounds,
        baseline_is="Keras, predict_on_batch of 32 images",
        ours_is=f"{backends.TITLES[best]}, as feature extraction runs it",
        radiographs=count,
        network=model,
        side=SIDE[profile],
        start=start,
        threads=processes.cores(),
        multiply_adds=macs,
        largest_relative_error=errors,
        images_per_second=lambda: {key: float(f"{value:.4g}") for key, value in rates().items()},
        matrix_product_gflops=lambda: float(f"{limit() / 1e9:.4g}"),
        share_of_limit=lambda: {key: float(f"{2 * macs * value / limit():.3g}") for key, value in rates().items()},
    )


def _engine(way: str, best: str) -> str:
    return {"baseline": backends.KERAS, "ours": best}.get(way, way)


def _errors(runs: dict[str, backends.Runner], images: np.ndarray, best: str) -> dict[str, float]:
    """Return every engine's largest difference to Keras, relative to its largest feature; every run is thereby warm."""
    few = images[: min(32, len(images))]
    expected, found = runs["baseline"](few), {}
    names = [f"number {place + 1}" for place in range(len(few))]
    for way, run in runs.items():
        if way != "baseline":
            engine = _engine(way, best)
            found[engine] = float(f"{backends.check(run, few, expected, names, backends.TITLES[engine]):.2g}")
            run(few[:4])
    return found


def _kept(work: Callable, spent: list[float]) -> Callable[[], float]:
    def timed() -> float:
        spent.append(measurements.seconds(work))
        return spent[-1]

    return timed


def _products() -> Callable[[], None]:
    left, right = np.random.default_rng(0).random((2, _ROWS, _ROWS), np.float32)

    def work() -> None:
        for _ in range(_PRODUCTS):
            np.matmul(left, right)

    work()
    return work


def _has_weights(model: str) -> bool:
    from cxr_helpers.models import weights

    return weights.find(model)[0] != "imagenet"
