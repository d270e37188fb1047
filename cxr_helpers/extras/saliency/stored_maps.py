"""Make the maps that `explain.explanations` reads: with the saved models of runs, and with the final one beside drawn lesions."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import explanations, gradcam
from cxr_helpers.explain.explanations import FILE, Explained
from cxr_helpers.extras.makers import saved
from cxr_helpers.extras.other_sets import masked_images
from cxr_helpers.extras.saliency import drawn_truth, explained_networks, shap_maps
from cxr_helpers.records import Record
from cxr_helpers.tables import selection


def make(record: Record, profile: str) -> Explained:
    """Make what `explanations.of` returns, and store it; errors as there."""
    threshold = selection.thresholds([record])[0]
    chosen = choose(selection.answers(record, threshold))
    if chosen.empty:
        raise CxrError(f"Run {record.run_id} has no test scores to choose images from; explain a run with a test split.")
    config = saved.network_config(record, profile)
    images = packing.images(profile, chosen.image_id, config.size, config.variant)
    model = saved.of_run(record, profile)
    maps = {
        "gradcam": gradcam.gradcam(model, images, np.where(chosen.y_predicted, gradcam.PNEUMONIA, gradcam.NORMAL)),
        "shap_partition": shap_maps.partition(model, images, gradcam.PNEUMONIA),
    }
    made = Explained(chosen, images, maps, {"run_id": record.run_id, "threshold": threshold})
    _store(made, record)
    return made


def choose(answered: pd.DataFrame) -> pd.DataFrame:
    """Return the images to explain, rows of `selection.answers`, by a rule that looks at scores only.

    Of each outcome it takes the most and the least confident image; ties go by image_id.
    """
    ranked = answered.sort_values(["confidence", "image_id"], ascending=[False, True])
    groups = ranked.groupby("outcome")
    chosen = ranked[(groups.cumcount() == 0) | (groups.cumcount(ascending=False) == 0)]
    places = {outcome: place for place, outcome in enumerate(selection.OUTCOMES.values())}
    return chosen.sort_values("outcome", key=lambda column: column.map(places), kind="stable", ignore_index=True)


def _store(made: Explained, record: Record) -> None:
    """Add the maps to the record as float16; SHAP values are scaled first, since they are tiny."""
    heat, values = made.maps.values()
    scale = np.float32(max(np.abs(values).max(), np.finfo("float32").tiny))
    arrays = {"image_id": made.answers.image_id.to_numpy(str), "films": made.images, "about": json.dumps(made.about)}
    maps = {"gradcam": heat.astype("float16"), "shap": (values / scale).astype("float16"), "scale": scale}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays, **maps)
    record.add(FILE, content.getvalue())


def make_drawn(record: Record, profile: str = "full") -> Path:
    """Store what `explanations.drawn` reads: NIH images with boxes and both maps, and the lungs of a run's explained images.

    By rule, of the images with boxes: the surest and the least sure of those that the final model calls PNEUMONIA, and the surest
    of those that it calls NORMAL. Without CXR_SETS_DIR: a CxrError.
    """
    network, truth = explained_networks.load(explained_networks.FINAL), drawn_truth.load(drawn_truth.NIH, 95, profile)
    scores = network.scores(network.inputs(truth.images))
    order = np.argsort(-scores, kind="stable")
    called = order[scores[order] >= network.threshold]
    truth = truth.at(chosen := np.array([called[0], called[-1], order[-1]]))
    predicted = np.where(scores[chosen] >= network.threshold, gradcam.PNEUMONIA, gradcam.NORMAL)
    heat, values = (
        network.maps("gradcam", truth.images, predicted),
        network.maps("shap_partition", truth.images, gradcam.PNEUMONIA),
    )
    shown = explanations.load(record).answers.image_id
    files = [masked_images.folder() / "lung_masks" / f"{image_id}.png" for image_id in shown]
    drawn = np.stack([masked_images.hand_drawn(file, (packing.COMMON_SIZE,) * 2) == 1 for file in files])
    about = json.dumps({"run_id": network.run_id, "threshold": network.threshold})
    images = {
        "image_id": truth.table.image_id.to_numpy(str),
        "images": truth.images,
        "masks": truth.masks,
        "y_score": scores[chosen],
    }
    maps = {"gradcam": heat.astype("float16"), "shap_partition": values.astype("float32"), "about": about}
    content, path = io.BytesIO(), paths.reports(profile) / explanations.DRAWN
    np.savez_compressed(content, **images, **maps, lung_id=shown.to_numpy(str), lungs=drawn)
    atomic_write(path, content.getvalue())
    return path
