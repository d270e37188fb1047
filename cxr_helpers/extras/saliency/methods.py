"""What an explanation method is: a module with a `METHOD`, which the entry-point group "saliency" announces; and all by name."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from tqdm.auto import tqdm

from cxr_helpers.base import plugins
from cxr_helpers.config import one_of
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import gradcam

FEATURE_MAPS, GRADIENTS, HIDDEN_REGIONS = FAMILIES = ("feature maps", "gradients", "hidden regions")


@dataclasses.dataclass(frozen=True)
class Method:
    """An explanation method.

    `title`: as a reader knows it. `family`: one of `FAMILIES`, what it works with. `signed`: whether a map has values of both
    signs, in log-odds, positive where something speaks for the target; other maps are non-negative with largest value 1.
    `maps(model, images, target)` returns float32 (N, H, W), zero everywhere where a map is blank, of what `gradcam.prepared`
    takes; neither model nor images are changed. `says`: one sentence on what a map shows.
    """

    title: str
    family: str
    signed: bool
    maps: Callable
    says: str


@functools.cache
def found() -> dict[str, Method]:
    """Return all methods by name, family by family; this loads them, and still no Keras."""
    loaded = {name: plugins.load("saliency", name) for name in plugins.names("saliency")}
    return dict(sorted(loaded.items(), key=lambda item: (FAMILIES.index(item[1].family), item[0])))


def maps(name: str, model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return one map per image by the method of that name, as `Method` says; an unknown name is a CxrError."""
    return found()[one_of("method", name, found())].maps(model, images, target)


def log_odds(network, images: np.ndarray) -> np.ndarray:
    """Return the log-odds of images (N, H, W), float64 (N,), from a `log_odds_model`; NaN or infinity is a CxrError."""
    parts = [images[start : start + gradcam.BATCH] for start in range(0, len(images), gradcam.BATCH)]
    found = np.concatenate([network.predict_on_batch(gradcam.batch(network, part))[:, 0] for part in parts]).astype("float64")
    if not np.isfinite(found).all():
        raise CxrError("The log-odds hold NaN or infinity; check the model's weights.")
    return found


def by_image(title: str, explain: Callable, model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return signed maps as `Method.maps` does from `explain(network, image)`, which makes one for PNEUMONIA.

    `network` is the `gradcam.log_odds_model`, `image` float32 (H, W) in 0..255, the result (H, W) in log-odds.
    """
    network, radiographs, signs = gradcam.prepared(model, images, target)
    progress = tqdm(radiographs, desc=f"{title} {model.name}", unit="image")
    return signs[:, None, None] * np.stack([explain(network, image) for image in progress]).astype("float32")


GRADCAM = Method(
    *("Grad-CAM", FEATURE_MAPS, False, gradcam.gradcam),
    says="Where the last feature maps are active, each weighted by its mean gradient.",
)
