"""How well heat maps find what they should find, where the truth is known to the pixel.

Maps are float (N, H, W), not negative, on any scale; masks (N, H, W) bool, none of them empty. A measure is one value a
image, (N,) in [0, 1]. A map that is zero everywhere finds nothing: its measures are 0.
"""

import cv2
import numpy as np

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import bootstrap

TOLERANCE = 1 / 32  # of the image's side: so far from the mask a peak still counts as a hit
FIXED = 0.5  # of a map's largest value: the threshold that nobody chose


def pointing_game(maps: np.ndarray, masks: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return 1 where a map's peak lies in the mask or within `tolerance` × the image's height of it, else 0 (Zhang et al. 2018).

    A peak of several pixels gives the share of them that hit: what a random choice among them would give on average.
    """
    _check(maps, masks)
    reach = round(tolerance * maps.shape[1])
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    near = np.stack([cv2.dilate(mask.astype("uint8"), disc) for mask in masks]).astype(bool)
    peaks = (maps == _peak(maps)) & (maps > 0)
    return bootstrap.ratio((peaks & near).sum(axis=(1, 2)), peaks.sum(axis=(1, 2)))


def iou(maps: np.ndarray, masks: np.ndarray, threshold: float = FIXED) -> np.ndarray:
    """Return the intersection over union of the mask and of where a map reaches `threshold` × its largest value."""
    _check(maps, masks)
    found = (maps >= threshold * _peak(maps)) & (maps > 0)
    return (found & masks).sum(axis=(1, 2)) / (found | masks).sum(axis=(1, 2))


def energy_inside(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return the share of a map's sum that lies inside the mask: the energy-based pointing game of Wang et al. (2020)."""
    _check(maps, masks)
    return bootstrap.ratio((maps * masks).sum(axis=(1, 2), dtype=float), maps.sum(axis=(1, 2), dtype=float))


def mean_map(maps: np.ndarray) -> np.ndarray:
    """Return the mean of the maps, each scaled to sum 1 first, for every image: float (N, H, W), N times the same."""
    scaled = bootstrap.ratio(maps, np.broadcast_to(maps.sum(axis=(1, 2), keepdims=True), maps.shape))
    return np.broadcast_to(scaled.mean(axis=0), maps.shape)


def _peak(maps: np.ndarray) -> np.ndarray:
    return maps.max(axis=(1, 2), keepdims=True)


def _check(maps: np.ndarray, masks: np.ndarray) -> None:
    if maps.shape != masks.shape or maps.ndim != 3:
        raise CxrError(f"maps {maps.shape} and masks {masks.shape} differ; give (N, H, W) of both, in the same order.")
    if not np.isfinite(maps).all() or maps.min() < 0:
        raise CxrError("maps hold negative values, NaN or infinity; set what is negative to 0 first.")
    if not masks.any(axis=(1, 2)).all():
        raise CxrError("masks: one of them is empty; leave out the images that show nothing to be found.")
