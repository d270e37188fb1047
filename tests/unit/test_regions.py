"""What a network is shown: the box of the lungs, the lungs alone, the background; one preparation for training and prediction."""

import numpy as np
import pytest

from cxr_helpers.data import preprocessing
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import lungs, regions
from cxr_helpers.extras.other_sets.masked_images import UNKNOWN

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(1, 255, (224, 224), dtype=np.uint8)
MASK = np.zeros((224, 224), np.int8)
MASK[40:180, 30:100] = MASK[40:180, 120:200] = 1


def test_the_box_has_the_lungs_and_a_margin():
    cut = regions.BOX.cut(IMAGE, MASK)
    np.testing.assert_array_equal(cut, IMAGE[40 - 7 : 180 + 7, 30 - 8 : 200 + 8])
    np.testing.assert_array_equal(regions.BOX_15.cut(IMAGE, MASK), IMAGE[40 - 21 : 180 + 21, 30 - 26 : 224])  # it ends with it


def test_lungs_and_background_share_no_pixel_and_leave_out_what_is_unknown():
    mask = MASK.copy()
    mask[100:110] = UNKNOWN
    inside, outside = regions.LUNGS_ONLY.cut(IMAGE, mask), regions.BACKGROUND.cut(IMAGE, mask)
    assert not (inside[mask < 1]).any() and not (outside[mask != 0]).any()
    np.testing.assert_array_equal(inside + outside, np.where(mask == UNKNOWN, 0, IMAGE))


@pytest.mark.parametrize("region", (regions.BOX, regions.LUNGS_ONLY, regions.BACKGROUND))
def test_an_image_without_lungs_stays_whole(region):
    np.testing.assert_array_equal(region.cut(IMAGE, np.zeros_like(MASK)), IMAGE)


def test_a_mask_that_the_segmenter_does_not_trust_is_not_used(monkeypatch):
    monkeypatch.setattr(lungs, "found", lambda images: (np.stack([MASK > 0, MASK > 0]), np.array([True, False])))
    first, second = regions.BOX.of(np.stack([IMAGE, IMAGE]))
    assert first.shape < IMAGE.shape
    np.testing.assert_array_equal(second, IMAGE)


@pytest.mark.parametrize("shape", [(224, 224), (500, 400), (100, 130)])
def test_every_image_passes_through_the_common_size(shape):
    image = RNG.integers(0, 255, shape, dtype=np.uint8)
    whole = preprocessing.prepared([image], 64, "none")[0]
    np.testing.assert_array_equal(whole, preprocessing.resize(preprocessing.resize(image, 224), 64))


def test_an_unknown_region_is_named_with_those_there_are():
    with pytest.raises(CxrError, match="variant='lung' is unknown.*gaussian.*lungs_only"):
        preprocessing.described("lung")
