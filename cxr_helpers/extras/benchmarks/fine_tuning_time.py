"""How long partly unfrozen training takes by plain `fit`, and with the outputs of the layers below stored by view.

Both see the same packed images and the same augmentation. Plain: all layers run on newly augmented images in every epoch.
Stored: what stands before the first trained layer runs once for each view. An epoch and a view are timed and multiplied. Left
out of both is the one pass of all images through the whole network that scores them at the end.
"""

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cxr_helpers import experiments
from cxr_helpers.config import Config
from cxr_helpers.data import batches
from cxr_helpers.extras.benchmarks import training_time
from cxr_helpers.extras.benchmarks.harness import Comparison, seconds
from cxr_helpers.models import catalogue
from cxr_helpers.training import augmentation, cached_features, fitting, network

EXPERIMENT = "mobilenetv2_kilaru"  # trained from block 13 on three views
ONLINE = "mobilenetv2_kilaru_streamed"  # the same by plain fit, on an accelerator
ROUNDS = {"full": 3, "smoke": 1}


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison for `EXPERIMENT`."""
    stored = experiments.get(EXPERIMENT, profile).configs[0]
    plain = dataclasses.replace(stored, views=0)
    task, _ = network.prepare(plain, profile)
    layer, epochs = stored.trainable, stored.epochs
    about = {
        "extrapolated": True,
        "what_baseline": f"plain fit of MobileNetV2 from {layer} on, {epochs} epochs of packed, augmented images",
        "what_ours": f"outputs below {layer} stored for {stored.views} views, {epochs} epochs of the layers above",
        "config": stored.departures(),
    }
    for way, experiment in (("ours", EXPERIMENT), ("baseline", ONLINE)):
        about |= training_time.recorded_aucs(way, experiment, profile)
    return Comparison({"baseline": _plain(task, plain), "ours": _stored(task, stored)}, ROUNDS[profile], about)


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
        extraction = seconds(lambda: cached_features.extract(below, task.pixels, rows, policy, out=view[0]))
        epoch = seconds(lambda: above.fit(views, validation_data=val, shuffle=False, verbose=0))
        return config.views * extraction + config.epochs * epoch

    return spent
