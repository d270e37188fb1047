"""Examples for the eye: maps of the final model on NIH images beside the boxes of radiologists, stored for the chapters."""

import io
import json
from pathlib import Path

import numpy as np

from cxr_helpers.base.files import atomic_write
from cxr_helpers.data import packing
from cxr_helpers.explain import explanations
from cxr_helpers.extras.other_sets import masked_images
from cxr_helpers.extras.saliency import drawn_truth, explained_networks
from cxr_helpers.extras.saliency.explained_networks import FINAL
from cxr_helpers.records import Record

METHODS = ("gradcam", "shap_partition")


def store(record: Record, profile: str = "full") -> Path:
    """Store three NIH images with boxes and both maps of each, and the hand-drawn lungs of a run's explained images.

    By rule, of the images with boxes: the surest and the least sure of those that the final model calls PNEUMONIA, and the surest
    of those that it calls NORMAL. Without CXR_SETS_DIR: a CxrError.
    """
    network, truth = explained_networks.load(FINAL), drawn_truth.load(drawn_truth.NIH, 95, profile)
    scores = network.scores(network.inputs(truth.images))
    order = np.argsort(-scores, kind="stable")
    called = order[scores[order] >= network.threshold]
    truth = truth.at(chosen := np.array([called[0], called[-1], order[-1]]))
    maps = {name: network.maps(name, truth.images, np.where(scores[chosen] >= network.threshold, 1, -1)) for name in METHODS}
    shown = explanations.load(record).answers.image_id
    files = [masked_images.folder() / "lung_masks" / f"{image_id}.png" for image_id in shown]
    drawn = [masked_images.hand_drawn(file, (packing.COMMON_SIZE,) * 2) == 1 for file in files]
    content, about = io.BytesIO(), {"run_id": network.run_id, "threshold": network.threshold}
    arrays = {"images": truth.images, "masks": truth.masks, "y_score": scores[chosen], "about": json.dumps(about)}
    arrays |= {name: found.astype("float16" if name == "gradcam" else "float32") for name, found in maps.items()}
    names = {"image_id": truth.table.image_id.to_numpy(str), "lung_id": shown.to_numpy(str), "lungs": np.stack(drawn)}
    np.savez_compressed(content, **arrays, **names)
    path = explanations.drawn_path(profile)
    atomic_write(path, content.getvalue())
    return path
