"""The segmenter of lungs and heart: a U-Net trained on synthetic images only, tried on synthetic and on real ones.

Beside `history` its record has the tables `dice` (image_id, patient_id, set, structure, dice, iou, and null_dice: that of
one fixed outline for all images), `measures` (image_id, patient_id, set, y_true, source = "predicted" or "truth", and the
figures of `cardiothoracic.measure`) and `outlines` (`OUTLINE`: corners of the predicted outlines of the images to be
shown, as shares of width and height).
"""

from collections.abc import Iterable
from itertools import chain

import cv2
import keras
import numpy as np
import pandas as pd

from cxr_helpers.config import Config
from cxr_helpers.data import packing, preprocessing
from cxr_helpers.extras.makers import segmentation_images as images
from cxr_helpers.extras.makers.domain_randomisation import randomise
from cxr_helpers.extras.networks import unet
from cxr_helpers.extras.other_sets import adult_images
from cxr_helpers.extras.other_sets.synthetic import Image
from cxr_helpers.extras.statistics import agreement, cardiothoracic
from cxr_helpers.records import Product
from cxr_helpers.training import fitting, network

COUNTS = {  # synthetic images by split
    "full": {"train": 1200, "val": 200, "test": 200},
    "smoke": {"train": 64, "val": 16, "test": 8},
}
OUTLINE = ["image_id", "set", "structure", "part", "x", "y"]


class Variants(keras.utils.PyDataset):
    """Yield (images float32 (n, size, size, 1) in 0..255, masks float32 (n, size, size, 2) in {0, 1}) in batches.

    Every epoch draws new variants of the synthetic images in a new order, the same for the same seed; `fixed` variants
    are those of the first epoch for ever.
    """

    def __init__(self, drawn: list[Image], size: int, batch_size: int, seed: int, fixed: bool = False) -> None:
        super().__init__()
        self.drawn, self.size, self.batch_size = drawn, size, batch_size
        self.seed, self.fixed, self.epoch = seed, fixed, 0

    def __len__(self) -> int:
        return -(-len(self.drawn) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.drawn))
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        states = (np.random.default_rng([self.seed, self.epoch, place]) for place in chosen)
        made = [randomise(self.drawn[place], self.size, state) for place, state in zip(chosen, states, strict=True)]
        pixels, masks = (np.stack(part).astype(np.float32) for part in zip(*made, strict=True))
        return pixels[..., None], masks

    def on_epoch_end(self) -> None:
        """Go on to the next epoch's variants."""
        self.epoch += not self.fixed


def make(config: Config, profile: str) -> Product:
    """Train the segmenter on synthetic images, save it, and try it on every set that is at hand."""
    counts = COUNTS[profile]
    model = unet.build(config.size, config.dropout)
    train, val = (list(images.drawn(split, counts[split])) for split in ("train", "val"))
    history, seconds = fit(model, config, train, val)
    table = network.labelled_images(profile, config.protocol)
    cases = list(_cases(table[table.split == "test"], profile))
    info = network.images_info(profile, table) | {
        "initialisation": "random start",
        "images": counts | pd.Series([case.set for case in cases]).value_counts().to_dict(),
        "parameters": model.count_params(),
        "trainable_parameters": sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        "training_time_s": round(seconds, 1),
        "model_bytes": network.save(model, profile, config.run_id),
    }
    return Product(info, {"history": history} | _tables(model, cases, images.typical(train)))


def fit(model: keras.Model, config: Config, train: list[Image], val: list[Image]) -> tuple[pd.DataFrame, float]:
    """Fit the model in place on variants of `train`; return its history and the seconds that fitting took.

    Adam's rate falls by a cosine over the whole training; the last weights are kept.
    """
    batches = Variants(train, config.size, config.batch_size, config.seed)
    held_out = Variants(val, config.size, config.batch_size, images.FIRST_SEED["val"], fixed=True)
    rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * len(batches))
    model.compile(keras.optimizers.Adam(rate), unet.overlap_loss)
    return fitting.timed_fit(model, config, batches, held_out)


def segment(model: keras.Model, pixels: list[np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Return the structures of images (H, W) uint8 of any size: a mask (H, W) bool, in the image's size, by name."""
    side = model.input_shape[1]
    small = np.stack([preprocessing.resize(image, side) for image in pixels]).astype(np.float32)[..., None]
    found = []
    for maps, image in zip(model.predict(small, batch_size=32, verbose=0), pixels, strict=True):
        masks = cv2.resize(maps, image.shape[::-1], interpolation=cv2.INTER_LINEAR) >= 0.5
        found.append({name: masks[..., channel] for channel, name in enumerate(unet.STRUCTURES)})
    return found


def _cases(test: pd.DataFrame, profile: str) -> Iterable[images.Case]:
    """Return the images that a segmenter is tried on; adults in the full profile, where CXR_EXTERNAL_DIR is set."""
    root = adult_images.folder() if profile == "full" else None
    return chain(
        images.synthetic_cases(COUNTS[profile]["test"]),
        images.adult_cases(root) if root else (),
        images.test_cases(test, packing.load(profile, images.TEST_SIDE)),
    )


def _tables(model: keras.Model, cases: list[images.Case], typical: dict[str, np.ndarray]) -> dict[str, pd.DataFrame]:
    """Return the tables `dice`, `measures` and `outlines` of the cases; `typical` is the outline of the shortcut baseline."""
    rows = {"dice": [], "measures": [], "outlines": []}
    for case, found in zip(cases, segment(model, [case.pixels for case in cases]), strict=True):
        named = {"image_id": case.image_id, "set": case.set}
        patient = named | {"patient_id": case.patient_id}
        truth = {name: mask for name in unet.STRUCTURES if (mask := getattr(case, name)) is not None}
        for name, mask in truth.items():
            fixed = cv2.resize(typical[name].astype(np.uint8), mask.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
            overlap = {"dice": agreement.dice(found[name], mask), "iou": agreement.iou(found[name], mask)}
            rows["dice"].append(patient | {"structure": name} | overlap | {"null_dice": agreement.dice(fixed, mask)})
        for source, masks in (("predicted", found), ("truth", truth)):
            if len(masks) == len(unet.STRUCTURES):
                figures = cardiothoracic.measure(**masks)
                rows["measures"].append(patient | {"y_true": case.y_true, "source": source} | figures)
        for name in unet.STRUCTURES if case.shown else ():
            for part, curve in enumerate(images.outlines(found[name])):
                rows["outlines"] += [named | {"structure": name, "part": part, "x": x, "y": y} for x, y in curve]
    outlines = pd.DataFrame(rows["outlines"], columns=OUTLINE)  # which are none where nothing was found
    return {name: pd.DataFrame(part) for name, part in rows.items()} | {"outlines": outlines}
