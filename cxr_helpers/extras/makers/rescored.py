"""Make the scores of adult and of corrupted images that `training.rescoring` reads, with the saved models of runs.

What scores is a function of images (n, SIDE, SIDE) uint8 to P(PNEUMONIA) (n,).
"""

import gzip
import itertools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from cxr_helpers.base.progress import say
from cxr_helpers.config import Config
from cxr_helpers.data import corruptions, image_files, packing, preprocessing
from cxr_helpers.extras.makers import saved
from cxr_helpers.extras.other_sets import adult_images
from cxr_helpers.records import Record
from cxr_helpers.training.rescoring import EXTERNAL, VALIDATION, networks

SEVERITY = 2  # of four: the column says so since records had several
COLUMNS = {
    EXTERNAL: ["image_id", "patient_id", "view", "finding", "y_true", "y_score"],
    VALIDATION: ["image_id", "perturbation", "severity", "y_score"],
}
_DIGITS = "%.7g"  # as in the records: sure scores lie so near 1 that four digits would tie them and change the AUC
Scorer = Callable[[np.ndarray], np.ndarray]
_BATCH = 64  # images that are held corrupted at a time


def rescore(run: Record, profile: str, wanted: Sequence[str] = (), score: Scorer | None = None) -> None:
    """Store what is missing of the `wanted` files with the run, or with those that it joins; by default all.

    Adult images are scored where CXR_EXTERNAL_DIR names them. `score` stands in for the run's own model. Each file is written
    whole or not at all, so that a stopped call goes on with the next one.

    Raises:
        CxrError: a model of the run is not on this machine, or scores otherwise than the record says.
    """
    wanted = wanted or [EXTERNAL] * (adult_images.folder() is not None) + [VALIDATION]
    for part in networks(run, profile):
        missing = [name for name in wanted if not part.has(name)]
        scorer = score or (of_model(saved.of_run(part, profile), part.config) if missing else None)
        for name in missing:
            say(f"rescore {part.run_id}: {name}")
            part.add(name, encoded(adults(scorer) if name == EXTERNAL else _corrupted(scorer, part, profile), name))


def encoded(table: pd.DataFrame, name: str) -> bytes:
    """Return rescored images as the file `name` holds them; equal tables give equal bytes."""
    content = table.to_csv(index=False, float_format=_DIGITS).encode()
    return gzip.compress(content, mtime=0) if name.endswith(".gz") else content


def of_model(model, config: Config) -> Scorer:
    """Return the scorer of a Keras model that takes images as `config`, or a model's card, says: of its size and variant."""

    def score(images: np.ndarray) -> np.ndarray:
        small = preprocessing.prepared(images, config.size, config.variant)
        inputs = np.repeat(small[..., None].astype("float32"), model.input_shape[-1], axis=-1)
        return model.predict_on_batch(inputs)[:, -1].astype(float)

    return score


def adults(score: Scorer) -> pd.DataFrame:
    """Return the adult images of CXR_EXTERNAL_DIR with their scores, in the columns of `EXTERNAL`."""
    table = adult_images.images(adult_images.folder())
    images = (preprocessing.resize(image_files.read(path).pixels) for path in table.path)
    return table.assign(y_score=batched(score, images))[COLUMNS[EXTERNAL]]


def _corrupted(score: Scorer, run: Record, profile: str) -> pd.DataFrame:
    """Return the scores of every validation image in each kind of corruption; severity 0 (as it is) stands in each."""
    names = run.split("val").image_id
    images = packing.images(profile, names, corruptions.SIDE)
    plain, parts = batched(score, images), []
    for kind in corruptions.CORRUPTIONS:
        parts.append(pd.DataFrame({"image_id": names, "perturbation": kind, "severity": 0, "y_score": plain}))
        corrupted = (corruptions.corrupted(image, kind, image_id) for image, image_id in zip(images, names, strict=True))
        parts.append(parts[-1].assign(severity=SEVERITY, y_score=batched(score, corrupted)))
    return pd.concat(parts, ignore_index=True)[COLUMNS[VALIDATION]]


def batched(score: Scorer, images: Iterable[np.ndarray]) -> np.ndarray:
    """Return the scores of images, of which no more than a batch is held at a time."""
    images, parts = iter(images), []
    while batch := list(itertools.islice(images, _BATCH)):
        parts.append(score(np.stack(batch)))
    return np.concatenate(parts)
