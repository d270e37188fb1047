"""How long the papers' training takes as commonly written, and here: images packed and frozen layers run once.

As commonly written: Keras' directory loader decodes and resizes every JPEG in every epoch, augmentation layers stand before the
network, and the frozen layers run anew on every image. A quarter of an epoch's batches is timed and multiplied.
Here: a packed array is made from the same JPEGs, the frozen layers see each view of an image once, and the head is trained on
what they gave. All of it is timed from an empty build folder on, but for the manifest, which is no part of training.
"""

import dataclasses
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import keras
import numpy as np
from sklearn.metrics import roc_auc_score

from cxr_helpers import experiments, paths, records
from cxr_helpers.config import Config
from cxr_helpers.data import batches, dataset, manifest, splits
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks.harness import Comparison, seconds
from cxr_helpers.extras.networks import programs
from cxr_helpers.models import catalogue
from cxr_helpers.training import augmentation, cached_features, fitting, network

ROUNDS = {"full": 3, "smoke": 1}
PART = 4  # of an epoch as commonly written, one batch in so many is run
# Comparison -> (experiment, its changes, the experiment that trained as commonly written: where nothing is augmented, the same).
EXPERIMENTS = {
    "train_vgg16_thesis": ("vgg16_thesis", {}, "vgg16_thesis"),
    "train_mobilenet_rahman": ("mobilenet_rahman", {"views": 1}, "mobilenet_rahman_streamed_20"),
    "fine_tune": ("mobilenetv2_kilaru", {}, "mobilenetv2_kilaru_streamed"),
}


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison of one of `EXPERIMENTS`.

    Every whole training of ours has another seed, so that the AUCs show their spread.
    """
    experiment, changes, online = EXPERIMENTS[name]
    config = experiments.get(experiment, profile).configs[0]
    if name == "fine_tune":
        works = _fine_tuning(config, profile)
        baseline = f"plain fit of the layers from {config.trainable} on, {config.epochs} epochs of packed, augmented images"
        ours = f"outputs below {config.trainable} stored for {config.views} views, {config.epochs} epochs of the layers above"
        aucs = recorded_aucs("ours", experiment, profile)
    else:
        smaller = {"trainable": "head", "views": config.views and 1}
        config, aucs = dataclasses.replace(config, **(changes if profile == "full" else smaller)), {}
        epoch = common_epoch(config, profile)
        works = {"baseline": lambda _: epoch() * config.epochs, "ours": lambda place: _all_of_it(config, profile, place)}
        baseline = f"directory loader, decoding, augmentation, frozen layers in each of {config.epochs} epochs (a quarter timed)"
        ours = "packing, frozen layers once for each view, head on what they gave"
    about = {"extrapolated": True, "what_baseline": baseline, "what_ours": ours, "config": config.departures()}
    return Comparison(works, ROUNDS[profile], about | recorded_aucs("baseline", online, profile) | aucs)


def _fine_tuning(config: Config, profile: str) -> dict[str, Callable]:
    """Return partly unfrozen training by plain `fit`, and with the outputs of the layers below stored by view.

    Both see the same packed images and the same augmentation. An epoch and a view are timed and multiplied; the one pass of
    all images through the whole network that scores them at the end is left out of both.
    """
    plain = dataclasses.replace(config, views=0)
    task, _ = network.prepare(plain, profile)
    return {"baseline": _plain(task, plain), "ours": _stored(task, config)}


def common_epoch(config: Config, profile: str) -> Callable[[], float]:
    """Return what gives the seconds of one epoch, with validation at its end, of the program as commonly written.

    One in `PART` of its batches is run. It reads the images of the protocol from folders by split and class.
    """
    folder = tempfile.TemporaryDirectory()
    _link(Path(folder.name), profile, config.protocol)
    program = programs.build(config)
    size, *channels = program.input_shape[2:]
    train, val = (
        keras.utils.image_dataset_from_directory(
            Path(folder.name) / split,
            label_mode="categorical" if program.output_shape[-1] == 2 else "binary",
            color_mode="rgb" if channels == [3] else "grayscale",
            image_size=(size, size),
            batch_size=config.batch_size,
            seed=0,
            verbose=False,
        )
        for split in ("train", "val")
    )
    program.fit(train.take(2), verbose=0)  # compiles
    parts = [part.take(max(1, len(part) // PART)) for part in (train, val)]

    def epoch(_kept: tempfile.TemporaryDirectory = folder) -> float:
        return seconds(lambda: program.fit(parts[0], validation_data=parts[1], verbose=0)) * len(train) / len(parts[0])

    return epoch


def _all_of_it(config: Config, profile: str, seed: int) -> tuple[float, dict[str, float]]:
    """Train in a build folder that holds the manifest alone: its seconds, its validation AUC, the seconds of its epochs."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / profile).mkdir()
        for file in filter(Path.is_file, paths.build(profile).iterdir()):
            shutil.copy(file, Path(folder) / profile)
        started = time.perf_counter()
        with mock.patch.dict("os.environ", CXR_BUILD_DIR=folder):
            auc, fitting_seconds = _train(dataclasses.replace(config, seed=seed), profile)
        spent = time.perf_counter() - started
    return spent, {"validation_auc": round(auc, 4), "fitting_seconds": round(fitting_seconds, 1)}


