"""How long the papers' training takes as commonly written, and here: images packed and frozen layers run once.

As commonly written: Keras' directory loader decodes and resizes every JPEG in every epoch, augmentation layers stand before the
network, and the frozen layers run anew on every image. One whole epoch is timed and multiplied by the number of epochs.
Here: a packed array is made from the same JPEGs, the frozen layers see each view of an image once, and the head is trained on
what they gave. All of it is timed from an empty build folder on, but for the manifest, which is no part of training.
"""

import dataclasses
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import keras
from sklearn.metrics import roc_auc_score

from cxr_helpers import experiments, paths, records
from cxr_helpers.config import Config
from cxr_helpers.data import manifest, splits
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks.harness import Comparison, seconds
from cxr_helpers.extras.networks import programs
from cxr_helpers.training import fitting, network

ROUNDS = {"full": 3, "smoke": 1}
# Comparison -> (experiment, its changes, the experiment that trained as commonly written on an accelerator).
EXPERIMENTS = {
    "train_vgg16_thesis": ("vgg16_frozen_stored", {"precision": "float32"}, "vgg16_frozen_streamed"),
    "train_mobilenet_rahman": ("mobilenet_rahman", {"views": 1}, "mobilenet_rahman_streamed_20"),
    "second_experiment": ("mobilenet_rahman", {"views": 1}, "mobilenet_rahman_streamed_20"),
}


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison of one of `EXPERIMENTS`.

    Every training of ours has another seed, so that the AUCs show their spread.
    """
    experiment, changes, online = EXPERIMENTS[name]
    config = experiments.get(experiment, profile).configs[0]
    config = dataclasses.replace(config, **(changes if profile == "full" else {"trainable": "head", "views": config.views and 1}))
    epoch = common_epoch(config, profile)
    ours, what = _from_an_empty_folder(config, profile), "packing, frozen layers once for each view, head on what they gave"
    if name == "second_experiment":
        ours, what = _on_stored_features(config, profile), "another seed of the head on features that are stored"
    about = {
        "extrapolated": True,
        "what_baseline": f"directory loader, JPEG decoding, augmentation, frozen layers in each of {config.epochs} epochs",
        "what_ours": what,
        "config": config.departures(),
    } | recorded_aucs("baseline", online, profile)
    return Comparison({"baseline": lambda _: epoch() * config.epochs, "ours": ours}, ROUNDS[profile], about)


def common_epoch(config: Config, profile: str) -> Callable[[], float]:
    """Return what gives the seconds of one epoch, with validation at its end, of the program as commonly written.

    It reads the images of the protocol from folders by split and class.
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

    def epoch(_kept: tempfile.TemporaryDirectory = folder) -> float:
        return seconds(lambda: program.fit(train, validation_data=val, epochs=1, verbose=0))

    return epoch


def _from_an_empty_folder(config: Config, profile: str) -> Callable[[int], tuple[float, dict[str, float]]]:
    """Return what trains in a build folder that holds the manifest alone."""

    def work(place: int) -> tuple[float, dict[str, float]]:
        with tempfile.TemporaryDirectory() as folder:
            return _timed(config, profile, _with_the_manifest(folder, profile), place)

    return work


def _on_stored_features(config: Config, profile: str) -> Callable[[int], tuple[float, dict[str, float]]]:
    """Return what trains in a build folder in which another seed has left its features."""
    folder = tempfile.TemporaryDirectory()
    _timed(config, profile, _with_the_manifest(folder.name, profile), 0)
    return lambda place: _timed(config, profile, folder.name, place + 1)


def _timed(config: Config, profile: str, folder: str, seed: int) -> tuple[float, dict[str, float]]:
    """Return the seconds of one training in a build folder, its validation AUC and the seconds of its epochs."""
    found: list[tuple[float, float]] = []
    with mock.patch.dict("os.environ", CXR_BUILD_DIR=folder):
        spent = seconds(lambda: found.append(_train(dataclasses.replace(config, seed=seed), profile)))
    auc, fitting_seconds = found[0]
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
    fitted = fitting.fit(task)
    val = (task.table.split == "val").to_numpy()
    return float(roc_auc_score(task.table.y_true[val], fitted.y_score[val])), fitted.seconds


def _with_the_manifest(folder: str, profile: str) -> str:
    """Copy the manifest, and nothing else, from the build folder to `folder`, and return that."""
    (Path(folder) / profile).mkdir()
    for file in filter(Path.is_file, paths.build(profile).iterdir()):
        shutil.copy(file, Path(folder) / profile)
    return folder


def _link(folder: Path, profile: str, protocol: str) -> None:
    """Fill `folder` with links to the images of a protocol: split / class / image."""
    images = manifest.load(profile).merge(splits.load(profile, protocol)[["image_id", "split"]], on="image_id")
    root = manifest.source(profile).root
    for image in images.itertuples():
        place = folder / image.split / image.label / Path(image.path).name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(root / image.path)
