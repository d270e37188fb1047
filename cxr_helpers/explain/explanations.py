"""Explanations of a run's images, stored beside its record: Grad-CAM and SHAP on the same right and wrong predictions."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base import plugins, provenance
from cxr_helpers.base.files import read_arrays
from cxr_helpers.errors import CxrError
from cxr_helpers.records import Record
from cxr_helpers.tables import selection

FILE = "explanations.npz"
PER_OUTCOME = 2  # images that are stored of each outcome
OUTCOMES = {(1, 1): "true positive", (0, 1): "false positive", (1, 0): "false negative", (0, 0): "true negative"}


@dataclasses.dataclass(frozen=True)
class Explained:
    """The explained images of one run, n of them.

    `answers`: one row an image, the columns of `selection.answers` and its outcome. `images`: uint8 (n, H, W). `maps`: by
    method, float32 (n, H, W), "shap_partition" in log-odds, "gradcam" in [0, 1]. `about`: run_id, and how the maps were made.
    """

    answers: pd.DataFrame
    images: np.ndarray
    maps: dict[str, np.ndarray]
    about: dict

    def at(self, places: int | Sequence[int]) -> "Explained":
        """Return the images at `places` (0 to n - 1) only; one that does not exist is a CxrError."""
        places = np.atleast_1d(places)
        wrong = set(places.tolist()) - set(range(len(self.images)))
        if wrong:
            raise CxrError(f"image={min(wrong)} does not exist: there are {len(self.images)} explained ones, counted from 0.")
        maps = {name: values[places] for name, values in self.maps.items()}
        return Explained(self.answers.iloc[places].reset_index(drop=True), self.images[places], maps, self.about)


def outcomes(answered: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `selection.answers` with their outcome ("true positive", ...)."""
    return answered.assign(outcome=[OUTCOMES[pair] for pair in zip(answered.y_true, answered.y_predicted, strict=True)])


def choose(answered: pd.DataFrame, per_outcome: int = PER_OUTCOME) -> pd.DataFrame:
    """Return the images to explain, rows of `selection.answers` with their outcome, by a rule that looks at scores only.

    Of each outcome it takes the most confident half of `per_outcome` (rounded up), then the least confident ones;
    ties go by image_id. An outcome with fewer images gives all it has.
    """
    ranked = outcomes(answered).sort_values(["confidence", "image_id"], ascending=[False, True])
    groups = ranked.groupby("outcome")
    chosen = ranked[(groups.cumcount() < -(-per_outcome // 2)) | (groups.cumcount(ascending=False) < per_outcome // 2)]
    places = {outcome: place for place, outcome in enumerate(OUTCOMES.values())}
    return chosen.sort_values("outcome", key=lambda column: column.map(places), kind="stable", ignore_index=True)


def of(record: Record, profile: str, per_outcome: int = PER_OUTCOME) -> Explained:
    """Return Grad-CAM (for the predicted class) and SHAP (partition, for PNEUMONIA) of a run's test images.

    Those that are stored beside the record are taken from there, others are made anew by the extras from the run's saved
    model (without which a CxrError); of `PER_OUTCOME` images an outcome they are then stored.
    """
    if per_outcome < 1:
        raise CxrError(f"per_outcome={per_outcome} leaves no image to explain; give 1 or more.")
    if record.has(FILE):
        found = load(record)
        wanted = choose(selection.answers(record, found.about["threshold"]), per_outcome).image_id
        if wanted.isin(found.answers.image_id).all():
            return found.at(pd.Index(found.answers.image_id).get_indexer(wanted))
    return plugins.load("measurements", "explain")(record, profile, per_outcome)


def load(record: Record) -> Explained:
    """Return the stored explanations of a run; broken ones are a CxrError."""
    path, remedy = record.folder / FILE, "restore it from git, or delete it and it is made anew"
    record.content(FILE)  # refuses what is not what was written
    names = ("image_id", "films", "gradcam", "shap", "scale", "about")
    image_id, images, heat, values, scale, about = read_arrays(path, names, remedy)
    about = json.loads(str(about))
    answered = selection.answers(record, about["threshold"]).set_index("image_id").loc[image_id].reset_index()
    maps = {"gradcam": heat.astype("float32"), "shap_partition": values.astype("float32") * scale}
    return Explained(outcomes(answered), images, maps, about)


def drawn_path(profile: str) -> Path:
    """Return where the examples with drawn lesions and lungs are stored; extras/saliency/stored_maps.py says what they are."""
    return paths.reports(profile) / "measurements" / "drawn_examples.npz"


def drawn(profile: str) -> dict[str, np.ndarray] | None:
    """Return the stored examples, array by name, None where they were not made; a broken file is a CxrError."""
    names = ("image_id", "images", "masks", "gradcam", "shap_partition", "y_score", "about", "lung_id", "lungs")
    path = drawn_path(profile)
    if not path.is_file():
        return None
    provenance.note(path)
    return dict(zip(names, read_arrays(path, names, "restore it from git"), strict=True))
