"""LIME: a linear model of the log-odds over regions of the image (Ribeiro, Singh and Guestrin 2016).

The authors' package is no longer kept and brings much with it; this is its algorithm for images, with its kernel, on
SLIC regions, with the blurred image in place of a hidden region.
"""

import numpy as np

from cxr_helpers.base import lazy
from cxr_helpers.extras.saliency import methods
from cxr_helpers.extras.saliency.occlusion import hidden_log_odds

segmentation, linear_model = lazy.module("skimage.segmentation"), lazy.module("sklearn.linear_model")

SAMPLES = 300  # forward passes an image
REGIONS = 64  # SLIC makes about as many
COMPACTNESS = 0.1  # SLIC's weight of place against grey value (0 to 1)
WIDTH = 0.25  # of the kernel, over the cosine distance between a sample and the whole image
PENALTY = 1e-3  # small, so that regions keep their whole weight; it only settles samples that do not tell regions apart


def lime(model, images: np.ndarray, target: int | np.ndarray) -> np.ndarray:
    """Return the regions' weights, signed, in log-odds, float32 (N, H, W); each is spread evenly over its region.

    Takes what `methods.Method` takes. NaN log-odds: CxrError.
    """
    return methods.by_image("LIME", _weights, model, images, target)


def regions(image: np.ndarray) -> np.ndarray:
    """Return the number, from 0 on, of the SLIC region (Achanta et al. 2012) of each pixel of an image (H, W) in 0..255."""
    options = {"n_segments": REGIONS, "compactness": COMPACTNESS, "channel_axis": None, "start_label": 0}
    return np.unique(segmentation.slic(image / 255, **options), return_inverse=True)[1].reshape(image.shape)


def _weights(network, image: np.ndarray) -> np.ndarray:
    """Return the weights (H, W) of one image, each region's divided by the number of its pixels."""
    region = regions(image)
    shown = np.random.default_rng(0).random((SAMPLES, region.max() + 1)) < 0.5
    shown[0] = True
    scores = hidden_log_odds(network, image, ~shown[:, region])
    distance = 1 - np.sqrt(shown.mean(axis=1))  # cosine, to the image with all its regions
    fit = linear_model.Ridge(PENALTY).fit(shown, scores, sample_weight=np.exp(-(distance**2) / (2 * WIDTH**2)))
    return (fit.coef_ / np.bincount(region.ravel()))[region]


METHOD = methods.Method(
    *("LIME", methods.HIDDEN_REGIONS, True, lime),
    says="The weights of a linear model fitted to the log-odds of copies of the image with random regions blurred away.",
)
