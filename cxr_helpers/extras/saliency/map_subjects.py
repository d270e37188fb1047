"""What explanation methods are measured on: images, the model that is explained, and what is asked of its maps.

The number of images by data set and kind of method was written down before any map was measured (`PLANS`). Images are drawn by
their label and a seed; no score is looked at, and what is explained is the image's own class, the same for every model.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pandas as pd

from cxr_helpers import records
from cxr_helpers.data import packing, preprocessing
from cxr_helpers.extras.makers import saved
from cxr_helpers.extras.other_sets import adult_images
from cxr_helpers.extras.saliency import map_measures as names
from cxr_helpers.extras.saliency import weight_randomisation
from cxr_helpers.records import Record
from cxr_helpers.tables import selection

SLOW = {"integrated_gradients", "smoothgrad", "occlusion", "shap_gradient", "shap_partition", "lime"}  # many passes an image
NOISE_LEVEL = 2.55  # grey values: 1 % of the scale

PARTS = {  # part of the plan -> what a reader calls it
    "test": "test images, the experiment that is looked at closely",
    "repeated": "the same, other seeds, changed images and random weights",
    "adult": "adult images with lung masks, the same experiment",
    "others": "test images and adult images, other experiments",
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is measured.

    `methods`: their names, None for all. `images`: one of `PARTS` → number for quick methods, number for slow ones.
    `experiments`: rows of experiments.toml, the first is looked at closely. `parts`: of the weight cascade.
    """

    methods: tuple[str, ...] | None
    images: dict[str, tuple[int, int]]
    experiments: tuple[str, ...]
    parts: int


_EXPERIMENTS = ("mobilenetv2_final", "recipe_mobilenet", "mobilenetv2_finetuned", "resnet50_thesis", "vgg16_thesis")
_FULL = {"test": (48, 8), "repeated": (32, 0), "adult": (64, 8), "others": (12, 0)}
_SMOKE = {"test": (4, 0), "repeated": (0, 0), "adult": (4, 0), "others": (0, 0)}
PLANS = {
    "full": Plan(None, _FULL, _EXPERIMENTS, parts=5),
    "smoke": Plan(("gradcam", "gradient_input"), _SMOKE, _EXPERIMENTS[:1], parts=1),
}


@dataclasses.dataclass(frozen=True)
class Subject:
    """Images and a model whose maps are measured.

    `part` of the plan; `data`, `model`, `seed` name it. `table`: image_id, patient_id and y_true of the n images. `images`:
    float32 (n, H, W) in 0..255. `load()` returns the Keras model, and `identity` changes when it would return another.
    `state`: what was done to images or weights ("": nothing). `masks`: what maps are held against, title → bool (n, H, W).
    `faithful`: whether images are taken apart in the maps' order.
    """

    part: str
    data: str
    model: str
    seed: int
    table: pd.DataFrame
    images: np.ndarray
    load: Callable
    identity: str
    state: str = ""
    masks: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    faithful: bool = False

    @property
    def target(self) -> np.ndarray:
        """Return what is explained, (n,) +1 or -1: the image's own class."""
        return np.where(self.table.y_true, 1, -1)

    def head(self, count: int) -> "Subject":
        """Return the subject with its first `count` images."""
        masks = {title: mask[:count] for title, mask in self.masks.items()}
        return dataclasses.replace(self, table=self.table.head(count), images=self.images[:count], masks=masks)


def planned(profile: str) -> pd.DataFrame:
    """Return the plan as a reader wants it: one row a part, images for quick and for slow methods."""
    rows = [(title, *PLANS[profile].images[part]) for part, title in PARTS.items()]
    return pd.DataFrame(rows, columns=["images and model", "quick methods", "slow methods"])


