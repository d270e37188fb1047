"""Does an image mean the same to the default model at its published size and in the copy at 224×224 pixels?

What differs is how the copies were made, which was found by making them again: Pillow's bilinear resize, then JPEG of quality 75.

CXR_SAMPLE_DIR names a folder of some published images in the set's own layout; the set at hand holds their copies.
"""

import io

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from cxr_helpers import paths
from cxr_helpers.data import dataset, image_files, manifest
from cxr_helpers.data.preprocessing import COMMON_SIZE, resize
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import published_model
from cxr_helpers.extras.makers import rescored


def measure(profile: str) -> pd.DataFrame:
    """Return one row per image of the sample: image_id, threshold, and P(PNEUMONIA) `published`, `resized` and `made_again`.

    Raises:
        CxrError: CXR_SAMPLE_DIR is not set or no folder of images, or an image of it is not in the set.
    """
    root = paths.from_environment("CXR_SAMPLE_DIR")
    if root is None or not root.is_dir():
        raise CxrError("The sample was not found: set CXR_SAMPLE_DIR to a folder of published images, as train/NORMAL/NAME.jpeg.")
    names = [path.relative_to(root).as_posix() for path in dataset.images(root)]
    if not names:
        raise CxrError(f"CXR_SAMPLE_DIR={root} holds no image: its layout must be the set's, as train/NORMAL/NAME.jpeg.")
    unknown = sorted(set(names) - set(manifest.load(profile).path))
    if unknown:
        raise CxrError(f"CXR_SAMPLE_DIR={root} holds {unknown[0]}, which is not in the set at hand; take it away.")
    model, card = published_model.load()
    score = rescored.of_model(model, card)
    table = pd.DataFrame({"image_id": names, "threshold": card.threshold})
    for column, folder, to_size in (
        ("published", root, resize),
        ("resized", dataset.discover(profile).root, resize),
        ("made_again", root, _copied),
    ):
        table[column] = score(np.stack([to_size(image_files.read(folder / name).pixels) for name in names]))
    return table


def _copied(image: np.ndarray) -> np.ndarray:
    """Return an image (H, W) uint8 as the copies at `COMMON_SIZE` were made."""
    small = Image.fromarray(image).resize((COMMON_SIZE, COMMON_SIZE), Image.Resampling.BILINEAR)
    small.convert("RGB").save(file := io.BytesIO(), "JPEG", quality=75)
    return cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_GRAYSCALE)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return the number of images, the median and largest |difference in P|, and how many images change their class."""
    gaps = (repeats.published - repeats.resized).abs()
    changed = (repeats.published >= repeats.threshold) != (repeats.resized >= repeats.threshold)
    found = {"images": len(gaps), "median difference": gaps.median(), "largest difference": gaps.max()}
    found |= {"images that change class": changed.sum()}
    found |= {"largest difference, made again": (repeats.made_again - repeats.resized).abs().max()}
    return pd.DataFrame({"figure": list(found), "value": list(found.values()), "ci_low": np.nan, "ci_high": np.nan})
