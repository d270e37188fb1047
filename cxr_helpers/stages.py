"""What each stage of the thesis' programs costs on this machine, beside the order that the thesis claims for it."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from cxr_helpers import images, manifest, plots, preprocessing
from cxr_helpers.records import Record

# Kondragunta 2024, Tables 3 (VGG-16) and 4 (ResNet-50): runtime; N films, M operations a film (in Table 4 M² pixels),
# K films shown (in Table 4 work of a pass through the network), E epochs.
CLAIMED = {
    "loading": ("O(N)", "O(N·M²·3)"),
    "preprocessing": ("O(N)", "O(N·M²·3)"),
    "display": ("O(K)", "O(N)"),
    "model building": ("O(1)", "O(M²·3·K)"),
    "training": ("O(E·N·M)", "O(E·N·M²·3·K)"),
    "evaluation": ("O(N)", "O(N·M²·3·K)"),
}


def measure(run: Record, profile: str, count: int = 64) -> pd.Series:
    """Return milliseconds per film of each stage (`model building`: in all), on `count` films; training from the record."""
    from cxr_helpers import fitting, models

    films, root = manifest.load(profile), manifest.source(profile).root
    decoded, loading = _timed(lambda: [images.read(root / path).pixels for path in films.path[:count]])
    side = run.config.size
    small = [preprocessing.resize(film, side) for film in decoded]
    prepare = preprocessing.VARIANTS["gaussian+equalise"]
    prepared, preparing = _timed(lambda: [prepare(film) for film in small])
    figure, drawing = _timed(lambda: plots.film_grid(prepared[:8], [""] * 8))
    plt.close(figure)
    (model, _), building = _timed(lambda: models.build(run.config))
    pixels = np.stack(prepared)
    fitting.predict(model, pixels, range(8))  # the first call compiles
    _, scoring = _timed(lambda: fitting.predict(model, pixels, range(count)))
    per_film = {"loading": loading / count, "preprocessing": preparing / count, "display": drawing / 8}
    passes = len(run.history) * run.info["images"]["train"]
    per_film |= {"model building": building, "training": run.info["training_time_s"] / passes, "evaluation": scoring / count}
    return 1000 * pd.Series(per_film)


def table(vgg16: Record, resnet50: Record, profile: str) -> pd.DataFrame:
    """Return one row per stage: the claimed order and the milliseconds measured, for either network."""
    claims = pd.DataFrame(CLAIMED, index=["VGG-16, claimed", "ResNet-50, claimed"]).T.rename_axis("stage")
    claims.insert(1, "VGG-16, ms", measure(vgg16, profile))
    claims.insert(3, "ResNet-50, ms", measure(resnet50, profile))
    return claims.reset_index()


def _timed(work: Callable) -> tuple:
    started = time.perf_counter()
    return work(), time.perf_counter() - started

