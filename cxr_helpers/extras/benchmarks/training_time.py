"""How long the papers' training takes as commonly written, and here: images packed and frozen layers run once.

As commonly written: Keras' directory loader decodes and resizes every JPEG in every epoch, augmentation layers stand before the
network, and the frozen layers run anew on every image. One whole epoch is timed and multiplied by the number of epochs.
Here: a packed array is made from the same JPEGs, the frozen layers see each view of an image once, and the head is trained on
what they gave. All of it is timed from an empty build folder on, but for the manifest, which is no part of training.
"""

import contextlib
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
    "train_mobilenet_rahman_3_views": ("mobilenet_rahman", {"views": 3}, "mobilenet_rahman_streamed_20"),
}
SECOND = {"train_mobilenet_rahman": "second_experiment"}  # comparison that is timed in the same rounds


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison of one of `EXPERIMENTS`, with what is timed beside it.

    Every training of ours has another seed, so that the AUCs show their spread.
    """
    experiment, changes, online = EXPERIMENTS[name]
    config = experiments.get(experiment, profile).configs[0]
    config = dataclasses.replace(config, **(changes if profile == "full" else {"trainable": "head", "views": config.views and 1}))
    epoch, ours = common_epoch(config, profile), Ours(config, profile)
    about = {
        "extrapolated": True,
        "what_baseline": f"directory loader, JPEG decoding, augmentation, frozen layers in each of {config.epochs} epochs",
        "config": config.departures(),
    } | recorded_aucs("baseline", online, profile)
    first = about | {"what_ours": "packing, frozen layers once for each view, head on what they gave"}
    second = about | {"what_ours": "another seed of the head on features that are stored"}
    works = {"baseline": lambda _: epoch() * config.epochs, "ours": lambda place: ours.train(2 * place)}
    if name not in SECOND:
        return Comparison(works, ROUNDS[profile], first)
    # Elsewhere the seconds of fitting the head, which are noted, tell what another head would cost.
    works["second"] = lambda place: ours.train_another(2 * place + 1)
    return Comparison(works, ROUNDS[profile], first, also={SECOND[name]: ("second", second)})


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


class Ours:
    """Trainings from an empty build folder, and further ones on the features that the last of them left."""

    def __init__(self, config: Config, profile: str) -> None:
        self._config, self._profile = config, profile
        self._build = contextlib.ExitStack()
        self._folder: str | None = None

    def train(self, seed: int) -> tuple[float, dict[str, float]]:
        """Return the seconds of one whole training, features and all, and its validation AUC."""
        self._build.close()
        self._folder = self._build.enter_context(tempfile.TemporaryDirectory())
        shutil.copytree(paths.build(self._profile), Path(self._folder) / self._profile, ignore=_all_but_the_manifest)
        return self._timed(seed)

    def train_another(self, seed: int) -> tuple[float, dict[str, float]]:
        """Return the seconds of training another seed of the head, and its validation AUC."""
        if self._folder is None:  # a stopped comparison went on here
            self.train(seed)
        return self._timed(seed)

    def _timed(self, seed: int) -> tuple[float, dict[str, float]]:
        config, found = dataclasses.replace(self._config, seed=seed), []
        with mock.patch.dict("os.environ", CXR_BUILD_DIR=self._folder):
            spent = seconds(lambda: found.append(_train(config, self._profile)))
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


def _all_but_the_manifest(folder: str, names: list[str]) -> list[str]:
    """Return what `shutil.copytree` leaves out: every folder within the build folder."""
    return [name for name in names if (Path(folder) / name).is_dir()]


def _link(folder: Path, profile: str, protocol: str) -> None:
    """Fill `folder` with links to the images of a protocol: split / class / image."""
    images = manifest.load(profile).merge(splits.load(profile, protocol)[["image_id", "split"]], on="image_id")
    root = manifest.source(profile).root
    for image in images.itertuples():
        place = folder / image.split / image.label / Path(image.path).name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(root / image.path)
