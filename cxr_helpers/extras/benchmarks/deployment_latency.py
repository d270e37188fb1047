"""One image at a time: the thesis' VGG-16 in Keras beside the deployed model, in rounds of one run."""

import dataclasses
import statistics
from collections.abc import Callable

import numpy as np

from cxr_helpers.base import processes
from cxr_helpers.extras.benchmarks.harness import Comparison, seconds
from cxr_helpers.extras.inference import artefact, backends
from cxr_helpers.extras.networks.programs import PROGRAMS
from cxr_helpers.models import catalogue

IMAGES = {"full": 30, "smoke": 3}
ROUNDS = {"full": 7, "smoke": 2}
SMALL = 32  # pixels a side in the smoke profile


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison; a cost is the median of some images' milliseconds, each image given alone."""
    config = dataclasses.replace(PROGRAMS["VGG-16"], start="random", size=SMALL if profile == "smoke" else 224)
    thesis, _ = catalogue.build(config)
    run, card = artefact.load()
    rng, count = np.random.default_rng(0), IMAGES[profile]
    large = rng.integers(0, 256, (count, 1, *thesis.input_shape[1:])).astype("float32")
    small = rng.integers(0, 256, (count, 1, card.size, card.size, 3)).astype("float32")

    def milliseconds(run: Callable, images: np.ndarray) -> float:
        return 1000 * statistics.median(seconds(lambda image=image: run(image)) for image in images)

    works = {"baseline": lambda _: milliseconds(thesis.predict_on_batch, large), "ours": lambda _: milliseconds(run, small)}
    for work in works.values():
        work(0)  # the first call compiles
    about = {
        "baseline_is": f"the thesis' VGG-16 in Keras, predict_on_batch of one image of {config.size}×{config.size}",
        "ours_is": f"{artefact.FILE} in {backends.TITLES[card.engine]}, one image of {card.size}×{card.size}",
        "deployed_sha256": card.sha256,
        "deployed_bytes": card.bytes,
        "threads": processes.cores(),
    }
    return Comparison(works, ROUNDS[profile], about, "ms")
