"""Maps that know nothing of the model: what a method must beat before its maps say where the model found a lesion.

Each control makes float32 maps (n, SIDE, SIDE), not negative, of a set with its truth. What it knows stands in `KNOWN`.
"""

import zlib

import cv2
import numpy as np

from cxr_helpers.config import one_of
from cxr_helpers.extras.saliency import localiser
from cxr_helpers.extras.saliency.drawn_truth import SIDE, Truth, sized

WIDTH = 4  # the centre prior is a Gaussian with this fraction of the image's side as its deviation
SMOOTHING = 64  # edges are taken after a Gaussian blur with this fraction of the side
RANDOM, CENTRE, EDGES = "random map", "centre prior", "edge detector"
LUNGS, OTHERS = "lungs' mask", "mean lesion of other patients"
KNOWN = {
    RANDOM: "nothing",
    CENTRE: "that chests lie in the middle of images",
    EDGES: "the image",
    LUNGS: "where the lungs of this image are: drawn by radiologists (lesion_masks), found by the committed segmenter "
    "(nih_boxes), or the automatic mask of the set (rsna_boxes)",
    OTHERS: "where the reference standard lies on the images of other patients of the same set",
    localiser.NAME: localiser.KNOWN,
}


def maps(name: str, truth: Truth) -> np.ndarray | None:
    """Return the maps of a control, one of `KNOWN`, or None where the set has no such thing; another name is a CxrError."""
    one_of("control", name, KNOWN)
    if name == RANDOM:
        return np.random.default_rng(zlib.crc32(truth.name.encode())).random(truth.masks.shape, dtype="float32")
    if name == EDGES:
        return sized([_edges(image.astype("float32")) for image in truth.images])
    if name == LUNGS:
        return None if truth.lungs is None else truth.lungs.astype("float32")
    if name == localiser.NAME:
        return localiser.maps(truth)
    if name == OTHERS:
        return mean_of_others(truth.masks, truth.table.patient_id.to_numpy())
    away = np.linspace(-1, 1, SIDE) * WIDTH / 2
    one = np.exp(-(away[:, None] ** 2 + away**2) / 2)
    return np.broadcast_to(np.asarray(one, "float32"), truth.masks.shape).copy()


def mean_of_others(masks: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Return, for each image, the mean of the masks bool (n, H, W) of all images of other patients, float32 (n, H, W)."""
    total, found = masks.sum(axis=0), np.empty(masks.shape, "float32")
    for patient in np.unique(patients):
        own = patients == patient
        found[own] = (total - masks[own].sum(axis=0)) / max(1, (~own).sum())
    return found


def _edges(image: np.ndarray) -> np.ndarray:
    """Return the size of the grey values' slope (Sobel) of an image (H, W)."""
    smooth = cv2.GaussianBlur(image, (0, 0), max(0.5, image.shape[0] / SMOOTHING))
    return cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