def recorded_aucs(way: str, experiment: str, profile: str) -> dict:
    """Return what a result says of the validation AUC of an experiment's recorded runs, None where it has none."""
    try:
        parts = [run.split("val") for run in records.of(experiment, profile)]
    except CxrError:
        parts = []
    aucs = [round(float(roc_auc_score(part.y_true, part.y_score)), 4) for part in parts] or None
    return {f"{way}_validation_auc": aucs, f"{way}_validation_auc_of": f"{experiment}, whole runs"}


def _train(config: Config, profile: str) -> tuple[float, float]:
    """Train a configuration and return its AUC on validation images and the seconds of its epochs; no record is written."""
    keras.utils.set_random_seed(config.seed)
    task, _ = network.prepare(config, profile)
    _, scores, spent, _ = fitting.fit(task)
    val = scores[scores.split == "val"]
    return float(roc_auc_score(val.y_true, val.y_score)), spent


def _link(folder: Path, profile: str, protocol: str) -> None:
    """Fill `folder` with links to the images of a protocol: split / class / image."""
    images = manifest.load(profile).merge(splits.load(profile, protocol)[["image_id", "split"]], on="image_id")
    root = dataset.discover(profile).root
    for image in images.itertuples():
        place = folder / image.split / image.label / Path(image.path).name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(root / image.path)


def _plain(task: fitting.Task, config: Config) -> Callable[[int], float]:
    """Return what gives the seconds of all epochs, every layer running on every image."""
    trainer, train = fitting.streaming(task)
    fitting.compile_model(trainer, config, config.epochs * len(train))
    trainer.fit(train, steps_per_epoch=1, verbose=0)  # compiles
    val = batches.Batches(task.pixels, *task.part("val"), config.batch_size)
    return lambda _: config.epochs * seconds(lambda: trainer.fit(train, validation_data=val, shuffle=False, verbose=0))


def _stored(task: fitting.Task, config: Config) -> Callable[[int], float]:
    """Return what gives the seconds of storing all views and of all epochs of the layers above."""
    below, above = catalogue.split(catalogue.build(config)[0])
    policy = augmentation.build(config.augmentation, config.seed)
    (rows, labels), (val_rows, val_labels) = task.part("train"), task.part("val")
    folder = tempfile.TemporaryDirectory()
    view = np.lib.format.open_memmap(Path(folder.name) / "view.npy", "w+", "float32", (1, len(rows), *below.output_shape[1:]))
    val = cached_features.extract(below, task.pixels, val_rows), val_labels
    views = batches.StoredBatches(view, labels, config.batch_size, config.seed)
    fitting.compile_model(above, config, config.epochs * len(views))
    above.fit(views, steps_per_epoch=1, verbose=0)  # compiles

    def spent(_place: int, _kept: tempfile.TemporaryDirectory = folder) -> float:
        extraction = seconds(lambda: np.copyto(view[0], cached_features.extract(below, task.pixels, rows, policy)))
        epoch = seconds(lambda: above.fit(views, validation_data=val, shuffle=False, verbose=0))
        return config.views * extraction + config.epochs * epoch

    return spent
