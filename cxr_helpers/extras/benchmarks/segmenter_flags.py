"""Does the segmenter know when it fails? Its masks of held-out images, and of corrupted validation images for the rule.

The rule's threshold is the one that flags 95 % of the poor masks of validation images; held-out images choose nothing.
"""

import os
import time

import numpy as np
import pandas as pd

from cxr_helpers import records
from cxr_helpers.data import corruptions, preprocessing
from cxr_helpers.evaluation import bootstrap
from cxr_helpers.extras.benchmarks import fresh_process
from cxr_helpers.extras.inference import lungs
from cxr_helpers.extras.makers import segmentation
from cxr_helpers.extras.other_sets.masked_images import UNKNOWN, Masked
from cxr_helpers.extras.statistics import cardiothoracic
from cxr_helpers.training import network

POOR = 0.8  # a Dice coefficient below this should be flagged
GOAL = 0.95  # of the poor masks
KINDS = {"noise": 40, "blur": 4, "contrast": 0.8, "rotation": 30, "crop": 0.3, "borders": 0.2}  # of corruption, at strong levels
TIMED = "processor time"
_TIMES = 50


def measure(profile: str) -> pd.DataFrame:
    """Return one row per image: split (val, test), corruption, image_id, patient_id, group, dice (of the lungs), shape (why
    their shape is not plausible, "" where it is) and doubt; and rows of `TIMED`, whose `dice` holds milliseconds.

    Raises:
        CxrError: the masks (CXR_SETS_DIR) or the segmenter are not there.
    """
    run = records.of("lung_segmenter", profile)[0]
    model = lungs.of_run(run, profile)
    smoke = profile == "smoke"
    table = network.labelled_images(profile, "official")
    parts = segmentation.smoke_images(run.config.size) if smoke else segmentation.real_images(profile, table)
    rows = []
    for split, kind in (("test", ""), ("val", ""), *(("val", kind) for kind in KINDS)):
        images = [corrupted(image, kind) if kind else image for image in parts[split]]
        rows += [{"split": split, "corruption": kind} | row for row in _judged(model, images)]
    times = pd.DataFrame({"split": TIMED, "dice": fresh_process.alone(_milliseconds, profile, parts["test"][0].pixels)})
    return pd.concat([pd.DataFrame(rows), times], ignore_index=True)


def corrupted(image: Masked, kind: str) -> Masked:
    """Return an image in 224×224 pixels, corrupted at a strong level; its masks of 0 and 1 move with it."""
    pixels = preprocessing.resize(image.pixels)
    lungs_drawn = preprocessing.resize((image.masks[..., 0] == 1).astype(np.uint8) * 255)
    if kind in ("rotation", "crop"):
        lungs_drawn = corruptions.corrupted(lungs_drawn, kind, image.image_id, KINDS[kind])
    pixels = corruptions.corrupted(pixels, kind, image.image_id, KINDS[kind])
    masks = np.stack([lungs_drawn >= 128, np.full(lungs_drawn.shape, UNKNOWN)], axis=-1).astype(np.int8)
    return Masked(image.image_id, image.patient_id, image.group, pixels, masks)


def _judged(model, images: list[Masked]) -> list[dict]:
    rows = []
    for image, maps in zip(images, segmentation.maps(model, [image.pixels for image in images]), strict=True):
        truth, mask = image.masks[..., 0], segmentation.mask(maps[..., 0], image.pixels.shape)
        row = {"image_id": image.image_id, "patient_id": image.patient_id, "group": image.group}
        row |= {"dice": segmentation.dice(mask & (truth != UNKNOWN), truth == 1), "shape": cardiothoracic.implausible(mask)}
        rows.append(row | {"doubt": cardiothoracic.doubt(maps[..., 0])})
    return rows


def _milliseconds(profile: str, pixels: np.ndarray) -> list[float]:
    """Return the milliseconds of one processor core that an image takes, resizing and rule included, `_TIMES` times."""
    if hasattr(os, "sched_setaffinity"):  # only Linux can keep a process on one core
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    model, times = lungs.of_run(records.of("lung_segmenter", profile)[0], profile), []
    for _ in range(_TIMES + 1):
        started = time.process_time()
        (maps,) = segmentation.maps(model, [pixels])
        cardiothoracic.implausible(segmentation.mask(maps[..., 0], pixels.shape), maps[..., 0])
        times.append(1000 * (time.process_time() - started))
    return times[1:]  # the first call compiles


def figures(repeats: pd.DataFrame) -> pd.DataFrame:
    """Return threshold, shares of poor masks that are flagged and of good ones that are (95 % intervals over patients), time."""
    images = repeats[repeats.split != TIMED]
    times = repeats.dice[repeats.split == TIMED]
    val, test = (images[images.split == split] for split in ("val", "test"))
    found = {"threshold of doubt": pd.Series({"value": threshold(val)})}
    found |= _shares("validation, clean and corrupted", val) | _shares("held-out images", test)
    for group, part in test.groupby("group", sort=False):
        found |= _shares(group, part)
    found["ms an image"] = pd.Series({"value": times.median(), "ci_low": times.quantile(0.025), "ci_high": times.quantile(0.975)})
    return pd.DataFrame(found).T.rename_axis("figure").reset_index()


def flagged(images: pd.DataFrame) -> pd.Series:
    """Tell of each image of `measure`, whether its mask is flagged by the rule in use."""
    return images["shape"].fillna("").ne("") | (images.doubt > cardiothoracic.MOST_DOUBT)


def threshold(val: pd.DataFrame) -> float:
    """Return the doubt above which 95 % of the poor masks of validation images are flagged, by shape or by doubt."""
    poor = val[val.dice < POOR]
    doubts = np.sort(np.where(poor["shape"].fillna("") == "", poor.doubt, np.inf))
    return float(doubts[int((1 - GOAL) * len(doubts))]) if len(doubts) else np.nan


def _shares(name: str, part: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the share of poor masks and of good masks that are flagged, and the number of either."""
    found = {}
    for kind, images in (("poor", part[part.dice < POOR]), ("good", part[part.dice >= POOR])):
        found[f"{name}: {kind} masks"] = pd.Series({"value": len(images)})
        if len(images):
            share = bootstrap.mean_interval(flagged(images).to_numpy(float), images.patient_id.to_numpy(str))
            found[f"{name}: {kind} masks flagged"] = share
    return found
