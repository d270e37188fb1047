"""Features of a frozen backbone by Keras and by the inference backend that runs it, with the others beside them."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers.base import environment
from cxr_helpers.base.progress import say
from cxr_helpers.config import Config
from cxr_helpers.data import batches, packing
from cxr_helpers.extras.benchmarks.harness import Comparison, seconds
from cxr_helpers.extras.inference import backends
from cxr_helpers.models import catalogue, weights

SIDE = {"full": 224, "smoke": 32}
# Network -> (images a round, rounds): some seconds a way. A comparison's name begins with `EXTRACT`, and ends in `SHORT` where
# what is timed against Keras in float32 computes in bfloat16.
PLANS = {"mobilenet": (192, 7), "mobilenetv2": (256, 7), "resnet50": (64, 5), "vgg16": (32, 4)}
EXTRACT, SHORT = "extract_", "_bf16"


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison of one network's backbone: seconds for so many images."""
    model = name.removeprefix(EXTRACT).removesuffix(SHORT)
    count, rounds = PLANS[model] if profile == "full" else (16, 2)
    start = "random" if weights.find(model)[0] == "imagenet" else "imagenet"  # random where the weights are not here
    backbone, _ = catalogue.split(catalogue.build(Config(model, start=start, size=SIDE[profile], trainable="head"))[0])
    pixels = packing.load(profile, SIDE[profile])
    images = np.repeat(batches.images(pixels, np.arange(count) % len(pixels)), backbone.input_shape[-1], axis=-1)
    best = backends.BFLOAT16 if name.endswith(SHORT) else backends.best(exact=True)
    runs = {"baseline": backends.keras_runner(backbone)}
    with tempfile.TemporaryDirectory() as folder:
        for engine in [best, *(each for each in backends.available() if each not in (best, backends.KERAS))]:
            say(f"bench {name}: {backends.TITLES[engine]} is made ready")
            runs["ours" if engine == best else engine] = backends.runner(backbone, engine, Path(folder) / engine)
        named = {way: {"baseline": backends.KERAS, "ours": best}.get(way, way) for way in runs}
        errors = _errors(runs, named, images)

    def rates(costs: pd.DataFrame) -> dict[str, float]:
        return {named[way]: float(f"{count / costs[way].median():.4g}") for way in runs}

    about = {
        "baseline_is": "Keras, predict_on_batch of 32 images",
        "ours_is": backends.TITLES[best],
        "images": count,
        "network": model,
        "side": SIDE[profile],
        "start": start,
        "threads": environment.cores(),
        "largest_relative_error": errors,
        "images_per_second": rates,
    }
    works = {way: lambda _, run=run: seconds(lambda: run(images)) for way, run in runs.items()}
    return Comparison(works, rounds, about)


def _errors(runs: dict[str, backends.Runner], named: dict[str, str], images: np.ndarray) -> dict[str, float]:
    """Return every backend's largest difference to Keras, relative to its largest feature; every run is thereby warm."""
    few = images[: min(32, len(images))]
    expected, found = runs["baseline"](few), {}
    names = [f"number {place + 1}" for place in range(len(few))]
    for way, engine in named.items():
        if way != "baseline":
            found[engine] = float(f"{backends.check(runs[way], few, expected, names, engine):.2g}")
    return found
