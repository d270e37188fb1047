"""The models are those of the documents, to the last parameter, and behave on raw pixels."""

import keras
import numpy as np
import pytest

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.models import catalogue


@pytest.mark.parametrize(("name", "parameters"), [("vgg16", 40_407_874), ("resnet50", 26_211_201)])
def test_parameter_counts_equal_the_thesis_tables(name, parameters):
    model, _ = catalogue.build(Config(name, size=224))
    assert model.count_params() == parameters


def test_vgg16_head_equals_table_1():
    model, _ = catalogue.build(Config("vgg16", size=224))
    assert model.get_layer("features").output.shape[1:] == (25_088,)
    assert model.get_layer("dense").count_params() == 25_691_136
    assert model.get_layer("probability").count_params() == 2_050


def test_custom_cnn_takes_the_thesis_image():
    model, _ = catalogue.build(Config("custom_cnn", size=150))
    assert model.input_shape == (None, 150, 150, 1) and model.output_shape == (None, 1)


@pytest.mark.parametrize("name", ["mobilenet", "mobilenetv2", "custom_cnn"])
def test_flat_graph_and_head_split_agree_with_the_whole(name):
    model, _ = catalogue.build(Config(name, size=64))
    images = np.random.default_rng(0).uniform(0, 255, (2, *model.input_shape[1:])).astype("float32")
    backbone, head = catalogue.split(model)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    np.testing.assert_allclose(head(backbone(images)), model(images, training=False), atol=1e-6)


def test_frozen_backbone_trains_only_the_head():
    model, _ = catalogue.build(Config("mobilenetv2", size=64, trainable="head"))
    assert [weight.path for weight in model.trainable_weights] == ["probability/kernel", "probability/bias"]


def test_selective_unfreezing_starts_at_the_named_layer():
    model, _ = catalogue.build(Config("mobilenetv2", size=64, trainable="block_16"))
    trained = {layer.name for layer in model.layers if layer.trainable and layer.weights}
    assert "block_16_expand" in trained and "block_15_project" not in trained and "Conv_1" in trained
    with pytest.raises(CxrError, match="names no layer"):
        catalogue.unfreeze(model, "block_99")


def test_unknown_model_is_refused_by_name():
    with pytest.raises(CxrError, match="densenet"):
        catalogue.build(Config("densenet"))


@pytest.mark.parametrize(
    ("name", "backbone"),
    # Published counts of the backbones without top, as Keras documents them.
    [("efficientnetb0", 4_049_571), ("mobilenetv2", 2_257_984), ("mobilenet", 3_228_864), ("resnet18", 11_176_512 + 9_600)],
)
def test_a_pooled_backbone_has_its_published_size_and_one_unit_more(name, backbone):
    model, _ = catalogue.build(Config(name, size=64))
    channels = model.get_layer("features").output.shape[-1]
    assert model.count_params() == backbone + channels + 1
