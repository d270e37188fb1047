"""The published model as ONNX: the answers and maps of Keras, and Keras is not imported for them."""

import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest
from published_detector import published, rules  # noqa: F401
from tiny_models import SIDE, detector, two_blobs

from cxr_helpers import paths
from cxr_helpers.explain import gradcam
from cxr_helpers.extras.inference import portable, published_model
from cxr_helpers.extras.networks import joined


def hidden() -> keras.Model:
    """Return a network with convolutions of random weights and a hidden layer in its head."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(inputs)
    x = keras.layers.ReLU(6.0)(keras.layers.Conv2D(8, 3, strides=2, padding="same")(x))
    x = keras.layers.GlobalAveragePooling2D(name="features")(x)
    x = keras.layers.Dense(4, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))


def two_as_one() -> keras.Model:
    return joined.joined([detector(channels=3), detector(channels=3, bias=0.5)], temperature=2.0)


@pytest.mark.parametrize("build", [detector, lambda: detector(units=2, bias=0.3), hidden, two_as_one])
def test_it_gives_the_probabilities_and_maps_of_keras(build, tmp_path):
    model, dark = build(), two_blobs()[::-1].copy()
    dark[22:26, 6:10] = 0
    images = np.stack([two_blobs(), dark, np.arange(SIDE * SIDE, dtype=np.uint32).reshape(SIDE, SIDE).astype(np.uint8)])
    portable.write(model, tmp_path / "model.onnx")
    scores, coarse = portable.Network(tmp_path / "model.onnx")(images)
    expected = model.predict_on_batch(gradcam.batch(model, images))[:, -1]
    np.testing.assert_allclose(scores, expected, atol=1e-4)
    for sign in (gradcam.PNEUMONIA, gradcam.NORMAL):
        found = gradcam.enlarged(sign * coarse, images.shape[1:])
        np.testing.assert_allclose(found, gradcam.gradcam(model, images, sign), atol=5e-3)


def test_a_score_does_not_depend_on_what_else_is_predicted(tmp_path):
    portable.write(hidden(), tmp_path / "model.onnx")
    network, images = portable.Network(tmp_path / "model.onnx"), np.stack([two_blobs(), two_blobs().T, two_blobs()[::-1]])
    together, _ = network(images)
    alone = [network(image[None])[0][0] for image in images]
    np.testing.assert_allclose(together, alone, atol=1e-7)


def test_the_committed_model_scores_as_its_keras_file():
    model, card = published_model.load()
    network, _ = published_model.load_portable()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 8, 8)).astype(np.uint8).repeat(card.size // 8, axis=1).repeat(card.size // 8, axis=2)
    expected = model.predict_on_batch(gradcam.batch(model, images))[:, -1]
    np.testing.assert_allclose(network(images)[0], expected, atol=1e-4)


def test_keras_and_pandas_are_not_imported_to_predict(published, tmp_path):  # noqa: F811
    cv2.imwrite(str(tmp_path / "image.png"), two_blobs())
    arguments = ["predict", str(tmp_path / "image.png"), "--out", str(tmp_path / "maps"), "--model", str(published)]
    program = f"""
import sys
sys.argv[1:] = {arguments!r}
from cxr_helpers import cli
try:
    cli.main()
except SystemExit as end:
    assert not end.code
print(*sorted({{"keras.src", "tensorflow.python", "pandas.core", "sklearn.base"}} & set(sys.modules)), "imported")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=paths.ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported" and (tmp_path / "maps" / "image_heatmap.png").is_file()
