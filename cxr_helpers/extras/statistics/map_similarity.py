"""How alike two series of heat maps of the same images are: of two seeds, two models, two methods, or before and after a change.

Compared are sizes, without sign and scale, after both maps are averaged to `SIDE` × `SIDE` cells, so that maps of images of
different size meet. A value is one figure an image, (N,).
"""

import cv2
import numpy as np
from scipy import stats
from skimage.metrics import structural_similarity

from cxr_helpers.evaluation import bootstrap

SIDE = 32


def small(maps: np.ndarray) -> np.ndarray:
    """Return the sizes |map| of maps (N, H, W), averaged to float32 (N, SIDE, SIDE)."""
    sizes = np.abs(maps).astype("float32")
    return np.stack([cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for one in sizes])


def ssim(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return the structural similarity (Wang et al. 2004) of small maps (N, SIDE, SIDE), each scaled to a largest value of 1.

    1: the same map. Two maps that are zero everywhere are the same map.
    """
    pairs = zip(_scaled(ours), _scaled(theirs), strict=True)
    return np.array([structural_similarity(one, other, data_range=1.0) for one, other in pairs])


def rank_correlation(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation over the cells of small maps (N, SIDE, SIDE); 0 where either is the same everywhere."""
    pairs = list(zip(ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1), strict=True))
    return np.array([_spearman(one, other) if np.ptp(one) > 0 and np.ptp(other) > 0 else 0.0 for one, other in pairs])


MEASURES = {"SSIM": ssim, "rank correlation": rank_correlation}


def _scaled(maps: np.ndarray) -> np.ndarray:
    return bootstrap.ratio(maps, np.broadcast_to(maps.max(axis=(1, 2), keepdims=True), maps.shape))


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    return float(stats.spearmanr(one, other).statistic)
