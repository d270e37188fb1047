"""Learnt at one hospital, tested at another: one frozen network, the lungs alone, the view held constant.

A logistic regression learns from a frozen MobileNetV2's mean feature maps of the lungs, with all else black as in RSNA's images
(elsewhere by the segmenter's masks), or from their outline alone. Patients of NIH and RSNA, one hospital, are halved: what learns
from one half is tested on the other, and the other way round; an AUC is the mean of both.
"""

import hashlib

import numpy as np
import pandas as pd

from cxr_helpers.data import image_files, manifest, packing, splits
from cxr_helpers.data.preprocessing import prepared, resize
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import bootstrap, shortcut_baselines
from cxr_helpers.extras.benchmarks import region_probes
from cxr_helpers.extras.other_sets import adult_images, hospital_images
from cxr_helpers.tables import final_model

NETWORK, SIDE = "mobilenetv2", 224
NIH, RSNA = ("NIH, AP", "NIH, PA"), ("RSNA, AP", "RSNA, PA")
# What is learnt from: name -> groups of images.
TRAINED = {"Guangzhou": ("Guangzhou",)} | {view: (view,) for view in RSNA} | {"all of these and NIH": ("Guangzhou", *RSNA, *NIH)}
SHOWN = ("network", "outline")
DIGITS = 7  # of a score: equal outlines tie, whatever the last bits of a matrix product are
_COLUMNS = ["group", "fold", "image_id", "patient_id", "y_true"]


def measure(profile: str) -> pd.DataFrame:
    """Return one row per tested image and half: tested, half, image_id, patient_id, y_true, and a score "shown; trained" of each.

    Raises:
        CxrError: CXR_SETS_DIR or CXR_EXTERNAL_DIR is not set, or has no `nih/` or `rsna_lungs/`.
    """
    table, pixels = _images(profile)
    outlines = np.stack([hospital_images.outline(image) for image in pixels])
    shown = region_probes.mean_maps(NETWORK, [("network", pixels)], len(pixels), profile) | {"outline": outlines}
    parts = []
    for half in ("0", "1"):
        tested, scores = table.fold.isin(("test", half)), {}
        for name, groups in TRAINED.items():
            train = table.group.isin(groups) & ~tested & (table.fold != "val")
            images = table.assign(split=np.where(train, "train", "test"))
            found = {f"{kind}; {name}": shortcut_baselines.regression(x.astype(float), images) for kind, x in shown.items()}
            scores |= {title: each.round(DIGITS) for title, each in found.items()}
        parts.append(table.assign(half=half, **scores)[tested].rename(columns={"group": "tested"}).drop(columns="fold"))
    return pd.concat(parts, ignore_index=True)


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return AUCs with 95 % intervals over patients, named "shown; trained; tested", and "images; tested", "normal; tested".

    "network minus outline" is paired on the same resamples.
    """
    found = {}
    for tested, part in repeats.groupby("tested", sort=False):
        part, once = part.reset_index(drop=True), part.drop_duplicates("image_id")
        found |= {f"images; {tested}": [len(once)], f"normal; {tested}": [(once.y_true == 0).sum()]}
        weights = np.vstack([np.ones(len(part)), bootstrap.patient_weights(part.patient_id.to_numpy(), 2000, 0)])
        halves = [(rows, weights[:, rows.index]) for _, rows in part.groupby("half")]
        for trained in TRAINED:
            with np.errstate(invalid="ignore"):  # a resample of few patients may lack a class
                parts = [
                    [region_probes.weighted_areas(rows, f"{kind}; {trained}", each) for rows, each in halves] for kind in SHOWN
                ]
            network, outline = np.mean(parts, axis=1)
            found |= {f"network; {trained}; {tested}": network, f"outline; {trained}; {tested}": outline}
            found[f"network minus outline; {trained}; {tested}"] = network - outline
    rows = [(name, values[0], *region_probes.interval(values[1:])) for name, values in found.items()]
    return pd.DataFrame(rows, columns=["figure", "value", "ci_low", "ci_high"])


def _images(profile: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the images of all hospitals, with the columns `_COLUMNS`, and what is shown of them: uint8 (N, SIDE, SIDE).

    `fold` is train, val or test, or the half ("0", "1") that a patient of NIH and RSNA belongs to.
    """
    folders = [hospital_images.folder(name) for name in ("nih", "rsna_lungs")]
    if None in folders or not (adults := adult_images.folder()):
        raise CxrError("Images of other hospitals are not here: set CXR_SETS_DIR (with nih/, rsna_lungs/) and CXR_EXTERNAL_DIR.")
    own = manifest.load(profile).merge(splits.load(profile, "official")[["image_id", "split"]], on="image_id")
    tables = [own.assign(group="Guangzhou", fold=own.split)]
    pixels = [np.concatenate([_cut(part) for part in np.array_split(packing.load(profile, SIDE), 32)])]
    for folder, name in zip(folders, ("NIH", "RSNA"), strict=True):
        found = final_model.judged(hospital_images.images(folder))
        found = found[found["view"].isin(("AP", "PA"))].reset_index(drop=True)
        halves = [str(hashlib.sha256(patient.encode()).digest()[0] % 2) for patient in found.patient_id]
        tables.append(found.assign(group=name + ", " + found["view"], fold=halves))
        pixels.append(_read(found.path, cut=name == "NIH"))
    found = adult_images.images(adults)
    tables.append(found.assign(group="case reports", fold="test"))
    pixels.append(_read(found.path, cut=True))
    return pd.concat([table[_COLUMNS] for table in tables], ignore_index=True), np.concatenate(pixels)


def _read(paths: pd.Series, cut: bool) -> np.ndarray:
    images = np.stack([resize(image_files.read(path).pixels, SIDE) for path in paths])
    return np.concatenate([_cut(part) for part in np.array_split(images, 1 + len(images) // 256)]) if cut else images


def _cut(images: np.ndarray) -> np.ndarray:
    return prepared(images, SIDE, "lungs_only")
