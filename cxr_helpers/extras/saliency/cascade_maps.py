"""How a cascade came to its prediction on a few test images: path, confidence, and Grad-CAM of the model that decided."""

import cv2
import numpy as np
import pandas as pd

from cxr_helpers import records
from cxr_helpers.data import packing
from cxr_helpers.explain import explanations, gradcam, targets
from cxr_helpers.explain.explanations import Explained
from cxr_helpers.extras.makers import cascade
from cxr_helpers.records import Record
from cxr_helpers.tables import selection
from cxr_helpers.training import saved

FILE = "cascade_maps.npz"
SIDE = 160  # pixels of a stored image and map


def answers(run: Record) -> pd.DataFrame:
    """Return a cascade's predictions on its test images.

    Columns beside those of `selection.answers`: stage, screen_score, confirm_score, outcome ("true positive", ...),
    decided_by (the member). `confidence` is that of the deciding model in the class it predicted, in [0, 1].
    """
    table = selection.answers(run, selection.THRESHOLD).merge(run.table("decisions"), on=["image_id", "split"])
    score = table.screen_score.where(table.stage == "screen", table.confirm_score)
    table["confidence"] = np.where(table.y_predicted == 1, score, 1 - score)
    table["decided_by"] = table.stage.map(dict(zip(cascade.STAGES, run.config.members, strict=True)))
    return explanations.outcomes(table)


def choose(answered: pd.DataFrame) -> pd.DataFrame:
    """Return the images to show: of each stage and outcome the most confident prediction; ties go by image_id."""
    ranked = answered.sort_values(["stage", "outcome", "confidence", "image_id"], ascending=[False, False, False, True])
    return ranked.drop_duplicates(["stage", "outcome"]).reset_index(drop=True)


def of(run: Record, profile: str) -> Explained:
    """Return the chosen images with Grad-CAM, for the predicted class, of the model that decided, SIDE × SIDE pixels each.

    They are taken from beside the cascade's record, or where there are none made from the members' models and stored.

    Raises:
        CxrError: the stored file is broken or another run's; or a member's model is not on this machine or not its record's.
    """
    if not run.has(FILE):
        build(run, profile)
    (images, maps), about = explanations.stored(run, FILE, ("films", "maps"), "remove it and execute the chapter again")
    chosen = answers(run).set_index("image_id").loc[about["image_id"]].reset_index()
    return Explained(chosen, images, {"gradcam": maps.astype("float32") / 255}, about)


def build(run: Record, profile: str) -> None:
    """Make and store what `of` returns; errors as there."""
    chosen = choose(answers(run))
    images, maps = np.zeros((2, len(chosen), SIDE, SIDE), "uint8")
    for run_id, stage in zip(run.info["members"], cascade.STAGES, strict=True):
        rows = np.flatnonzero(chosen.stage == stage)
        if len(rows):
            member, part = records.read(run.folder.with_name(run_id)), chosen.iloc[rows]
            seen = packing.images(profile, part.image_id, member.config.size, member.config.variant)
            model = saved.model(member, profile, seen, part[f"{stage}_score"].to_numpy())
            heat = gradcam.gradcam(model, seen, targets.predicted(part.y_score, selection.THRESHOLD))
            images[rows], maps[rows] = _resized(seen), _resized((255 * heat).round().astype("uint8"))
    explanations.store(run, FILE, {"run_id": run.run_id, "image_id": list(chosen.image_id)}, films=images, maps=maps)


def _resized(pictures: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for picture in pictures])
