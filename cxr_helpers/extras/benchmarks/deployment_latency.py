"""One film at a time: the thesis' VGG-16 in Keras beside the deployed model, in rounds of one run."""

import dataclasses
import statistics

import numpy as np

from cxr_helpers.base import processes
from cxr_helpers.extras.benchmarks import measurements
from cxr_helpers.extras.benchmarks.comparisons import Comparison
from cxr_helpers.extras.benchmarks.programs import PROGRAMS
from cxr_helpers.extras.inference import artefact, backends

FILMS = {"full": 30, "smoke": 3}
ROUNDS = {"full": 7, "smoke": 2}
SMALL = 32  # pixels a side in the smoke profile


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison; a cost is the median of some films' milliseconds, each film asked alone."""
    from cxr_helpers.models import catalogue

    config = dataclasses.replace(PROGRAMS["VGG-16"], start="random", size=SMALL if profile == "smoke" else 224)
    thesis, _ = catalogue.build(config)
    run, card = artefact.load()
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (FILMS[profile], *thesis.input_shape[1:])).astype("float32")
    small = rng.integers(0, 256, (FILMS[profile], card.size, card.size, 3)).astype("float32")
    ways = {"baseline": lambda film: thesis.predict_on_batch(large[film][None]), "ours": lambda film: run(small[film][None])}
    for work in ways.values():
        work(0), work(1)

    def cost(work) -> float:
        return 1000 * statistics.median(measurements.seconds(lambda film=film: work(film)) for film in range(FILMS[profile]))

    return Comparison(
        {way: lambda work=work: cost(work) for way, work in ways.items()},
        ROUNDS[profile],
        "ms",
        baseline_is=f"the thesis' VGG-16 in Keras, predict_on_batch of one film of {config.size}×{config.size}",
        ours_is=f"{artefact.FILE} in {backends.TITLES[card.engine]}, one film of {card.size}×{card.size}",
        deployed_sha256=card.sha256,
        deployed_bytes=card.bytes,
        threads=processes.cores(),
    )
