"""Networks of `models`, or of a chapter's own, trained on the images of a protocol: the maker of most experiments."""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd

from cxr_helpers.base import progress
from cxr_helpers.base.files import atomic_path
from cxr_helpers.config import Config
from cxr_helpers.data import batches, dataset, manifest, packing, splits
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.models import catalogue
from cxr_helpers.records import Product, model_path
from cxr_helpers.training import fitting


def make(config: Config, profile: str, model: keras.Model | None = None) -> Product:
    """Train the configured network, or `model` in its place, and save it; its scores are of validation and test images."""
    task, start = prepare(config, profile, model)
    return trained(task, start, images_info(profile, task.table))


def trained(task: fitting.Task, start: str, info: dict) -> Product:
    """Fit a task's model and save it; `info` says what is known of its images, `start` how its weights began."""
    history, scores, seconds, arithmetic = fitting.fit(task)
    info = info | {
        "initialisation": start,
        "parameters": task.model.count_params(),
        "trainable_parameters": sum(int(np.prod(weight.shape)) for weight in task.model.trainable_weights),
        "train_metrics": train_metrics(scores[scores.split == "train"]),
        "training_time_s": round(seconds, 1),
        "model_bytes": save(task.model, task.profile, task.config.run_id),
    }
    info |= {"features": arithmetic} if arithmetic else {}
    return info, {"history": history, "scores": scores[scores.split != "train"]}


def prepare(config: Config, profile: str, model: keras.Model | None = None) -> tuple[fitting.Task, str]:
    """Return (the configured network, or `model`, with its images; note on its start), ready to be fitted."""
    if model is None:
        model, start = catalogue.build(config)
    else:
        catalogue.unfreeze(model, config.trainable)
        start = "as the chapter builds it"
    table = labelled_images(profile, config.protocol)
    pixels = packing.load(profile, config.size, config.variant)
    for before, layer in itertools.pairwise(model.layers):
        if layer.name == "featurewise":  # takes mean and deviation of the scaled training images
            layer.adapt(keras.ops.convert_to_numpy(before(batches.images(pixels, table.row[table.split == "train"].to_numpy()))))
    return fitting.Task(config, profile, model, pixels, table, manifest.data_hash(manifest.load(profile))), start


def labelled_images(profile: str, protocol: str) -> pd.DataFrame:
    """Return row (in packed arrays), image_id, y_true, patient_id and split of the images under a protocol."""
    images = manifest.load(profile)[["image_id", "y_true"]].reset_index(names="row")
    return images.merge(splits.load(profile, protocol), on="image_id")


def images_info(profile: str, table: pd.DataFrame) -> dict:
    """Return what a record says of its images: what the pixels are, the set's hash, and the number by split."""
    return {
        "pixels": dataset.discover(profile).pixels,
        "data_hash": manifest.data_hash(manifest.load(profile)),
        "images": table.split.value_counts().to_dict(),
    }


def train_metrics(scores: pd.DataFrame) -> dict[str, float]:
    """Return loss and accuracy (threshold 0.5) on the training images as they are, without augmentation."""
    loss, right = metrics.cross_entropy(scores), (scores.y_score >= 0.5) == scores.y_true
    return {"loss": round(float(loss.mean()), 6), "accuracy": round(float(right.mean()), 6)}


def save(model: keras.Model, profile: str, run_id: str) -> int:
    """Save the model without its optimiser and return the file's size in bytes."""
    path = model_path(profile, run_id)
    with atomic_path(path) as temporary:
        model.save(temporary, include_optimizer=False)
    return path.stat().st_size


def built(config: Config, build: Callable[[Config], keras.Model]) -> tuple[Config, keras.Model]:
    """Return (configuration, model) of a chapter's network; graph and first weights enter the configuration's key.

    `build` returns a Keras model, pixels (size, size, 1 or 3) in 0..255 → P(PNEUMONIA), one sigmoid or two softmax units;
    what is no such network is a CxrError.
    Where the configuration trains only what lies above a layer that the network lacks, all its layers are trained.
    """
    keras.utils.clear_session()  # so that the names that Keras gives to layers are those of the first build
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    try:
        model = build(config)
    finally:
        keras.config.set_dtype_policy("float32")
    if not isinstance(model, keras.Model):
        raise CxrError(f"build(configuration) returned {type(model).__name__}; return a keras.Model.")
    taken = [(None, config.size, config.size, channels) for channels in (1, 3)]
    if model.input_shape not in taken or model.output_shape not in ((None, 1), (None, 2)):
        raise CxrError(
            f"The network of build(configuration) leads from {model.input_shape} to {model.output_shape}; it must lead from "
            f"(None, {config.size}, {config.size}, 1 or 3) to (None, 1), a sigmoid unit, or (None, 2), softmax units."
        )
    first = "features" if config.trainable == "head" else config.trainable
    if first != "all" and not any(layer.name.startswith(first) for layer in model.layers):
        progress.say(f"the chapter's network has no layer {first!r}, from which on {config.model} is trained: all layers are")
        config = dataclasses.replace(config, trainable="all", views=0, stream=False)
    digest = hashlib.sha256(model.to_json().encode())
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight))
    return dataclasses.replace(config, model="own", own=digest.hexdigest()), model
