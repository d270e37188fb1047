"""What an estimator of scikit-learn sees of an image: HOG, pixels, or the outputs of a frozen network."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from skimage.feature import hog as oriented_gradients
from tqdm import tqdm

from cxr_helpers.base import environment, plugins
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.models import catalogue
from cxr_helpers.training import cached_features

HOG_CELLS = 8  # along each side of an image, whatever its size
HOG = {"orientations": 9, "cells_per_block": (2, 2), "block_norm": "L2-Hys"}  # as Dalal and Triggs (2005)


def matrix(config: Config, profile: str, images: np.ndarray, data_hash: str) -> tuple[np.ndarray, str]:
    """Return (features float32 (N, D), note on the start of the network behind them) of images (N, H, W) uint8.

    `data_hash` names their set. `config.features` is "hog", "pca" (the pixels as they are: the components are the estimator's
    to find, on training images alone), or a network of `models`, started as `config.start` says and frozen.

    Raises:
        CxrError: there are no features of that name.
    """
    if config.features == "pca":
        return flat(images), "no network"
    if config.features == "hog":
        return hog(images), "no network"
    if config.features not in plugins.names("networks"):
        known = ", ".join(("hog", "pca", *plugins.names("networks")))
        raise CxrError(f"Config: features={config.features!r} is unknown; choose one of {known}.")
    options = {name: getattr(config, name) for name in ("start", "size", "variant", "seed")}
    network = Config(config.features, trainable="head", **options)
    model, start = catalogue.build(network)
    backbone, _ = catalogue.split(model)
    return cached_features.stored(network, profile, backbone, images, np.arange(len(images)), data_hash, 0)[0], start


def flat(images: np.ndarray) -> np.ndarray:
    """Return images (N, H, W) uint8 as rows of pixels float32 (N, H·W) in 0..1."""
    return np.asarray(images, "float32").reshape(len(images), -1) / 255


def hog(images: np.ndarray) -> np.ndarray:
    """Return histograms of oriented gradients float32 (N, D) of images (N, H, W) uint8 (Dalal and Triggs 2005).

    8×8 cells of 9 orientations, in overlapping blocks of 2×2 cells that are normalised each: D = 7·7·2·2·9 = 1,764.
    """
    cell = tuple(side // HOG_CELLS for side in images.shape[1:])

    def of_one(image: np.ndarray) -> np.ndarray:
        return oriented_gradients(image[: cell[0] * HOG_CELLS, : cell[1] * HOG_CELLS], pixels_per_cell=cell, **HOG)

    with ThreadPoolExecutor(environment.cores()) as pool:
        return np.asarray(list(tqdm(pool.map(of_one, images), total=len(images), desc="hog", unit="image")), "float32")
