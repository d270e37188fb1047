"""How long the papers' training takes as commonly written, and here: images packed and frozen layers run once.

As commonly written: Keras' directory loader decodes and resizes every JPEG in every epoch, augmentation layers stand before the
network, and the frozen layers run anew on every image. One whole epoch is timed and multiplied by the number of epochs.
Here: a packed array is made from the same JPEGs, the frozen layers see each view of an image once, and the head is trained on what
they gave. All of it is timed from an empty build folder on, but for the manifest, which is no part of training.
"""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cxr_helpers import experiments, paths, records
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import measurements
from cxr_helpers.extras.benchmarks.comparisons import Comparison

ROUNDS = 3
# Comparison -> (system, its changes, the system that trained as commonly written on an accelerator).
SYSTEMS = {
    "train_vgg16_thesis": ("vgg16_frozen_stored", {"precision": "float32"}, "vgg16_frozen_streamed"),
    "train_mobilenet_rahman": ("mobilenet_rahman", {"views": 1}, "mobilenet_rahman_streamed_20"),
    "train_mobilenet_rahman_3_views": ("mobilenet_rahman", {"views": 3}, "mobilenet_rahman_streamed_20"),
}
SECOND = {"train_mobilenet_rahman": "second_experiment"}  # comparison that is timed in the same rounds


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison of one of `SYSTEMS`, with what is timed beside it.

    Every training of ours has another seed, so that the AUCs show their spread.
    """
    system, changes, streamed = SYSTEMS[name]
    config = experiments.get(system, profile).configs[0]
    config = dataclasses.replace(config, **(changes if profile == "full" else {"trainable": "head", "views": config.views and 1}))
    common, ours = CommonWay(config, profile), Ours(config, profile)
    about = {
        "extrapolated": True,
        "what_baseline": f"directory loader, JPEG decoding, augmentation, frozen layers in each of {config.epochs} epochs",
        "config": config.departures(),
        "baseline_validation_auc": recorded_aucs(streamed, profile),
        "baseline_validation_auc_of": f"{streamed}, whole runs of all epochs",
    }
    first = about | {"what_ours": "packing, frozen layers once for each view, head on what they gave"}
    second = about | {"what_ours": "another seed of the head on features that are stored"}
    works = {"baseline": lambda: common.epoch() * config.epochs, "ours": lambda: ours.train(2 * comparison.place)}
    if name in SECOND:  # elsewhere the seconds of fitting the head, which are noted, tell what another head would cost
        works["second"] = lambda: ours.train_another(2 * comparison.place + 1)
    rounds, also = ROUNDS if profile == "full" else 1, {SECOND[name]: ("second", second)} if name in SECOND else None
    comparison = Comparison(works, rounds, also=also, **first)
    return comparison


class CommonWay:
    """The program as commonly written: the images of a protocol in folders by split and class, and a network that reads them."""

    def __init__(self, config: Config, profile: str) -> None:
        import keras

        from cxr_helpers.extras.benchmarks import programs

        self._folder = tempfile.TemporaryDirectory()
        _link(Path(self._folder.name), profile, config.protocol)
        self._program = programs.build(config)
        size, *channels = self._program.input_shape[2:]
        self._splits = {}
        for split in ("train", "val"):
            self._splits[split] = keras.utils.image_dataset_from_directory(
                Path(self._folder.name) / split,
                label_mode="categorical" if self._program.output_shape[-1] == 2 else "binary",
                color_mode="rgb" if channels == [3] else "grayscale",
                image_size=(size, size),
                batch_size=config.batch_size,
                seed=0,
                verbose=False,
            )
        self._program.fit(self._splits["train"].take(2), verbose=0)  # compiles

    def epoch(self) -> float:
        """Return the seconds of one epoch over the training images, with validation at its end."""
        train, val = self._splits["train"], self._splits["val"]
        return measurements.seconds(lambda: self._program.fit(train, validation_data=val, epochs=1, verbose=0))


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
        with _build_folder(self._folder):
            seconds = measurements.seconds(lambda: found.append(_train(config, self._profile)))
        auc, fitting = found[0]
        return seconds, {"validation_auc": round(auc, 4), "fitting_seconds": round(fitting, 1)}


def _train(config: Config, profile: str) -> tuple[float, float]:
    """Train a configuration and return its AUC on validation images and the seconds of its epochs; no record is written."""
    import keras
    from sklearn.metrics import roc_auc_score

    from cxr_helpers.training import fitting, network

    keras.utils.set_random_seed(config.seed)
    task, _ = network.prepare(config, profile)
    fitted = fitting.fit(task)
    val = (task.table.split == "val").to_numpy()
    return float(roc_auc_score(task.table.y_true[val], fitted.y_score[val])), fitted.seconds


@contextlib.contextmanager
def _build_folder(folder: str) -> Iterator[None]:
    """Let the build folder be another one."""
    before = os.environ.get("CXR_BUILD_DIR")
    os.environ["CXR_BUILD_DIR"] = folder
    try:
        yield
    finally:
        del os.environ["CXR_BUILD_DIR"]
        if before is not None:
            os.environ["CXR_BUILD_DIR"] = before


def _all_but_the_manifest(folder: str, names: list[str]) -> list[str]:
    """Return what `shutil.copytree` leaves out: every folder within the build folder."""
    return [name for name in names if (Path(folder) / name).is_dir()]


def _link(folder: Path, profile: str, protocol: str) -> None:
    """Fill `folder` with links to the images of a protocol: split / class / image."""
    from cxr_helpers.data import manifest, splits

    images = manifest.load(profile).merge(splits.load(profile, protocol)[["image_id", "split"]], on="image_id")
    root = manifest.source(profile).root
    for image in images.itertuples():
        place = folder / image.split / image.label / Path(image.path).name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(root / image.path)


def recorded_aucs(system: str, profile: str) -> list[float] | None:
    """Return the validation AUC of each recorded run of a system, None where it has none."""
    from sklearn.metrics import roc_auc_score

    try:
        runs = records.of(system, profile)
    except CxrError:
        return None
    parts = [run.split("val") for run in runs]
    return [round(float(roc_auc_score(part.y_true, part.y_score)), 4) for part in parts]
