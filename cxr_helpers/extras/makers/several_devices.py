"""Train one model on several devices: every batch is divided among them, and the gradients are those of the whole batch.

`CXR_DEVICES` says how many: a number, or "all"; unset means one. TensorFlow mirrors the model
(`tf.distribute.MirroredStrategy`), JAX divides the arrays (`keras.distribution.DataParallel`). Batch normalisation takes its
moments over the whole batch, so that a step is that of one device but for rounding. The last batch of an epoch, where its
images do not divide evenly, counts each device's part alike. What is drawn (dropout, augmentation) differs from one device.
"""

import contextlib
import functools
import os
from collections.abc import Iterator

import keras

from cxr_helpers.base import lazy
from cxr_helpers.errors import CxrError

tf = lazy.module("tensorflow")

VARIABLE = "CXR_DEVICES"


def count() -> int:
    """Return the number of devices that `CXR_DEVICES` asks for.

    Raises:
        CxrError: it is neither a number from 1 nor "all", or more than this machine has.
    """
    asked = os.environ.get(VARIABLE) or "1"
    if asked == "1":
        return 1
    present = len(_names())
    if asked == "all":
        return present
    if not asked.isdecimal() or not 1 <= int(asked) <= present:
        raise CxrError(f"{VARIABLE} is {asked!r}: give a number from 1 to {present}, the devices that are here, or all.")
    return int(asked)


@contextlib.contextmanager
def spread(model: keras.Model, batch_size: int) -> Iterator[keras.Model]:
    """Yield a copy of `model` that lies on all devices, to be compiled and fitted there; on leaving, `model` has its weights.

    What is built on top of the copy is to be built within. On one device the model itself is yielded.

    Raises:
        CxrError: `batch_size` images cannot be divided evenly, or the backend has no such training.
    """
    number = count()
    if number == 1:
        yield model
        return
    if batch_size % number:
        raise CxrError(f"batch_size {batch_size} cannot be divided among {number} devices; take another, or {VARIABLE}=1.")
    with _placed(number):
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
        if keras.backend.backend() == "tensorflow":  # JAX takes the moments of the whole array by itself
            _synchronise(copy)
        yield copy
        weights = copy.get_weights()
    model.set_weights(weights)


def _synchronise(model: keras.Model) -> None:
    """Let batch normalisation take its moments over all devices."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _names() -> list[str]:
    """Return the accelerators that are here, or without any the processors."""
    if keras.backend.backend() == "tensorflow":
        return [device.name for device in tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")]
    if keras.backend.backend() == "jax":
        return keras.distribution.list_devices()
    raise CxrError(f"{VARIABLE} works with TensorFlow and JAX, not with {keras.backend.backend()}.")


@contextlib.contextmanager
def _placed(number: int) -> Iterator[None]:
    """Let variables that are made within lie on the first `number` devices."""
    names = _names()[:number]
    if keras.backend.backend() == "tensorflow":
        with _strategy(*names).scope():
            yield
    else:
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names))
        try:
            yield
        finally:
            keras.distribution.set_distribution(None)


@functools.cache  # two in one process would take each other's sums
def _strategy(*names: str):
    return tf.distribute.MirroredStrategy(list(names))
