"""One image at a time: the thesis' VGG-16 in Keras beside the deployed model, in rounds of one run."""

import dataclasses
import statistics

import numpy as np

from cxr_helpers.base import processes
from cxr_helpers.extras.benchmarks import measurements
from cxr_helpers.extras.benchmarks.comparisons import Comparison
from cxr_helpers.extras.benchmarks.programs import PROGRAMS
from cxr_helpers.extras.inference import artefact, backends

IMAGES = {"full": 30, "smoke": 3}
ROUNDS = {"full": 7, "smoke": 2}
SMALL = 32  # pixels a side in the smoke profile


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison; a cost is the median of some images' milliseconds, each image asked alone."""
    from cxr_helpers.models import catalogue

    config = dataclasses.replace(PROGRAMS["VGG-16"], start="random", size=SMALL if profile == "smoke" else 224)
    thesis, _ = catalogue.build(config)
    run, card = artefact.load()
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (IMAGES[profile], *thesis.input_shape[1:])).astype("float32")
    small = rng.integers(0, 256, (IMAGES[profile], card.size, card.size, 3)).astype("float32")
    ways = {"baseline": lambda image: thesis.predict_on_batch(large[image][None]), "ours": lambda image: run(small[image][None])}
    for work in ways.values():
        work(0), work(1)

    def cost(work) -> float:
        return 1000 * statistics.median(measurements.seconds(lambda image=image: work(image)) for image in range(IMAGES[profile]))

    return Comparison(
        {way: lambda work=work: cost(work) for way, work in ways.items()},
        ROUNDS[profile],
        "ms",
        baseline_is=f"the thesis' VGG-16 in Keras, predict_on_batch of one image of {config.size}×{config.size}",
        ours_is=f"{artefact.FILE} in {backends.TITLES[card.engine]}, one image of {card.size}×{card.size}",
        deployed_sha256=card.sha256,
        deployed_bytes=card.bytes,
        threads=processes.cores(),
    )
