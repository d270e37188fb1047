"""A network that a chapter defines itself, in place of one of `models`."""

import dataclasses
import hashlib
from collections.abc import Callable

import keras
import numpy as np

from cxr_helpers.base import progress
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError


def built(config: Config, build: Callable[[Config], keras.Model]) -> tuple[Config, keras.Model]:
    """Return (configuration, model) of a chapter's network; graph and first weights enter the configuration's key.

    `build` returns a Keras model, pixels (size, size, 1 or 3) in 0..255 → P(PNEUMONIA), one sigmoid or two softmax units.
    Where the configuration trains only what lies above a layer that the network lacks, all its layers are trained.

    Raises:
        CxrError: `build` returns no such model.
    """
    keras.utils.clear_session()  # so that the names that Keras gives to layers are those of the first build
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    try:
        model = build(config)
    finally:
        keras.config.set_dtype_policy("float32")
    _check(model, config)
    first = "features" if config.trainable == "head" else config.trainable
    if first != "all" and not any(layer.name.startswith(first) for layer in model.layers):
        progress.say(f"the chapter's network has no layer {first!r}, from which on {config.model} is trained: all layers are")
        config = dataclasses.replace(config, trainable="all", views=0, stream=False)
    return dataclasses.replace(config, model="own", own=fingerprint(model)), model


def fingerprint(model: keras.Model) -> str:
    """Return the SHA-256 (hex) of a model's graph and weights."""
    digest = hashlib.sha256(model.to_json().encode())
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight))
    return digest.hexdigest()


def _check(model: object, config: Config) -> None:
    if not isinstance(model, keras.Model):
        raise CxrError(f"build(configuration) returned {type(model).__name__}; return a keras.Model.")
    taken = [(None, config.size, config.size, channels) for channels in (1, 3)]
    if model.input_shape not in taken or model.output_shape not in ((None, 1), (None, 2)):
        raise CxrError(
            f"The network of build(configuration) leads from {model.input_shape} to {model.output_shape}; it must lead from "
            f"(None, {config.size}, {config.size}, 1 or 3) to (None, 1), a sigmoid unit, or (None, 2), softmax units."
        )
