"""An upper mark for heat maps: a small head on frozen features that was told, by boxes, where lesions lie.

The features are those of the final model. The head is a logistic regression over places, trained on RSNA images and their boxes,
of patients that no NIH image is of; both show the lungs only.
"""

import functools

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cxr_helpers.base import lazy
from cxr_helpers.extras.other_sets import masked_images
from cxr_helpers.extras.saliency import drawn_truth, explained_networks
from cxr_helpers.extras.saliency.drawn_truth import LESIONS, NIH, SIDE, Truth

keras, lungs = lazy.module("keras"), lazy.module("cxr_helpers.extras.inference.lungs")

NAME = "localiser told by boxes"
KNOWN = (
    "the final model's features, boxes of radiologists on RSNA images of other patients, and where the lungs of this image are"
)
IMAGES, PLACES = 400, 32  # images it is trained on, places drawn of each, half of them in a box
STRIDES = (8, 16)  # of the two layers whose features are taken, in pixels of the network's input
BATCH = 32


def maps(truth: Truth) -> np.ndarray | None:
    """Return where the localiser expects a lesion on the images of a set, float32 (n, SIDE, SIDE) in [0, 1].

    None for sets that it does not know how to look at, or has learnt from.
    """
    if truth.name not in (NIH, LESIONS):
        return None
    masks, _ = lungs.found(truth.images)
    places = _features(np.where(masks, truth.images, 0).astype("uint8"))
    found = _head().predict_proba(places.reshape(-1, places.shape[-1]))[:, 1].reshape(places.shape[:3]).astype("float32")
    large = np.stack([cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for one in found])
    inside = np.stack([cv2.resize(mask.astype("uint8"), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) for mask in masks])
    return large * inside


def trained_on() -> Truth:
    """Return the RSNA images that the head learns from, none of an NIH patient."""
    others = masked_images.read_table(masked_images.folder() / "nih" / "metadata.csv", "patient").patient
    return drawn_truth.rsna_boxes(IMAGES, "full", without=frozenset(others))


@functools.cache
def _head() -> Pipeline:
    truth, rng = trained_on(), np.random.default_rng(0)
    places, x, y = _features(truth.images), [], []
    for image, mask in zip(places, drawn_truth.sized(truth.masks, places.shape[1]), strict=True):
        for label in (False, True):
            own = np.flatnonzero((mask.ravel() >= 0.5) == label)
            drawn = rng.choice(own, min(len(own), PLACES // 2), replace=False)
            x.append(image.reshape(-1, image.shape[-1])[drawn])
            y += [label] * len(drawn)
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)).fit(np.concatenate(x), y)


def _features(images: np.ndarray) -> np.ndarray:
    """Return the features (n, side, side, channels) of images uint8 (n, 224, 224), at the finest of `STRIDES`."""
    network = explained_networks.load(explained_networks.FINAL)
    model, size = network.model(), network.model().input_shape[1]
    layers = [[each for each in model.layers if each.output.shape[1:3] == (size // by,) * 2][-1] for by in STRIDES]
    whole = keras.Model(model.input, [layer.output for layer in layers])
    parts = []
    for start in range(0, len(images), BATCH):
        inputs = explained_networks.prepared(images[start : start + BATCH], size, "none").astype("float32")
        fine, coarse = whole.predict_on_batch(np.repeat(inputs[..., None], model.input_shape[-1], axis=-1))
        parts.append(np.concatenate([fine, coarse.repeat(2, axis=1).repeat(2, axis=2)], axis=-1))
    return np.concatenate(parts)
