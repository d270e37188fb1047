"""The networks whose maps are measured, each with what it is shown of an image and where that lies."""

import dataclasses
import functools
from collections.abc import Callable

import cv2
import numpy as np

from cxr_helpers import experiments, records
from cxr_helpers.base import lazy
from cxr_helpers.data.preprocessing import COMMON_SIZE, prepared
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import gradcam
from cxr_helpers.extras.makers import saved
from cxr_helpers.extras.saliency import methods
from cxr_helpers.extras.saliency.drawn_truth import SIDE, sized
from cxr_helpers.tables import selection

keras, lungs = lazy.module("keras"), lazy.module("cxr_helpers.extras.inference.lungs")
published_model = lazy.module("cxr_helpers.extras.inference.published_model")

FINAL = "final"  # the published model, whatever experiment it comes from
WHOLE, CROPPED = "recipe_mobilenet", "region_mobilenet_lungs"  # one network, trained on the whole image or the lungs' box
RANDOM = ", shuffled weights"  # after the name of a network: the same with the values of each of its arrays in another order
BOX = "lungs"  # the variant that shows the box of the lungs only


@dataclasses.dataclass(frozen=True)
class Network:
    """A network: its name, the run that it comes from, variant and threshold; `model()` loads it."""

    name: str
    run_id: str
    variant: str
    threshold: float
    model: Callable

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Return what the network sees of images uint8 (n, 224, 224): float32 (n, size, size)."""
        return prepared(images, self.model().input_shape[1], self.variant).astype("float32")

    def scores(self, inputs: np.ndarray) -> np.ndarray:
        """Return P(PNEUMONIA), (n,), of its own inputs."""
        model, step = self.model(), gradcam.BATCH
        parts = [inputs[start : start + step] for start in range(0, len(inputs), step)]
        return np.concatenate([model.predict_on_batch(gradcam.batch(model, part))[:, -1] for part in parts])

    def maps(self, method: str, images: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Return a method's maps of images uint8 (n, 224, 224) in the place where they lie, float32 (n, SIDE, SIDE), signed."""
        found = methods.maps(method, self.model(), self.inputs(images), target)
        return placed(found, boxes(images)) if self.variant == BOX else sized(found)


@functools.lru_cache(maxsize=1)
def load(name: str, profile: str = "full") -> Network:
    """Return a network by name: `FINAL`, or the run of an experiment that is best on validation.

    `WHOLE` and `CROPPED`, which are compared with each other, are their seed 0.

    Raises:
        CxrError: it is unknown, or not on this machine; the sentence says how it is made.
    """
    plain = name.removesuffix(RANDOM)
    if plain == FINAL:
        model, card = published_model.load()
        parts = (card.run_id, card.variant, card.threshold)
    else:
        run = run_of(plain, profile)
        model, parts = saved.of_run(run, profile), (run.run_id, run.config.variant, selection.thresholds([run])[0])
    if name != plain:
        model = shuffled(model)
    return Network(name, *parts, functools.partial(lambda loaded: loaded, model))


def run_of(name: str, profile: str = "full") -> records.Record:
    """Return the run of an experiment whose network is explained; errors as `load`."""
    if name not in experiments.load(profile):
        raise CxrError(f"Experiment {name} does not exist (yet).")
    return selection.best_on_validation(records.of(name, profile, 0 if name in (WHOLE, CROPPED) else None))


def shuffled(model: "keras.Model") -> "keras.Model":
    """Return a copy of a model whose arrays of weights have their values in another order: as large, and untaught.

    Weights drawn anew would not do: of a deep network without a pass of training nothing comes out, and its maps are blank.
    """
    rng, copy = np.random.default_rng(0), keras.models.clone_model(model)
    copy.set_weights([rng.permutation(array.ravel()).reshape(array.shape) for array in model.get_weights()])
    return copy


def boxes(images: np.ndarray) -> list[tuple[slice, slice]]:
    """Return rows and columns of the lungs' box in each of images uint8 (n, 224, 224); all of it where they are not found."""
    masks, _ = lungs.found(images)
    return [lungs.box(mask) or (slice(0, COMMON_SIZE), slice(0, COMMON_SIZE)) for mask in masks]


def placed(maps: np.ndarray, places: list[tuple[slice, slice]], side: int = SIDE) -> np.ndarray:
    """Return maps (n, h, w) of boxes of 224×224 images, each put where its box lies, zero elsewhere: float32 (n, side, side)."""
    whole = np.zeros((len(maps), COMMON_SIZE, COMMON_SIZE), "float32")
    for canvas, one, (rows, columns) in zip(whole, maps, places, strict=True):
        size = columns.stop - columns.start, rows.stop - rows.start
        canvas[rows, columns] = cv2.resize(one, size, interpolation=cv2.INTER_LINEAR)
    return sized(whole, side)
