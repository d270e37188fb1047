"""Random variants of synthetic images: image and masks change together, the image given stays, nothing is mirrored."""

import numpy as np
import pytest

from cxr_helpers.extras.makers.domain_randomisation import randomise
from cxr_helpers.extras.other_sets import synthetic
from cxr_helpers.extras.statistics import cardiothoracic


def variants(count, size=96):
    return [randomise(synthetic.image(seed, "NORMAL", 96), size, np.random.default_rng(seed)) for seed in range(count)]


@pytest.fixture(scope="module")
def many():
    return variants(40)


def test_equal_states_give_equal_variants_and_leave_the_image():
    image = synthetic.image(3, "NORMAL", 96)
    before = image.image.copy()
    first, second = (randomise(image, 64, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert (randomise(image, 64, np.random.default_rng(6))[1] != first[1]).any()
    np.testing.assert_array_equal(image.image, before)


def test_a_variant_is_uint8_with_two_masks():
    pixels, masks = variants(1, size=64)[0]
    assert pixels.shape == (64, 64) and pixels.dtype == np.uint8
    assert masks.shape == (64, 64, 2) and masks.dtype == bool


def test_masks_move_with_the_image(many):
    """Where an image keeps its lungs dark, they are darker than the heart, wherever both have moved to."""
    contrast = [pixels[masks[..., 1]].mean() - pixels[masks[..., 0] & ~masks[..., 1]].mean() for pixels, masks in many]
    assert np.mean(np.array(contrast) > 10) > 0.85
    places = [np.argwhere(masks[..., 0]).mean(axis=0) for _, masks in many]
    assert (np.std(places, axis=0) > 2).all()


def test_hearts_vary_more_than_they_are_drawn(many):
    drawn = [synthetic.image(seed, "NORMAL", 96) for seed in range(len(many))]
    before = [cardiothoracic.measure(image.lung_mask, image.heart_mask)["cardiothoracic_ratio"] for image in drawn]
    after = [cardiothoracic.measure(masks[..., 0], masks[..., 1])["cardiothoracic_ratio"] for _, masks in many]
    assert np.nanstd(after) > 1.5 * np.std(before) and np.nanmax(after) > max(before)


def test_no_image_is_mirrored_or_inverted(many):
    for _, masks in many:
        lungs, heart = (np.argwhere(masks[..., channel])[:, 1].mean() for channel in (0, 1))
        assert heart > lungs - 1  # the heart stays on the right of the image
    assert np.mean([pixels[masks[..., 1]].mean() > pixels[masks[..., 0]].mean() for pixels, masks in many]) > 0.9
