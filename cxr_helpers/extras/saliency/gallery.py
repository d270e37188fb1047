"""A few right and wrong answers of a run under every explanation method, stored beside its record."""

import dataclasses
import json
import time

import cv2
import numpy as np
import pandas as pd

from cxr_helpers.base.files import atomic_path, read_arrays
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import explanations, methods
from cxr_helpers.records import Record
from cxr_helpers.tables import results
from cxr_helpers.training import members, saved

FILE = "gallery.npz"
SIDE = 128  # pixels of a stored image and map
CLIPPED = 99  # percentile of |value| over all images at the end of a signed method's scale
_STEPS = 127  # of a stored map, on either side of zero


@dataclasses.dataclass(frozen=True)
class Gallery:
    """The images of one run, n of them, under each method.

    `answers`: one row an image (image_id, y_true, y_score, label, predicted, confidence, outcome, certainty). `images`: uint8
    (n, SIDE, SIDE). `maps`: method → float32 (n, SIDE, SIDE), what speaks for the predicted class; `limits`: method → the
    end of its scale, one for all images. `threshold`: the operating point. `refused`: method → place of an image → why the
    method has no map of it; there the map is zero everywhere.
    """

    answers: pd.DataFrame
    images: np.ndarray
    maps: dict[str, np.ndarray]
    limits: dict[str, float]
    threshold: float
    refused: dict[str, dict[int, str]]

    @property
    def titles(self) -> list[str]:
        """Return three short lines an image: its outcome, P(PNEUMONIA), and the confidence in the answer."""
        return [f"{row.outcome}\nP = {row.y_score:.3f}\nsure {row.confidence:.1%}" for row in self.answers.itertuples()]

    @property
    def table(self) -> pd.DataFrame:
        """Return one row an image, as a reader wants it."""
        names = {"image_id": "image", "outcome": "outcome", "certainty": "of its outcome", "label": "true label"}
        names |= {"predicted": "answer", "y_score": "P(PNEUMONIA)", "confidence": "confidence"}
        return self.answers[list(names)].rename(columns=names)

    @property
    def refusals(self) -> list[str]:
        """Return a sentence for each image that a method refused to explain."""
        return [
            f"{methods.METHODS[name].title} has no map of {self.answers.image_id[place]}: {why}"
            for name, places in self.refused.items()
            for place, why in places.items()
        ]

    def chosen(self, certainty: str) -> np.ndarray:
        """Return the places of the "most confident" or "least confident" images."""
        return np.flatnonzero(self.answers.certainty == certainty)


def of(run: Record, profile: str) -> Gallery:
    """Return a run's stored gallery, or where there is none, a new one from its saved model."""
    return load(run) if (run.folder / FILE).is_file() else build(run, profile)


def build(run: Record, profile: str) -> Gallery:
    """Explain the most and the least confident test image of each outcome by every method, and store the maps.

    Raises:
        CxrError: the run's model is not on this machine, or scores otherwise than its record.
    """
    started = time.perf_counter()
    answers = _answers(run)
    config = members.network_config(run, profile)
    images = packing.images(profile, answers.image_id, config.size, config.variant)
    model = saved.model(run, profile, images, answers.y_score.to_numpy())
    target = np.where(answers.y_predicted, 1, -1)
    refused: dict[str, dict[int, str]] = {}
    maps = {name: _small(_maps(name, model, images.astype("float32"), target, refused)) for name in methods.METHODS}
    limits = {name: _limit(name, values) for name, values in maps.items()}
    steps = {name: np.clip(values / limits[name], -1, 1) * _STEPS for name, values in maps.items()}
    about = {"run_id": run.run_id, "limits": limits, "refused": refused, "seconds": round(time.perf_counter() - started, 1)}
    arrays = {name: values.round().astype("int8") for name, values in steps.items()}
    with atomic_path(run.folder / FILE) as temporary, open(temporary, "wb") as handle:
        ids = answers.image_id.to_numpy(str)
        np.savez_compressed(handle, image_id=ids, films=_small(images), about=json.dumps(about), **arrays)
    return load(run)


def load(run: Record) -> Gallery:
    """Return the stored gallery of a run; where it is missing, broken or another run's, a CxrError says what to do."""
    path, remedy = run.folder / FILE, "remove it and execute the chapter again where the model is"
    image_id, images, about, *arrays = read_arrays(path, ("image_id", "films", "about", *methods.METHODS), remedy)
    about = json.loads(str(about))
    if about["run_id"] != run.run_id:
        raise CxrError(f"{path} belongs to run {about['run_id']}; {remedy}.")
    answers, limits = _answers(run).set_index("image_id", drop=False), about["limits"]
    if set(image_id) - set(answers.index):
        raise CxrError(f"{path} holds other images than run {run.run_id} would choose; {remedy}.")
    maps = {name: values.astype("float32") * limits[name] / _STEPS for name, values in zip(methods.METHODS, arrays, strict=True)}
    refused = {name: {int(place): why for place, why in found.items()} for name, found in about["refused"].items()}
    return Gallery(answers.loc[image_id].reset_index(drop=True), images, maps, limits, results.thresholds([run])[0], refused)


def _answers(run: Record) -> pd.DataFrame:
    """Return the images that are shown, the most confident of an outcome before the least."""
    chosen = explanations.choose(results.answers(run, results.thresholds([run])[0]), per_outcome=2)
    pairs = zip(chosen.y_true, chosen.y_predicted, strict=True)
    chosen = chosen.assign(outcome=[explanations.OUTCOMES[pair] for pair in pairs])
    least = chosen.duplicated("outcome")
    return chosen.assign(certainty=np.where(least, "least confident", "most confident"))


def _maps(name: str, model, images: np.ndarray, target: np.ndarray, refused: dict[str, dict[int, str]]) -> np.ndarray:
    """Return a method's maps (n, H, W); an image that it refuses has a map of zeros and its reason in `refused`."""
    try:
        return methods.maps(name, model, images, target)
    except CxrError:
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


def _limit(name: str, maps: np.ndarray) -> float:
    """Return the end of a method's scale: 1, or of a signed one the percentile `CLIPPED` of |value| over all images."""
    if not methods.METHODS[name].signed:
        return 1.0
    return float(np.percentile(np.abs(maps), CLIPPED)) or float(np.abs(maps).max()) or 1.0
