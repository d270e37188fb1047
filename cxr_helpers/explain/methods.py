"""All explanation methods by name, under one signature: each is a module that the entry-point group "saliency" announces.

Importing this loads none of them; `every` does, and still no Keras.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from tqdm.auto import tqdm

from cxr_helpers.base import plugins
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import targets

BLANK = "blank map: nothing in the image speaks for or against this class"
FEATURE_MAPS, GRADIENTS, HIDDEN_REGIONS = FAMILIES = ("feature maps", "gradients", "hidden regions")


@dataclasses.dataclass(frozen=True)
class Method:
    """An explanation method.

    `title`: as a reader knows it. `family`: one of `FAMILIES`, what it works with. `signed`: whether a map has values of both
    signs, in log-odds, positive where something speaks for the target; other maps are non-negative with largest value 1.
    `maps(model, images, target)` returns float32 (N, H, W). `says`: one sentence on what a map shows.
    """

    title: str
    family: str
    signed: bool
    maps: Callable
    says: str


@functools.cache
def every() -> dict[str, Method]:
    """Return all methods by name, family by family."""
    found = {name: plugins.load("saliency", name) for name in plugins.names("saliency")}
    return dict(sorted(found.items(), key=lambda item: (FAMILIES.index(item[1].family), item[0])))


def maps(name: str, model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return one map per image, float32 (N, H, W), by the method of that name; blank maps are zero everywhere.

    `model`: a Keras model with one sigmoid or two softmax units. `images`: grayscale raw pixels in 0..255, (N, H, W).
    `target`: +1 (what speaks for PNEUMONIA) or -1 (for NORMAL), one or one per image. Neither model nor images are changed.

    Raises:
        CxrError: an unknown name, images or target that do not fit, or a model that the method cannot explain.
    """
    return every()[checked(name)].maps(model, images, target)


def checked(name: str) -> str:
    """Return `name`; one that is no method is a CxrError that lists the methods."""
    if name not in every():
        raise CxrError(f"Method {name!r} is unknown: choose one of {', '.join(every())}.")
    return name


def by_image(title: str, explain: Callable, model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return signed maps, float32 (N, H, W), as `maps` does, from `explain(network, image)`, which makes one for PNEUMONIA.

    `network` is the `targets.log_odds_model`, `image` float32 (H, W) in 0..255, the result (H, W) in log-odds.
    """
    network, radiographs, signs = targets.prepared(model, images, target)
    progress = tqdm(radiographs, desc=f"{title} {model.name}", unit="image")
    return signs[:, None, None] * np.stack([explain(network, image) for image in progress]).astype("float32")
