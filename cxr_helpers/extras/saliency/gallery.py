"""A few right and wrong predictions of a run under every explanation method, stored beside its record."""

import time

import cv2
import numpy as np
import pandas as pd

from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import explanations, methods, targets
from cxr_helpers.explain.explanations import Explained
from cxr_helpers.extras.saliency import map_pictures
from cxr_helpers.records import Record
from cxr_helpers.tables import selection
from cxr_helpers.training import members, saved

FILE = "gallery.npz"
SIDE = 128  # pixels of a stored image and map
CERTAINTIES = ("most confident", "least confident")
_STEPS = 127  # of a stored map, on either side of zero


def of(run: Record, profile: str) -> Explained:
    """Return the most and the least confident test image of each outcome under every method, SIDE × SIDE pixels each.

    They are taken from beside the run's record, or where there are none made from its saved model and stored.
    `answers` has the column certainty, one of `CERTAINTIES`; maps speak for the predicted class. `about` has the threshold;
    limits (method → the end of its scale, one for all images); and refused (method → place of an image, as text → why the
    method has no map of it; there the map is zero everywhere).

    Raises:
        CxrError: the stored file is broken or another run's; or the model is not on this machine or not the record's.
    """
    if not run.has(FILE):
        build(run, profile)
    return load(run)


def build(run: Record, profile: str) -> None:
    """Make and store what `of` returns; errors as there."""
    started, answers = time.perf_counter(), _answers(run)
    config = members.network_config(run, profile)
    images = packing.images(profile, answers.image_id, config.size, config.variant)
    model = saved.model(run, profile, images, answers.y_score.to_numpy())
    target = np.where(answers.y_predicted, targets.PNEUMONIA, targets.NORMAL)
    refused: dict[str, dict[int, str]] = {}
    maps = {name: _small(_maps(name, model, images, target, refused)) for name in methods.METHODS}
    limits = {name: map_pictures.limit(name, values) for name, values in maps.items()}
    steps = {name: np.clip(values / limits[name], -1, 1) * _STEPS for name, values in maps.items()}
    about = {"run_id": run.run_id, "limits": limits, "refused": refused, "seconds": round(time.perf_counter() - started, 1)}
    arrays = {name: values.round().astype("int8") for name, values in steps.items()}
    explanations.store(run, FILE, about, image_id=answers.image_id.to_numpy(str), films=_small(images), **arrays)


def load(run: Record) -> Explained:
    """Return what is stored; errors as `of`."""
    remedy = "remove it and execute the chapter again where the model is"
    (image_id, images, *arrays), about = explanations.stored(run, FILE, ("image_id", "films", *methods.METHODS), remedy)
    answers = _answers(run).set_index("image_id", drop=False)
    if set(image_id) - set(answers.index):
        raise CxrError(f"{run.folder / FILE} holds other images than run {run.run_id} would choose; {remedy}.")
    scales = {name: about["limits"][name] / _STEPS for name in methods.METHODS}
    maps = {name: values.astype("float32") * scale for (name, scale), values in zip(scales.items(), arrays, strict=True)}
    about["threshold"] = selection.thresholds([run])[0]
    return Explained(answers.loc[image_id].reset_index(drop=True), images, maps, about)


def _answers(run: Record) -> pd.DataFrame:
    """Return the images that are shown, the most confident of an outcome before the least."""
    chosen = explanations.choose(selection.answers(run, selection.thresholds([run])[0]), per_outcome=2)
    return chosen.assign(certainty=np.array(CERTAINTIES)[chosen.duplicated("outcome").astype(int)])


def _maps(name: str, model, images: np.ndarray, target: np.ndarray, refused: dict[str, dict[int, str]]) -> np.ndarray:
    """Return a method's maps (n, H, W); an image that it refuses has a map of zeros and its reason in `refused`."""
    found = np.zeros(images.shape, "float32")
    for place in range(len(images)):
        try:
            found[place] = methods.maps(name, model, images[place : place + 1], target[place : place + 1])[0]
        except CxrError as error:
            refused.setdefault(name, {})[place] = str(error)
    return found


def _small(pictures: np.ndarray) -> np.ndarray:
    """Return pictures (n, H, W) at SIDE × SIDE; enlarged ones are smoothed as a reader would see them."""
    kind = cv2.INTER_AREA if pictures.shape[1] >= SIDE else cv2.INTER_LINEAR
    return np.stack([cv2.resize(picture, (SIDE, SIDE), interpolation=kind) for picture in pictures])
