"""All explanation methods by name. Importing this loads none of them; `found` does, and still no Keras."""

import functools

import numpy as np

from cxr_helpers.base import plugins
from cxr_helpers.config import one_of
from cxr_helpers.extras.saliency import methods


@functools.cache
def found() -> dict[str, methods.Method]:
    """Return all methods by name, family by family."""
    loaded = {name: plugins.load("saliency", name) for name in plugins.names("saliency")}
    return dict(sorted(loaded.items(), key=lambda item: (methods.FAMILIES.index(item[1].family), item[0])))


def maps(name: str, model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return one map per image by the method of that name, as `methods.Method` says; an unknown name is a CxrError."""
    return found()[one_of("method", name, found())].maps(model, images, target)