def every(profile: str) -> Iterator[Subject]:
    """Yield all subjects of a profile's plan; the adult images only where CXR_EXTERNAL_DIR names them."""
    plan = PLANS[profile]
    studied, *others = plan.experiments
    first, *seeds = records.of(studied, profile)
    yield from _own("test", "adult", first, studied, plan, profile)
    if plan.images["repeated"][0]:
        yield from _changed(_on_test_images("repeated", first, studied, plan, profile), plan.parts)
        for run in seeds:
            yield _on_test_images("repeated", run, studied, plan, profile)
    for name in others:
        yield from _own("others", "others", selection.best_on_validation(records.of(name, profile)), name, plan, profile)


def _own(test: str, adult: str, run: Record, model: str, plan: Plan, profile: str) -> Iterator[Subject]:
    """Yield a run on test images and on adult images, as the parts `test` and `adult` of the plan."""
    yield dataclasses.replace(_on_test_images(test, run, model, plan, profile), faithful=True)
    if adult_images.folder() is not None:
        yield _on_adult_images(adult, run, model, plan, profile)


def _on_test_images(part: str, run: Record, model: str, plan: Plan, profile: str) -> Subject:
    table = chosen(run.split("test"), plan.images[part][0])
    images = packing.images(profile, table.image_id, run.config.size, run.config.variant).astype("float32")
    load = functools.partial(saved.of_run, run, profile)
    return Subject(part, names.TEST, model, run.config.seed, table, images, load, run.run_id)


def _on_adult_images(part: str, run: Record, model: str, plan: Plan, profile: str) -> Subject:
    """Return a run on the adult images that have a lung mask, resized as the model's own images were."""
    folder = adult_images.folder()
    table = adult_images.images(folder).query("lung_mask != ''")
    table = table.sample(min(plan.images[part][0], len(table)), random_state=0)
    size = run.config.size
    images, masks = [], []
    for name, mask in zip(table.image, table.lung_mask, strict=True):
        image = adult_images.image(folder, name)
        lungs = adult_images.lung_mask(folder, mask, image.shape).astype("uint8")
        images.append(preprocessing.prepared([image], size, run.config.variant)[0])
        masks.append(cv2.resize(lungs, (size, size), interpolation=cv2.INTER_NEAREST).astype(bool))
    images, load = np.stack(images).astype("float32"), functools.partial(saved.of_run, run, profile)
    known = Subject(part, names.ADULT, model, run.config.seed, table, images, load, run.run_id)
    return dataclasses.replace(known, masks={names.LUNGS: np.stack(masks)})


def _changed(subject: Subject, parts: int) -> Iterator[Subject]:
    """Yield the subject with its images shifted, with mild noise, and with more and more of its weights random."""
    subject = dataclasses.replace(subject, load=functools.cache(subject.load))
    noise = np.random.default_rng(0).normal(0, NOISE_LEVEL, subject.images.shape)
    yield dataclasses.replace(subject, state=names.SHIFT, images=shifted(subject.images, 1))
    yield dataclasses.replace(subject, state=names.NOISE, images=np.clip(subject.images + noise, 0, 255).astype("float32"))
    for part in range(1, parts + 1):
        state = f"{part} of {parts} parts random"
        yield dataclasses.replace(
            subject, state=state, load=lambda part=part: weight_randomisation.randomised(subject.load(), part, parts)
        )


def chosen(table: pd.DataFrame, count: int) -> pd.DataFrame:
    """Return `count` rows, of either class as many, drawn with a seed; the classes take turns, so that any head is balanced."""
    groups = table.sort_values("image_id").groupby("y_true")
    parts = [part.sample(frac=1, random_state=0).head(count // 2) for _, part in groups]
    turns = pd.concat([part.assign(turn=range(len(part))) for part in parts])
    return turns.sort_values(["turn", "y_true"], ignore_index=True).drop(columns="turn")


def shifted(pictures: np.ndarray, by: int) -> np.ndarray:
    """Return pictures (N, H, W) moved by so many pixels down and right (up and left if negative); the rim is repeated."""
    height, width = pictures.shape[1:]
    rows, columns = (np.clip(np.arange(side) - by, 0, side - 1) for side in (height, width))
    return pictures[:, rows][:, :, columns]
