"""The U-Net: its output, its indifference to exposure, and a loss that falls on planted shapes."""

import keras
import numpy as np
import pytest

from cxr_helpers.extras.networks import unet


def test_it_maps_a_image_to_two_probabilities_a_pixel():
    model = unet.build(32)
    maps = model.predict(np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1)).astype("float32"), verbose=0)
    assert maps.shape == (2, 32, 32, len(unet.STRUCTURES)) and maps.min() >= 0 and maps.max() <= 1
    assert model.count_params() < 300_000


def test_exposure_and_contrast_do_not_matter():
    model = unet.build(32)
    image = np.random.default_rng(0).integers(60, 200, (1, 32, 32, 1)).astype("float32")
    plain, dark = (model.predict(pixels, verbose=0) for pixels in (image, 0.5 * image - 20))
    np.testing.assert_allclose(plain, dark, atol=1e-3)
    assert np.isfinite(model.predict(np.full_like(image, 90), verbose=0)).all()  # a blank image has no deviation


def test_overlap_loss_by_hand():
    truth = np.zeros((2, 2, 2, 1), "float32")
    truth[:, 0] = 1  # two of four pixels
    half = np.full_like(truth, 0.5)
    loss = keras.ops.convert_to_numpy(unet.overlap_loss(truth, np.stack([truth[0], half[1]])))
    # Image 1 is right. Image 2: cross-entropy ln 2, Dice (2·1 + 1) / (2 + 2 + 1).
    assert loss == pytest.approx([0.0, np.log(2) + 1 - 3 / 5], abs=1e-5)


def test_it_learns_planted_shapes():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    images, masks = rng.integers(0, 60, (32, 32, 32, 1)).astype("float32"), np.zeros((32, 32, 32, 2), "float32")
    for image, mask, (row, column) in zip(images, masks, rng.integers(0, 20, (32, 2)), strict=True):
        image[row : row + 12, column : column + 12] += 150
        mask[row : row + 12, column : column + 12] = 1
    model = unet.build(32)
    model.compile(keras.optimizers.Adam(5e-3), unet.overlap_loss)
    losses = model.fit(images, masks, batch_size=8, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
