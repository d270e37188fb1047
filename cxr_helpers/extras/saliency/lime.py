"""LIME: a linear model of the log-odds over regions of the image (Ribeiro, Singh and Guestrin 2016).

The authors' package is no longer kept and brings much with it; this is its algorithm for images, with its kernel, on
SLIC regions, with the blurred image in place of a hidden region.
"""

import keras
import numpy as np
from skimage.segmentation import slic
from sklearn.linear_model import Ridge
from tqdm.auto import tqdm

from cxr_helpers.explain import hiding, targets

SAMPLES = 300  # forward passes an image
REGIONS = 64  # SLIC makes about as many
COMPACTNESS = 0.1  # SLIC's weight of place against grey value (0 to 1)
WIDTH = 0.25  # of the kernel, over the cosine distance between a sample and the whole image
PENALTY = 1e-3  # small, so that regions keep their whole weight; it only settles samples that do not tell regions apart


def lime(model: keras.Model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return the regions' weights, signed, in log-odds, float32 (N, H, W); each is spread evenly over its region.

    `images`: grayscale raw pixels 0..255, (N, H, W). `target`: +1 or -1, one or one per image. NaN log-odds: CxrError.
    """
    network = targets.log_odds_model(model)
    radiographs = targets.grayscale(model, images)
    sign = targets.signs(target, len(radiographs))
    progress = tqdm(radiographs, desc=f"LIME {model.name}", unit="image")
    return sign[:, None, None] * np.stack([_weights(network, image) for image in progress])


def regions(image: np.ndarray) -> np.ndarray:
    """Return the number, from 0 on, of the SLIC region (Achanta et al. 2012) of each pixel of an image (H, W) in 0..255."""
    found = slic(image / 255, n_segments=REGIONS, compactness=COMPACTNESS, channel_axis=None, start_label=0)
    return np.unique(found, return_inverse=True)[1].reshape(image.shape)


def _weights(network: keras.Model, image: np.ndarray) -> np.ndarray:
    """Return the weights (H, W) of one image, each region's divided by the number of its pixels."""
    region = regions(image)
    shown = np.random.default_rng(0).random((SAMPLES, region.max() + 1)) < 0.5
    shown[0] = True
    scores = hiding.log_odds(network, image, ~shown[:, region])
    distance = 1 - np.sqrt(shown.mean(axis=1))  # cosine, to the image with all its regions
    fit = Ridge(PENALTY).fit(shown, scores, sample_weight=np.exp(-(distance**2) / (2 * WIDTH**2)))
    return (fit.coef_ / np.bincount(region.ravel()))[region].astype("float32")
