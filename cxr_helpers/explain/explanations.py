"""Explanations of a run's images, stored beside its record: Grad-CAM and SHAP on the same right and wrong predictions."""

import dataclasses
import json

import numpy as np
import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import plugins, stored_results
from cxr_helpers.base.files import read_arrays
from cxr_helpers.records import Record
from cxr_helpers.tables import selection

FILE = "explanations.npz"
DRAWN = "measurements/drawn_examples.npz"  # in the reports; extras/saliency/stored_maps.py says what is in it


@dataclasses.dataclass(frozen=True)
class Explained:
    """The explained images of one run, n of them.

    `answers`: one row an image, the columns of `selection.answers`. `images`: uint8 (n, H, W). `maps`: by
    method, float32 (n, H, W), "shap_partition" in log-odds, "gradcam" in [0, 1]. `about`: run_id, and how the maps were made.
    """

    answers: pd.DataFrame
    images: np.ndarray
    maps: dict[str, np.ndarray]
    about: dict


def of(record: Record, profile: str) -> Explained:
    """Return Grad-CAM (for the predicted class) and SHAP (partition, for PNEUMONIA) of chosen test images (`stored_maps.choose`).

    They are stored beside the record, or else made by the extras from the run's saved model (without which a CxrError).
    """
    return load(record) if record.has(FILE) else plugins.load("measurements", "explain")(record, profile)


def load(record: Record) -> Explained:
    """Return the stored explanations of a run; broken ones are a CxrError."""
    path, remedy = record.folder / FILE, "restore it from git, or delete it and it is made anew"
    record.content(FILE)  # refuses what is not what was written
    names = ("image_id", "films", "gradcam", "shap", "scale", "about")
    image_id, images, heat, values, scale, about = read_arrays(path, names, remedy)
    about = json.loads(str(about))
    answered = selection.answers(record, about["threshold"]).set_index("image_id").loc[image_id].reset_index()
    maps = {"gradcam": heat.astype("float32"), "shap_partition": values.astype("float32") * scale}
    return Explained(answered, images, maps, about)


def drawn(profile: str) -> dict[str, np.ndarray] | None:
    """Return the stored examples, array by name, None where they were not made; a broken file is a CxrError."""
    names = ("image_id", "images", "masks", "gradcam", "shap_partition", "y_score", "about", "lung_id", "lungs")
    path = paths.reports(profile) / DRAWN
    if not path.is_file():
        return None
    stored_results.note(path)
    return dict(zip(names, read_arrays(path, names, "restore it from git"), strict=True))
