"""How well heat maps find what they should find, where the truth is known to the pixel.

Maps are float (N, H, W), not negative, on any scale; masks (N, H, W) bool, none of them empty. A measure is one value an
image, (N,). A map that is zero everywhere finds nothing: its measures are 0.
"""

import cv2
import numpy as np
from sklearn.metrics import average_precision_score

from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import bootstrap

TOLERANCE = 1 / 32  # of the image's side: so far from the mask a peak still counts as a hit
SHARES = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)  # of the image: so much of a map may be called found


def pointing_game(maps: np.ndarray, masks: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return 1 where a map's peak lies in the mask or within `tolerance` × the image's height of it, else 0 (Zhang et al. 2018).

    A peak of several pixels gives the share of them that hit: what a random choice among them would give on average.
    """
    _check(maps, masks)
    reach = round(tolerance * maps.shape[1])
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    near = np.stack([cv2.dilate(mask.astype("uint8"), disc) for mask in masks]).astype(bool)
    peaks = (maps == maps.max(axis=(1, 2), keepdims=True)) & (maps > 0)
    return bootstrap.ratio((peaks & near).sum(axis=(1, 2)), peaks.sum(axis=(1, 2)))


def iou(maps: np.ndarray, masks: np.ndarray, share: float) -> np.ndarray:
    """Return the intersection over union of the mask and of the `share` of the image in which a map is largest."""
    _check(maps, masks)
    limit = np.quantile(maps, 1 - share, axis=(1, 2), keepdims=True)
    found = (maps >= limit) & (maps > 0)
    return (found & masks).sum(axis=(1, 2)) / (found | masks).sum(axis=(1, 2))


def chosen_iou(curves: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Return the IoU (N,) of each image at the share that is best for the images of other patients.

    `curves`: `iou` at each of `SHARES`, (N, S). `patients` (N,) are split into two halves, by turns in the order of their keys;
    each half takes the share with the best mean of the other one.
    """
    half = np.unique(patients, return_inverse=True)[1] % 2
    if len(set(half)) < 2:
        return np.full(len(curves), np.nan)
    return np.where(half == 0, *(curves[:, curves[half == other].mean(axis=0).argmax()] for other in (1, 0)))


def energy_over_area(maps: np.ndarray, masks: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Return the share of a map's sum in the mask (Wang et al. 2020) by the mask's share of the area; 1: no more than by chance.

    Both are taken within a region `within`, bool (N, H, W). A map that is blank there has 0; where no pixel of the mask lies in
    the region it is NaN.
    """
    _check(maps, masks)
    inside, area = masks & within, within.sum(axis=(1, 2))
    energy = bootstrap.ratio((maps * inside).sum(axis=(1, 2), dtype=float), (maps * within).sum(axis=(1, 2), dtype=float))
    share = inside.sum(axis=(1, 2)) / np.maximum(area, 1)
    return np.divide(energy, share, out=np.full(len(maps), np.nan), where=share > 0)


def precision_recall_area(maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return the area under the precision-recall curve of a map's pixels, as average precision; a blank map has 0."""
    _check(maps, masks)
    pairs = zip(maps, masks, strict=True)
    return np.array([average_precision_score(mask.ravel(), one.ravel()) if one.any() else 0.0 for one, mask in pairs])


def _check(maps: np.ndarray, masks: np.ndarray) -> None:
    if maps.shape != masks.shape or maps.ndim != 3:
        raise CxrError(f"maps {maps.shape} and masks {masks.shape} differ; give (N, H, W) of both, in the same order.")
    if not np.isfinite(maps).all() or maps.min() < 0:
        raise CxrError("maps hold negative values, NaN or infinity; set what is negative to 0 first.")
    if not masks.any(axis=(1, 2)).all():
        raise CxrError("masks: one of them is empty; leave out the images that show nothing to be found.")
