"""How a cascade came to its answer on a few test images: path, confidence, and Grad-CAM of the model that decided."""

import dataclasses
import json

import cv2
import numpy as np
import pandas as pd

from cxr_helpers import records
from cxr_helpers.base.files import atomic_path, read_arrays
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import explanations
from cxr_helpers.extras.makers import cascade
from cxr_helpers.records import Record
from cxr_helpers.tables import results
from cxr_helpers.training import saved

FILE = "cascade_maps.npz"
SIDE = 160  # pixels of a stored image and map
RULE = "of each path and outcome, the image that the model which decided was most confident of"


@dataclasses.dataclass(frozen=True)
class Decided:
    """Images, n of them, with the way in which a cascade decided on each.

    `answers`: one row an image, as `answers` returns them. `images`: uint8 (n, SIDE, SIDE). `maps`: Grad-CAM, for the
    class that was answered, of the model that decided: float32 (n, SIDE, SIDE) in [0, 1].
    """

    answers: pd.DataFrame
    images: np.ndarray
    maps: np.ndarray

    @property
    def table(self) -> pd.DataFrame:
        """Return one row an image, as a reader wants it: the screen's score, who decided, labels and confidence."""
        names = {"image_id": "image", "screen_score": "screen says", "decided_by": "decided by"}
        names |= {"label": "true label", "predicted": "answer", "confidence": "confidence"}
        return self.answers[list(names)].rename(columns=names).round(3)

    @property
    def titles(self) -> list[str]:
        """Return what stands above each image: its path, true label, answer and confidence, and whether its map is blank."""
        ways = {"screen": "decided at once", "confirm": "sent on to {}"}
        return [
            f"screen {row.screen_score:.2f}, {ways[row.stage].format(row.decided_by)}\n"
            f"true {row.label}, {'✓' if row.correct else '✗'} {row.predicted} {row.confidence:.1%}"
            + ("" if heat.any() else " (blank map)")
            for row, heat in zip(self.answers.itertuples(), self.maps, strict=True)
        ]


def answers(run: Record) -> pd.DataFrame:
    """Return a cascade's answers on its test images.

    Columns beside those of `results.answers`: stage, screen_score, confirm_score, outcome ("true positive", ...),
    decided_by (the member system). `confidence` is that of the deciding model in the class it answered, in [0, 1].
    """
    table = results.answers(run, results.THRESHOLD).merge(run.table("decisions"), on=["image_id", "split"])
    score = table.screen_score.where(table.stage == "screen", table.confirm_score)
    table["confidence"] = np.where(table.y_predicted == 1, score, 1 - score)
    table["decided_by"] = table.stage.map(dict(zip(cascade.STAGES, run.config.members, strict=True)))
    return table.assign(outcome=[explanations.OUTCOMES[pair] for pair in zip(table.y_true, table.y_predicted, strict=True)])


def choose(answered: pd.DataFrame) -> pd.DataFrame:
    """Return the images to show: of each stage and outcome the most confident answer; ties go by image_id."""
    ranked = answered.sort_values(["stage", "outcome", "confidence", "image_id"], ascending=[False, False, False, True])
    return ranked.drop_duplicates(["stage", "outcome"]).reset_index(drop=True)


def build(run: Record, profile: str) -> Decided:
    """Explain the chosen images with the saved models of the members, and store them beside the cascade's record.

    Raises:
        CxrError: a member's model is not on this machine, or is not the one that the cascade was made of.
    """
    chosen = choose(answers(run))
    images, maps = np.zeros((2, len(chosen), SIDE, SIDE), "uint8")
    for run_id, stage in zip(run.info["members"], cascade.STAGES, strict=True):
        rows = np.flatnonzero(chosen.stage == stage)
        if len(rows):
            member = records.read(run.folder.with_name(run_id))
            images[rows], maps[rows] = _explained(member, profile, chosen.iloc[rows], stage)
    about = {"run_id": run.run_id, "image_id": list(chosen.image_id)}
    with atomic_path(run.folder / FILE) as temporary, open(temporary, "wb") as handle:
        np.savez_compressed(handle, films=images, maps=maps, about=json.dumps(about))
    return load(run)


def load(run: Record) -> Decided:
    """Return what is stored beside a cascade's record; a missing, broken or foreign file is a CxrError."""
    path, remedy = run.folder / FILE, "remove it and execute the chapter again"
    images, maps, about = read_arrays(path, ("films", "maps", "about"), remedy)
    about = json.loads(str(about))
    if about["run_id"] != run.run_id:
        raise CxrError(f"{path} belongs to run {about['run_id']}; {remedy}.")
    chosen = answers(run).set_index("image_id").loc[about["image_id"]].reset_index()
    return Decided(chosen, images, maps.astype("float32") / 255)


def of(run: Record, profile: str) -> Decided:
    """Return the stored images and maps, or where there are none, new ones from the members' saved models."""
    return load(run) if (run.folder / FILE).is_file() else build(run, profile)


def _explained(member: Record, profile: str, chosen: pd.DataFrame, stage: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images and Grad-CAM maps, uint8 (n, SIDE, SIDE) each, of the images on which a member decided."""
    from cxr_helpers.explain import gradcam, targets  # with Keras, which reading does not need

    images = packing.images(profile, chosen.image_id, member.config.size, member.config.variant)
    model = saved.model(member, profile, images, chosen[f"{stage}_score"].to_numpy())
    heat = gradcam.gradcam(model, images, targets.predicted(chosen.y_score, results.THRESHOLD))
    return _resized(images), _resized((255 * heat).round().astype("uint8"))


def _resized(pictures: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for picture in pictures])
