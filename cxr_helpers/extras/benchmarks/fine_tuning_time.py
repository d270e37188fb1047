"""How long partly unfrozen training takes by plain `fit`, and with the outputs of the layers below stored by view.

Both see the same packed images and the same augmentation. Plain: all layers run on newly augmented images in every epoch.
Stored: what stands before the first trained layer runs once for each view. An epoch and a view are timed and multiplied. Left
out of both is the one pass of all images through the whole network that scores them at the end.
"""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from cxr_helpers import experiments
from cxr_helpers.extras.benchmarks import measurements, training_time
from cxr_helpers.extras.benchmarks.comparisons import Comparison

SYSTEM = "mobilenetv2_kilaru"  # trained from block 13 on three views
STREAMED = "mobilenetv2_kilaru_streamed"  # the same by plain fit, on an accelerator
ROUNDS = 3


def prepare(name: str, profile: str) -> Comparison:
    """Return the comparison for `SYSTEM`."""
    from cxr_helpers.data import batches
    from cxr_helpers.models import catalogue
    from cxr_helpers.training import augmentation, cached_features, fitting, network

    stored = experiments.get(SYSTEM, profile).configs[0]
    plain = dataclasses.replace(stored, views=0)
    task, _ = network.prepare(plain, profile)
    val = task.part("val")
    trainer, train = fitting.streaming(task)
    fitting.compile_model(trainer, plain, plain.epochs * len(train))
    trainer.fit(train, steps_per_epoch=1, verbose=0)  # compiles

    twin, _ = catalogue.build(stored)
    below, above = catalogue.split(twin)
    policy = augmentation.build(stored.augmentation, stored.seed)
    rows, labels = task.part("train")
    folder = tempfile.TemporaryDirectory()
    view = np.lib.format.open_memmap(Path(folder.name) / "view.npy", "w+", "float32", (1, len(rows), *below.output_shape[1:]))
    val_view = cached_features.extract(below, task.pixels, val[0])
    views = batches.StoredBatches(view, labels, stored.batch_size, stored.seed)
    fitting.compile_model(above, stored, stored.epochs * len(views))
    above.fit(views, steps_per_epoch=1, verbose=0)

    def whole() -> float:
        images = batches.Batches(task.pixels, *val, plain.batch_size)
        return plain.epochs * measurements.seconds(lambda: trainer.fit(train, validation_data=images, shuffle=False, verbose=0))

    def upper(_kept: tempfile.TemporaryDirectory = folder) -> float:
        extraction = measurements.seconds(lambda: cached_features.extract(below, task.pixels, rows, policy, out=view[0]))
        epoch = measurements.seconds(lambda: above.fit(views, validation_data=(val_view, val[1]), shuffle=False, verbose=0))
        return stored.views * extraction + stored.epochs * epoch

    return Comparison(
        {"baseline": whole, "ours": upper},
        ROUNDS if profile == "full" else 1,
        extrapolated=True,
        what_baseline=f"plain fit of MobileNetV2 from {stored.trainable} on, {plain.epochs} epochs of packed, augmented images",
        what_ours=f"outputs below {stored.trainable} stored for {stored.views} views, {stored.epochs} epochs of the layers above",
        config=stored.departures(),
        ours_validation_auc=training_time.recorded_aucs(SYSTEM, profile),
        ours_validation_auc_of=f"{SYSTEM}, whole runs",
        baseline_validation_auc=training_time.recorded_aucs(STREAMED, profile),
        baseline_validation_auc_of=f"{STREAMED}, whole runs",
    )
