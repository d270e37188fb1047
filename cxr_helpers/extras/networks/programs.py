"""The networks as their documents train them, ready to be timed; their weights are random, which no time depends on."""

from __future__ import annotations

import numpy as np

from cxr_helpers.base import lazy
from cxr_helpers.config import Config

keras = lazy.module("keras")
catalogue = lazy.module("cxr_helpers.models.catalogue")
augmentation = lazy.module("cxr_helpers.training.augmentation")
batches = lazy.module("cxr_helpers.data.batches")
fitting = lazy.module("cxr_helpers.training.fitting")

# Kondragunta's Tables 1 (all base layers frozen) and 2 (augmentation block first), and Rahman's and Kilaru's, as assumed here.
PROGRAMS = {
    "VGG-16": Config("vgg16", trainable="head", dropout=0.5),
    "ResNet-50": Config("resnet50", augmentation="thesis", dropout=0.3),
    "MobileNet": Config("mobilenet", augmentation="rahman", trainable="head"),
    "MobileNetV2": Config("mobilenetv2", augmentation="kilaru"),
}


def build(config: Config) -> keras.Model:
    """Return augmentation block (where there is one) → network, compiled; input float32 (n, size, size, channels)."""
    network, _ = catalogue.build(config)
    policy = augmentation.build(config.augmentation, config.seed)
    program = network if policy is None else keras.Sequential([keras.Input(network.input_shape[1:]), policy, network])
    fitting.compile_model(program, config, steps=1)
    return program


def images(model: keras.Model, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return random images float32 (count, size, size, channels) and labels as a model takes them."""
    pixels = np.random.default_rng(0).random((count, *model.input_shape[1:]), np.float32)
    return pixels, batches.targets(np.arange(count) % 2, model.output_shape[-1])
