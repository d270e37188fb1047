"""A soup: one network whose weights are the mean of its member's seeds (Wortsman et al. 2022), no larger than one of them.

The seeds began at the same ImageNet weights, without which a mean of weights means nothing. The statistics of its batch
normalisation are those of training images that pass through the mean network, since a mean of statistics would fit no network.
"""

import keras
import numpy as np

from cxr_helpers.config import Config
from cxr_helpers.data import batches, packing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.makers import joining, saved
from cxr_helpers.records import Product
from cxr_helpers.training import cached_features, network

NORMALISING = 64  # images a batch, when statistics are taken


def make(config: Config, profile: str) -> Product:
    """Average a member's saved networks, take new statistics on training images, save the network and score its images.

    Raises:
        CxrError: not one member is named, its input is another than the soup's, a seed's start was random, or a network
            is not on this machine.
    """
    if len(config.members) != 1:
        raise CxrError('Config: a soup has one member, whose seeds it averages; name it, as members = ["mobilenetv2_finetuned"].')
    runs = joining.runs(config.members[0], config, profile)
    for field in ("size", "variant"):
        if getattr(runs[0].config, field) != getattr(config, field):
            raise CxrError(f"Config: a soup takes its member's images; set {field} = {getattr(runs[0].config, field)!r}.")
    if len(runs) > 1 and any(run.config.start != "imagenet" for run in runs):
        raise CxrError("Config: a soup needs seeds that began at the same weights; these began at random ones.")
    models = [saved.of_run(run, profile) for run in runs]
    soup = averaged(models)
    table, pixels = network.labelled_images(profile, config.protocol), packing.load(profile, config.size, config.variant)
    normalise(soup, pixels, table.row[table.split == "train"].to_numpy())
    outputs = cached_features.extract(soup, pixels, table.row.to_numpy(), label="scores")
    scores = table.assign(y_score=outputs[:, -1])
    info = joining.info(runs) | network.images_info(profile, table) | {"parameters": soup.count_params()}
    info |= {"train_metrics": network.train_metrics(scores[scores.split == "train"])}
    info |= {"model_bytes": network.save(soup, profile, config.run_id)}
    return Product(info, {"scores": scores[scores.split != "train"]})


def averaged(models: list[keras.Model]) -> keras.Model:
    """Return a copy of the first of models of one architecture, with the mean of all their weights."""
    soup = keras.models.clone_model(models[0])
    soup.set_weights([np.mean(each, axis=0) for each in zip(*(model.get_weights() for model in models), strict=True)])
    return soup


def normalise(model: keras.Model, pixels: np.ndarray, rows: np.ndarray) -> None:
    """Take the statistics of all batch normalisation from the images at `rows` of `pixels`, uint8 (N, H, W): means over batches.

    A layer that was frozen in training keeps the statistics it was frozen with.
    """
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable]
    momenta = [layer.momentum for layer in layers]
    order = np.random.default_rng(0).permutation(rows)
    for count, start in enumerate(range(0, len(order), NORMALISING)):
        for layer in layers:
            layer.momentum = count / (count + 1)  # a running mean, in which every batch counts the same
        images = batches.images(pixels, order[start : start + NORMALISING])
        model(np.repeat(images, model.input_shape[-1], axis=-1), training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
