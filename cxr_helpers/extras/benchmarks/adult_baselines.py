"""What shortcut baselines of the training images make of the adults: how far hospital and exposure alone separate the classes."""

import numpy as np
import pandas as pd

from cxr_helpers.data import image_files, manifest, packing, splits
from cxr_helpers.data.preprocessing import resize
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics, shortcut_baselines
from cxr_helpers.extras.other_sets import adult_images


def measure(profile: str) -> pd.DataFrame:
    """Return the scores of the adult images by shortcut baseline: model, image_id, patient_id, split, y_true, y_score.

    The models are fitted on the training images of the official protocol. Width says nothing here: the adult images come
    in another size.

    Raises:
        CxrError: CXR_EXTERNAL_DIR is not set.
    """
    folder = adult_images.folder()
    if folder is None:
        raise CxrError("The adult images were not found: set CXR_EXTERNAL_DIR to the folder that holds their metadata.csv.")
    adults = adult_images.images(folder)
    images = [image_files.read(path).pixels for path in adults.path]
    grey = pd.DataFrame([manifest.grey_statistics(image) for image in images])
    children = manifest.load(profile).merge(splits.load(profile, "official")[["image_id", "split"]], on="image_id")
    both = pd.concat([children, adults.join(grey)], ignore_index=True).assign(width=float("nan"))
    small = [resize(image, shortcut_baselines.THUMBNAIL_SIDE) for image in images]
    thumbnails = np.stack([*packing.load(profile, shortcut_baselines.THUMBNAIL_SIDE), *small])
    found = shortcut_baselines.scores(both, both[["image_id", "split"]], thumbnails)
    parts = [scores[scores.split == "external"].assign(model=name) for name, scores in found.items()]
    return pd.concat(parts, ignore_index=True)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return the AUC of each shortcut baseline on the adult images, with its 95 % interval over patients."""
    table = metrics.compare({name: [part] for name, part in repeats.groupby("model", sort=False)})
    return table.rename_axis("figure").reset_index()
