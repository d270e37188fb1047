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
from cxr_helpers.data import adult_images, corruptions, packing
from cxr_helpers.data.preprocessing import VARIANTS, resize
from cxr_helpers.extras.tables import explanation_tables as names
from cxr_helpers.extras.tables.explanation_tables import ADULT, DRAWN, MARKED, NOISE, SHIFT, SMALL, TEST
from cxr_helpers.records import Record
from cxr_helpers.tables import results

SLOW = {"integrated_gradients", "smoothgrad", "occlusion", "shap_gradient", "shap_partition", "lime"}  # many passes an image
NOISE_LEVEL = 2.55  # grey values: 1 % of the scale

PARTS = {  # part of the plan -> what a reader calls it
    "drawn": "synthetic images, small networks",
    "marked": "synthetic images with marker, small networks",
    "small": "test images, small networks",
    "test": "test images, the system that is looked at closely",
    "repeated": "the same, other seeds, changed images and random weights",
    "adult": "adult images with lung masks, the same system",
    "others": "test images and adult images, other systems",
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is measured.

    `methods`: their names, None for all. `images`: one of `PARTS` → number for quick methods, number for slow ones.
    `systems`: rows of experiments.toml, the first is looked at closely. `seeds` of small networks; `parts` of the weight
    cascade.
    """

    methods: tuple[str, ...] | None
    images: dict[str, tuple[int, int]]
    systems: tuple[str, ...]
    seeds: int
    parts: int


PLANS = {
    "full": Plan(
        None,
        {
            **{"drawn": (64, 24), "marked": (64, 12), "small": (64, 12)},
            **{"test": (48, 8), "repeated": (32, 0), "adult": (64, 8), "others": (12, 0)},
        },
        ("mobilenetv2_final", "recipe_mobilenet", "mobilenetv2_finetuned", "resnet50_thesis", "vgg16_thesis"),
        seeds=3,
        parts=5,
    ),
    "smoke": Plan(
        ("gradcam", "gradient_input"),
        {part: (4, 0) for part in PARTS} | {"repeated": (0, 0), "others": (0, 0)},
        ("mobilenetv2_final",),
        seeds=1,
        parts=2,
    ),
}


@dataclasses.dataclass(frozen=True)
class Subject:
    """Images and a model whose maps are measured.

    `data`, `model`, `seed` name it; `state` says what was done to images or weights ("": nothing). `images`: float32
    (n, H, W) in 0..255. `names`, `patients`: (n,) text. `target`: (n,) +1 or -1. `load()` returns the Keras model, and
    `identity` changes when it would return another. `masks`: what maps are held against, title → bool (n, H, W).
    `faithful`: whether images are taken apart in the maps' order. `part`: of the plan.
    """

    part: str
    data: str
    model: str
    seed: int
    images: np.ndarray
    names: np.ndarray
    patients: np.ndarray
    target: np.ndarray
    load: Callable
    identity: str
    state: str = ""
    masks: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    prior: np.ndarray | None = None
    faithful: bool = False

    def head(self, count: int) -> "Subject":
        """Return the subject with its first `count` images."""
        cut = {name: getattr(self, name)[:count] for name in ("images", "names", "patients", "target")}
        return dataclasses.replace(self, **cut, masks={title: mask[:count] for title, mask in self.masks.items()})


def planned(profile: str) -> pd.DataFrame:
    """Return the plan as a reader wants it: one row a part, images for quick and for slow methods."""
    rows = [(title, *PLANS[profile].images[part]) for part, title in PARTS.items()]
    return pd.DataFrame(rows, columns=["images and model", "quick methods", "slow methods"])


def every(profile: str) -> Iterator[Subject]:
    """Yield all subjects of a profile's plan; the adult images only where CXR_EXTERNAL_DIR names them."""
    plan = PLANS[profile]
    yield from _synthetic(plan, profile)
    yield from _small(plan, profile)
    for name in plan.systems:
        yield from _system(name, plan, profile)


def _synthetic(plan: Plan, profile: str) -> Iterator[Subject]:
    """Yield the small networks on drawn PNEUMONIA images, without the marker and, with and without its habit, with it."""
    from cxr_helpers.extras.makers import planted

    prior = planted.mean_lesion(profile)
    asked = [("drawn", DRAWN, "none", "clean"), ("marked", MARKED, "all", "clean"), ("marked", MARKED, "all", "marker")]
    for part, data, marked, kind in asked:
        radiographs = planted.drawn("test", 2 * plan.radiographs[part][0], marked)
        ill = radiographs.y_true == 1
        ids = np.array([f"drawn{place:04d}" for place in np.flatnonzero(ill)])
        images, target = radiographs.images[ill].astype("float32"), np.ones(len(ids), int)
        masks = {names.LESION: radiographs.lesions[ill]} | ({names.MARKER: radiographs.markers[ill]} if part == "marked" else {})
        for seed in range(plan.seeds):
            load, identity = _small_network(kind, seed, profile)
            known = Subject(part, data, f"{SMALL}, {kind}", seed, images, ids, ids, target, load, identity)
            yield dataclasses.replace(known, masks=masks, prior=prior)


def _small(plan: Plan, profile: str) -> Iterator[Subject]:
    """Yield the small networks on test images, with true and with dealt labels."""
    from cxr_helpers.extras.makers import planted

    table = chosen(records.of(plan.systems[0], profile)[0].split("test"), plan.images["small"][0])
    images = packing.images(profile, table.image_id, planted.SIDE).astype("float32")
    for kind, seeds in (("labels", plan.seeds), ("shuffled", 1)):
        for seed in range(seeds):
            model = f"{SMALL}, {kind}", seed, images, table
            subject = _of_table("small", *model, *_small_network(kind, seed, profile))
            studied = kind == "labels" and seed == 0
            yield dataclasses.replace(subject, faithful=studied)
            if studied:
                yield from _changed(subject, plan.parts)


def _system(name: str, plan: Plan, profile: str) -> Iterator[Subject]:
    """Yield a system on test images and adult images: of the first system all seeds, of the others the best on validation."""
    studied = name == plan.systems[0]
    runs = records.of(name, profile)
    if not studied:
        runs = [results.best_on_validation(runs)]
    for run in runs:
        own, load = run is runs[0], functools.partial(_model, run, profile)
        part = ("test" if own else "repeated") if studied else "others"
        if not plan.images[part][0]:
            continue
        table = chosen(run.split("test"), plan.images[part][0])
        images = packing.images(profile, table.image_id, run.config.size, run.config.variant).astype("float32")
        subject = _of_table(part, name, run.config.seed, images, table, load, run.run_id)
        yield dataclasses.replace(subject, faithful=own)
        if own and studied and plan.images["repeated"][0]:
            yield from _changed(dataclasses.replace(subject, part="repeated"), plan.parts)
        if own and adult_images.folder() is not None:
            part = "adult" if studied else "others"
            yield _adult(run, name, part, plan.images[part][0], load)


def _of_table(
    part: str, model: str, seed: int, images: np.ndarray, table: pd.DataFrame, load: Callable, identity: str
) -> Subject:
    ids, patients = table.image_id.to_numpy(str), table.patient_id.to_numpy(str)
    return Subject(part, TEST, model, seed, images, ids, patients, np.where(table.y_true, 1, -1), load, identity)


def _changed(subject: Subject, parts: int) -> Iterator[Subject]:
    """Yield the subject with its images shifted, with mild noise, and with more and more of its weights random."""
    noise = np.random.default_rng(0).normal(0, NOISE_LEVEL, subject.images.shape)
    yield dataclasses.replace(subject, state=SHIFT, images=shifted(subject.images, 1))
    yield dataclasses.replace(subject, state=NOISE, images=np.clip(subject.images + noise, 0, 255).astype("float32"))
    for part in range(1, parts + 1):
        load = functools.partial(_randomised, subject.load, part, parts)
        yield dataclasses.replace(subject, state=names.random_weights(part, parts), load=load)


def _adult(run: Record, model: str, part: str, count: int, load: Callable) -> Subject:
    """Return a run on the adult images that have a lung mask, resized as the model's own images were."""
    folder = adult_images.folder()
    table = adult_images.images(folder).query("lung_mask != ''")
    table = table.sample(min(count, len(table)), random_state=0)
    prepare, size = VARIANTS[run.config.variant], run.config.size
    images, masks = [], []
    for image, mask in zip(table.image, table.lung_mask, strict=True):
        radiograph = adult_images.image(folder, image)
        lungs = adult_images.lung_mask(folder, mask, radiograph.shape).astype("uint8")
        images.append(prepare(resize(corruptions.square(radiograph), size)))
        masks.append(cv2.resize(lungs, (size, size), interpolation=cv2.INTER_NEAREST).astype(bool))
    subject = _of_table(part, model, run.config.seed, np.stack(images).astype("float32"), table, load, run.run_id)
    return dataclasses.replace(subject, data=ADULT, masks={names.LUNGS: np.stack(masks)})


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


def _model(run: Record, profile: str):
    from cxr_helpers.training import saved

    return saved.of_run(run, profile)


def _randomised(load: Callable, part: int, parts: int):
    from cxr_helpers.extras.saliency.weight_randomisation import randomised

    return randomised(load(), part, parts)


def _small_network(kind: str, seed: int, profile: str) -> tuple[Callable, str]:
    """Return what loads a small network, and its identity."""
    from cxr_helpers.extras.makers import planted

    return functools.partial(planted.model, kind, seed, profile), f"{kind} {seed} {planted.TRAINING[profile]}"
