"""How often `cxr predict` warns: of frontal radiographs, where it should not, and of the same images changed, where it should."""

import functools

import numpy as np
import pandas as pd

from cxr_helpers.data import image_files, manifest, packing
from cxr_helpers.evaluation import bootstrap
from cxr_helpers.extras.inference import out_of_distribution
from cxr_helpers.extras.other_sets import adult_images

# Set -> what is done to its images (N, H, W).
SETS = {
    "official test images": np.asarray,
    "test images, inverted": np.invert,
    "test images, turned by 90°": functools.partial(np.rot90, axes=(1, 2)),
    "test images, upside down": functools.partial(np.flip, axis=1),
}


def measure(profile: str) -> pd.DataFrame:
    """Return one row per image: set, patient_id, the figures of `out_of_distribution`, and `warned` (0 or 1).

    The rules are learnt from the training folder's images here as by `cxr publish`; adult images are there where
    CXR_EXTERNAL_DIR names them.
    """
    images = manifest.load(profile)
    thumbnails = packing.load(profile, out_of_distribution.SIDE)
    rules = out_of_distribution.learn(thumbnails[images.folder == "train"])
    test = images[images.folder == "test"]
    sets = {name: (test.patient_id, change(thumbnails[test.index])) for name, change in SETS.items()}
    folder = adult_images.folder()
    if folder:
        adults = adult_images.images(folder)
        small = [out_of_distribution.thumbnail(image_files.read(path).pixels) for path in adults.path]
        sets["adult images"] = adults.patient_id, np.stack(small)
    return pd.concat([_table(name, *shown, rules) for name, shown in sets.items()], ignore_index=True)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each set that is warned of, with its 95 % interval over patients: figure, value, ci_low, ci_high."""
    groups = repeats.groupby("set", sort=False)
    shares = {name: bootstrap.mean_interval(part.warned.to_numpy(float), part.patient_id.to_numpy()) for name, part in groups}
    return pd.DataFrame(shares).T.rename_axis("figure").reset_index()


def _table(name: str, patients: pd.Series, thumbnails: np.ndarray, rules: out_of_distribution.Rules) -> pd.DataFrame:
    warned = [int(bool(words)) for words in out_of_distribution.warnings(thumbnails, rules)]
    columns = {"set": name, "patient_id": patients.to_numpy(), "warned": warned}
    return pd.DataFrame(columns | out_of_distribution.figures(thumbnails, rules.chest))
