"""Make the maps that `explain.explanations` reads, with the saved models of runs."""

import io
import json

import numpy as np

from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import gradcam, targets
from cxr_helpers.explain.explanations import FILE, PER_OUTCOME, Explained, choose
from cxr_helpers.extras.makers import saved
from cxr_helpers.extras.saliency import shap_maps
from cxr_helpers.records import Record
from cxr_helpers.tables import selection


def make(record: Record, profile: str, per_outcome: int = PER_OUTCOME) -> Explained:
    """Make what `explanations.of` returns, and store it where it is of `PER_OUTCOME` images an outcome; errors as there."""
    threshold = selection.thresholds([record])[0]
    chosen = choose(selection.answers(record, threshold), per_outcome)
    if chosen.empty:
        raise CxrError(f"Run {record.run_id} has no test scores to choose images from; explain a run with a test split.")
    config = saved.network_config(record, profile)
    images = packing.images(profile, chosen.image_id, config.size, config.variant)
    model = saved.of_run(record, profile)
    maps = {
        "gradcam": gradcam.gradcam(model, images, np.where(chosen.y_predicted, targets.PNEUMONIA, targets.NORMAL)),
        "shap_partition": shap_maps.partition(model, images, targets.PNEUMONIA),
    }
    made = Explained(chosen, images, maps, {"run_id": record.run_id, "threshold": threshold})
    if per_outcome == PER_OUTCOME:
        _store(made, record)
    return made


def _store(made: Explained, record: Record) -> None:
    """Add the maps to the record as float16; SHAP values are scaled first, since they are tiny."""
    heat, values = made.maps.values()
    scale = np.float32(max(np.abs(values).max(), np.finfo("float32").tiny))
    arrays = {"image_id": made.answers.image_id.to_numpy(str), "films": made.images, "about": json.dumps(made.about)}
    maps = {"gradcam": heat.astype("float16"), "shap": (values / scale).astype("float16"), "scale": scale}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays, **maps)
    record.add(FILE, content.getvalue())
