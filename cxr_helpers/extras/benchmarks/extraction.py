"""Features of a frozen backbone by Keras, and by OpenVINO in float32 or bfloat16."""

import tempfile
from pathlib import Path

import numpy as np

from cxr_helpers.base import environment
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
    engine = backends.BFLOAT16 if name.endswith(SHORT) else backends.OPENVINO
    with tempfile.TemporaryDirectory() as folder:
        runs = {"baseline": backends.keras_runner(backbone), "ours": backends.runner(backbone, engine, Path(folder))}
    few = images[:32]
    error = backends.check(runs["ours"], few, runs["baseline"](few), engine)  # either has run once
    about = {
        "baseline_is": "Keras, predict_on_batch of 32 images",
        "ours_is": backends.TITLES[engine],
        "images": count,
        "network": model,
        "side": SIDE[profile],
        "start": start,
        "threads": environment.cores(),
        "largest_relative_error": float(f"{error:.2g}"),
    }
    works = {way: lambda _, run=run: seconds(lambda: run(images)) for way, run in runs.items()}
    return Comparison(works, rounds, about)
