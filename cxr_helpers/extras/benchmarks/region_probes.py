"""How far parts of a radiograph alone separate the classes: frozen networks on the inside and the outside of the lungs.

The parts are cut out with the masks that were drawn by hand (CXR_SETS_DIR), so only images that have one take part. On each part
a logistic regression learns from the frozen network's mean feature maps. Nothing is drawn at random: another seed gives the same.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import cv2
import keras
import numpy as np
import pandas as pd

from cxr_helpers.config import Config
from cxr_helpers.data import manifest, packing, splits
from cxr_helpers.data.preprocessing import resize
from cxr_helpers.evaluation import bootstrap, metrics, shortcut_baselines
from cxr_helpers.extras.inference import backends, lungs, regions
from cxr_helpers.extras.other_sets import masked_images
from cxr_helpers.extras.other_sets.masked_images import Masked
from cxr_helpers.extras.statistics import like_widths
from cxr_helpers.models import catalogue
from cxr_helpers.training import cached_features

FOLDS = tuple(f"patient_cv_{fold}" for fold in range(splits.PATIENT_FOLDS))
SIZES = {"image width": ["width"], "image size": ["width", "height"]}  # of the published file; these regions need no pixels
DATA = {"official test": (["official"], "test"), "validation": (["official"], "val"), "folds by patient": (FOLDS, "test")}


def _box(image: Masked, pixels: np.ndarray) -> np.ndarray:
    return pixels[lungs.bounds(image.masks[..., 0] == 1, regions.MARGIN)]


def box_aspect(image: Masked, size: tuple[float, float]) -> np.ndarray:
    """Return the box with the aspect ratio of the published image of `size` (width, height), centred on a black square."""
    part, side = _box(image, image.pixels), max(image.pixels.shape)
    extent = np.array(part.shape) / image.pixels.shape * size[::-1]
    height, width = np.maximum(np.rint(side * extent / extent.max()).astype(int), 1)
    square = np.zeros((side, side), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = cv2.resize(part, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    return square


# What a network is shown, of an image with its mask; `box_aspect` also takes the size of the published file.
REGIONS: dict[str, Callable[..., np.ndarray]] = {
    "whole": lambda image: image.pixels,
    "lungs only": lambda image: regions.LUNGS_ONLY.cut(image.pixels, image.masks[..., 0]),
    "background": lambda image: regions.BACKGROUND.cut(image.pixels, image.masks[..., 0]),
    "mask shape": lambda image: (image.masks[..., 0] == 1).astype(np.uint8) * 255,
    "box": lambda image: _box(image, image.pixels),
    "box, outside black": lambda image: _box(image, regions.LUNGS_ONLY.cut(image.pixels, image.masks[..., 0])),
    "box, aspect kept": box_aspect,
}
# Network -> side of its images and its regions.
NETWORKS = {"mobilenetv2": (224, tuple(REGIONS)), "vgg16": (128, ("whole", "background", "box", "lungs only"))}


def measure(profile: str) -> pd.DataFrame:
    """Return the scores of validation and test images under the official protocol and in folds by patient.

    Columns: model, protocol, image_id, patient_id, split, y_true, width, copy (1 where an earlier image is the same picture), and
    a score for each region (NaN where a model has none).

    Raises:
        CxrError: CXR_SETS_DIR is not set, or holds a mask of another size or without lungs.
    """
    table = manifest.load(profile).reset_index(names="row")
    table["copy"] = (table.duplicate_group.ge(0) & table.duplicate_group.duplicated()).astype(int)
    images = list(masked_images.guangzhou(table, packing.load(profile, 224)))
    table = table.set_index("image_id").loc[[image.image_id for image in images]].reset_index()
    inputs = {"none": {name: table[columns].to_numpy(float) for name, columns in SIZES.items()}}
    for name in NETWORKS:
        inputs[name] = features(name, images, table[["width", "height"]].to_numpy(float), profile)
    parts = []
    for protocol in ("official", *FOLDS):
        rows = table.merge(splits.load(profile, protocol)[["image_id", "split"]], on="image_id")
        for model, by_region in inputs.items():
            found = {region: shortcut_baselines.regression(x, rows) for region, x in by_region.items()}
            part = rows[["image_id", "patient_id", "split", "y_true", "width", "copy"]].assign(
                model=model, protocol=protocol, **found
            )
            parts.append(part[part.split != "train"])
    return pd.concat(parts, ignore_index=True)


def features(name: str, images: Sequence[Masked], sizes: np.ndarray, profile: str) -> dict[str, np.ndarray]:
    """Return a frozen network's mean feature maps, float32 (N, D), of every region that `NETWORKS` gives it.

    `sizes` (N, 2) are width and height of the published images; where one is unknown, the region "box, aspect kept" is left out.
    """
    side, shown = NETWORKS[name]

    def cut() -> Iterator[tuple[str, np.ndarray]]:
        """Yield each region with what it shows of all images, so that one at a time is held."""
        for region in shown:
            aspect = region == "box, aspect kept"
            if aspect and not np.isfinite(sizes).all():
                continue
            more = [(size,) if aspect else () for size in sizes]
            parts = [REGIONS[region](image, *each) for image, each in zip(images, more, strict=True)]
            yield region, np.stack([resize(part, side) for part in parts])

    return mean_maps(name, cut(), len(images) * len(shown), profile)


def mean_maps(name: str, parts: Iterable[tuple[str, np.ndarray]], images: int, profile: str) -> dict[str, np.ndarray]:
    """Return a frozen network's mean feature maps, float32 (N, D), of named arrays of images uint8 (N, side, side).

    `images` says how many there are in all, by which the inference backend is chosen.
    """
    config = Config(name, start="imagenet", size=NETWORKS[name][0], trainable="head")
    model, _ = catalogue.build(config)
    maps = next(layer for layer in model.layers if layer.name == "features").input
    backbone = keras.Model(model.input, keras.layers.GlobalAveragePooling2D()(maps), name=name)
    run, found = backends.forward(backbone, images), {}
    for part, pixels in parts:
        key = hashlib.sha256(pixels).hexdigest()
        found[part] = cached_features.stored(config, profile, backbone, pixels, np.arange(len(pixels)), key, 0, run)[0]
    return found


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return AUC and specificity of every model, region and part of the data, with 95 % intervals over patients.

    A figure's name is "model, region, data" with "; " between these; behind a fourth: "specificity" (at Youden's threshold of the
    validation images), "minus whole" (paired), "like widths" (of all pairs of one image of either class, those
    whose widths differ by less than 5 %). "images", "copies", "pairs" and their "share" of all pairs are of the region "all".
    """
    found = {}
    for model, own in repeats.groupby("model", sort=False):
        for data, (protocols, split) in DATA.items():
            part = own[own.protocol.isin(protocols) & (own.split == split)].reset_index(drop=True)
            weights = bootstrap.usable_weights(tuple(part.patient_id), tuple(part.y_true), 2000, 0)
            weights = np.vstack([np.ones(len(part)), weights])
            samples = {
                region: weighted_areas(part, region, weights)
                for region in (*SIZES, *REGIONS)
                if region in part and part[region].notna().all()
            }
            found |= {f"{model}; all; {data}; images": [len(part)], f"{model}; all; {data}; copies": [part["copy"].sum()]}
            for region, areas in samples.items():
                name = f"{model}; {region}; {data}"
                found |= {name: areas, f"{name}; specificity": _specificity(own, part, region, weights)}
                if region != "whole" and "whole" in samples:
                    found[f"{name}; minus whole"] = areas - samples["whole"]
                if data == "official test":
                    columns = (part[key].to_numpy() for key in ("y_true", region, "width"))
                    found[f"{name}; like widths"], pairs = like_widths.ranked(*columns, weights)
                    found |= {f"{model}; all; {data}; pairs": [pairs.sum()], f"{model}; all; {data}; share": [pairs.mean()]}
    rows = [(name, values[0], *interval(values[1:])) for name, values in found.items()]
    return pd.DataFrame(rows, columns=["figure", "value", "ci_low", "ci_high"])


def interval(samples: np.ndarray) -> np.ndarray:
    """Return the 2.5 % and 97.5 % percentiles of the resamples that have a value, NaN where there are none."""
    return np.nanpercentile(samples, bootstrap.PERCENTILES) if len(samples) > 1 else np.full(2, np.nan)


def weighted_areas(part: pd.DataFrame, region: str, weights: np.ndarray) -> np.ndarray:
    """Return the AUC of each row of weights (B, N)."""
    return bootstrap.roc_auc(*bootstrap.cumulative_counts(part.y_true.to_numpy(), part[region].to_numpy(), weights))


def _specificity(own: pd.DataFrame, part: pd.DataFrame, region: str, weights: np.ndarray) -> np.ndarray:
    """Return the specificity of each row of weights, each protocol at Youden's threshold of its validation images."""
    val = own[own.split == "val"].assign(y_score=own[region]).groupby("protocol")
    limits = part.protocol.map({protocol: metrics.operating_point(scores) for protocol, scores in val})
    normal = part.y_true.to_numpy() == 0
    return weights[:, normal] @ (part[region] < limits).to_numpy(float)[normal] / weights[:, normal].sum(axis=1)
