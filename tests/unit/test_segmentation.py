"""The segmenter: what it learns from, what is unknown does not count, its record, and masks that are flagged."""

import cv2
import keras
import numpy as np
import pandas as pd
import pytest

from cxr_helpers.base import stored_results
from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import segmenter_flags
from cxr_helpers.extras.inference import lungs
from cxr_helpers.extras.makers import segmentation
from cxr_helpers.extras.networks import unet
from cxr_helpers.extras.other_sets import masked_images
from cxr_helpers.extras.other_sets.masked_images import UNKNOWN, Masked
from cxr_helpers.extras.statistics import cardiothoracic
from cxr_helpers.extras.tables import segmentation_tables

TINY = Config("unet", size=32, epochs=3, batch_size=4, learning_rate=3e-3, schedule="cosine")


def by_brightness():
    """A segmenter of 16 × 16 images that finds lungs where an image is brighter than 160 and a heart where it is below 80."""
    inputs = keras.Input((16, 16, 1))
    layer = keras.layers.Conv2D(2, 1, activation="sigmoid")
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.array([[[[1.0, -1.0]]]]), np.array([-160.0, 80.0])])
    return model


def planted(scale=1, group="jsrt", heart=True):
    """An image (16·scale)² with two bright lungs and a dark heart, and what is known of them."""
    image = np.full((16, 16), 120, np.uint8)
    image[2:12, 1:5], image[2:12, 10:15], image[6:10, 6:9] = 240, 240, 20
    image = np.kron(image, np.ones((scale, scale), np.uint8))
    masks = np.stack([image == 240, (image == 20) if heart else np.full(image.shape, UNKNOWN)], axis=-1).astype(np.int8)
    return Masked(f"image{scale}", f"patient{scale}", group, image, masks)


def test_masks_come_in_the_images_own_sizes():
    small, large = planted(1), planted(4)
    first, second = segmentation.segment(by_brightness(), [small.pixels, large.pixels])
    assert list(first) == list(unet.STRUCTURES) and first["lungs"].shape == (16, 16)
    assert (second["lungs"] == (large.masks[..., 0] == 1)).mean() > 0.95 and second["heart"].dtype == bool
    np.testing.assert_array_equal(first["lungs"], small.masks[..., 0] == 1)


def test_overlaps_count_what_is_known_alone():
    whole, child = planted(), planted(2, "guangzhou_normal", heart=False)
    child.masks[: child.masks.shape[0] // 2, :, 0] = UNKNOWN
    fixed = {"lungs": whole.masks[..., 0] == 1, "heart": np.zeros((4, 4), bool)}
    table = segmentation.overlaps(by_brightness(), [whole, child], fixed).set_index(["group", "structure"])
    assert table.dice.to_dict() == pytest.approx(
        {("jsrt", "lungs"): 1, ("jsrt", "heart"): 1, ("guangzhou_normal", "lungs"): 1}, abs=0.05
    )
    assert table.fixed["jsrt", "heart"] == 0 and table.fixed["guangzhou_normal", "lungs"] == 1
    assert table.ratio["jsrt", "lungs"] == table.true_ratio["jsrt", "lungs"] == pytest.approx(3 / 14)
    assert np.isnan(table.true_ratio["guangzhou_normal", "lungs"])


def test_the_fixed_outline_is_what_most_images_hold():
    images = [planted(), planted(), planted(heart=False)]
    images[1].masks[...] = 0
    images[2].masks[..., 0] = np.eye(16)
    found = segmentation.typical(images)
    assert found["lungs"].sum() == (np.eye(16, dtype=bool) & (images[0].masks[..., 0] == 1)).sum() and not found["heart"].any()


def test_a_variant_moves_image_and_masks_together():
    image = planted(8)
    for seed in range(8):
        pixels, masks = segmentation.augmented(image.pixels, image.masks, 64, np.random.default_rng(seed))
        assert pixels.dtype == np.uint8 and pixels.shape == (64, 64) and set(np.unique(masks)) <= {0, 1}
        inside, outside = pixels[masks[..., 0] == 1].mean(), pixels[masks[..., 1] == 1].mean()
        assert inside > outside + 30  # lungs are bright here, hearts dark
    again = segmentation.augmented(image.pixels, image.masks, 64, np.random.default_rng(7))[0]
    np.testing.assert_array_equal(pixels, again)


def test_an_unknown_heart_teaches_nothing():
    truth = np.stack([np.zeros((1, 4, 4)), np.full((1, 4, 4), UNKNOWN)], axis=-1).astype("float32")
    low, high = (np.stack([np.full((1, 4, 4), 0.1), np.full((1, 4, 4), heart)], axis=-1) for heart in (0.1, 0.9))
    losses = [keras.ops.convert_to_numpy(unet.overlap_loss(truth, maps.astype("float32"))) for maps in (low, high)]
    np.testing.assert_allclose(*losses, rtol=1e-6)


def test_the_adults_are_a_quarter_of_an_epoch(monkeypatch):
    images = [planted()] + [planted(1, "guangzhou_normal", heart=False)] * 99
    batches = segmentation.Augmented(images, TINY)
    assert batches.shares[0] == pytest.approx(segmentation.ADULTS) and len(batches) == 25
    first, fixed = batches[0][0], segmentation.Augmented(images[:3], TINY, fixed=True)
    batches.on_epoch_end()
    assert (batches[0][0] != first).any() and len(fixed) == 1 and len(fixed[0][0]) == 3


@pytest.mark.parametrize(
    ("columns", "reason"),
    [((0, 0), "no lung"), ((1, 3), "area"), ((1, 6), "one lung"), (None, ""), ((0, 16), "area")],
)
def test_masks_are_flagged(columns, reason):
    mask = planted().masks[..., 0] == 1
    if columns:
        mask = np.zeros((16, 16), bool)
        mask[1:15, columns[0] : columns[1]] = True
        mask = mask if columns != (0, 16) else np.ones((16, 16), bool)
    assert cardiothoracic.implausible(mask) == reason
    assert (lungs.box(mask) is None) == bool(reason)


def test_a_plausible_mask_is_flagged_where_the_segmenter_doubts_it():
    mask = planted(8).masks[..., 0] == 1
    sure = np.where(mask, 0.999, 0.001)
    doubtful = sure.copy()
    doubtful[40:60, 14:34] = 0.7  # inside one lung, far from its rim
    unsure_rim = np.where(mask & ~(cv2.erode(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0), 0.6, sure)
    assert [cardiothoracic.implausible(mask, each) for each in (sure, doubtful, unsure_rim)] == ["", "doubt", ""]
    expected = ((20 * 20 * 0.3) + 0.001 * (cv2.erode(mask.astype(np.uint8), np.ones((7, 7), np.uint8)).sum() - 400)) / mask.sum()
    assert cardiothoracic.doubt(doubtful) == pytest.approx(expected)


def test_a_batch_is_judged_at_once_and_an_image_without_lungs_is_not_trusted(monkeypatch):
    monkeypatch.setattr(lungs, "_loaded", lambda profile: by_brightness())
    image = planted(4)
    masks, trusted = lungs.found(np.stack([image.pixels, np.full_like(image.pixels, 120)]))
    assert masks.shape == (2, 64, 64) and masks.dtype == bool and trusted.tolist() == [True, False]
    assert (masks[0] == (image.masks[..., 0] == 1)).mean() > 0.95 and not masks[1].any()


def test_the_box_of_the_lungs_has_a_margin_and_stays_in_the_image():
    mask = planted().masks[..., 0] == 1  # rows 2 to 11, columns 1 to 14
    assert lungs.box(mask, 0) == (slice(2, 12), slice(1, 15))
    assert lungs.box(mask, 0.2) == (slice(0, 14), slice(0, 16))


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """A folder of further sets with one image of each."""
    image = planted(4)
    bits = (image.masks[..., 0] == 1) * 1 + (image.masks[..., 1] == 1) * 2
    for name in ("jsrt", "lesion_masks"):
        for part, pixels in (("images", image.pixels), ("masks", bits.astype(np.uint8))):
            (tmp_path / name / part).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / name / part / "a.png"), pixels)
        row = {"file": "images/a.png", "mask": "masks/a.png", "usable_contrast": True, "patient": "39"}
        pd.DataFrame([row]).to_csv(tmp_path / name / "metadata.csv", index=False)
    (tmp_path / "lung_masks/train/NORMAL").mkdir(parents=True)
    drawn = np.where(image.masks[..., 0] == 1, 255, 0).astype(np.uint8)
    drawn[0] = masked_images.IGNORED
    cv2.imwrite(str(tmp_path / "lung_masks/train/NORMAL/b.png"), drawn)
    monkeypatch.setenv("CXR_SETS_DIR", str(tmp_path))
    return tmp_path


def test_the_sets_are_read_as_they_are_published(sets):
    table = pd.DataFrame({"row": [0, 0], "image_id": "b", "patient_id": "p", "y_true": 0})
    table = table.assign(path=["train/NORMAL/b.jpeg", "train/NORMAL/without.jpeg"])
    (child,) = masked_images.guangzhou(table, planted(4).pixels[None])
    assert child.group == "guangzhou_normal" and set(np.unique(child.masks[..., 1])) == {UNKNOWN}
    assert set(np.unique(child.masks[0, :, 0])) == {UNKNOWN} and set(np.unique(child.masks[1:, :, 0])) == {0, 1}
    (adult,), (ill,) = masked_images.jsrt(), masked_images.lesions()
    np.testing.assert_array_equal(adult.masks, planted(4).masks)
    assert ill.patient_id == "39" and set(np.unique(ill.masks[..., 1])) == {UNKNOWN}


def test_a_mask_of_another_size_or_without_lungs_is_named(sets):
    mask = sets / "jsrt/masks/a.png"
    cv2.imwrite(str(mask), np.ones((8, 8), np.uint8))
    with pytest.raises(CxrError, match=r"a.png is 8×8 but its image is 64×64"):
        list(masked_images.jsrt())
    cv2.imwrite(str(mask), np.zeros((64, 64), np.uint8))
    with pytest.raises(CxrError, match="a.png is empty"):
        list(masked_images.jsrt())
    (sets / "jsrt/metadata.csv").write_text("file\nimages/a.png\n")
    with pytest.raises(CxrError, match="lacks the column mask, usable_contrast"):
        list(masked_images.jsrt())


def test_a_segmenter_that_is_not_the_published_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(lungs, "published", lambda profile: tmp_path / "lungs.keras")
    with pytest.raises(CxrError, match="lungs.json cannot be read.*restore it from git"):
        lungs.load()
    (tmp_path / "lungs.json").write_text('{"run_id": "a", "sha256": "0"}')
    (tmp_path / "lungs.keras").write_bytes(b"another")
    with pytest.raises(CxrError, match="lungs.keras is not the segmenter.*SHA-256 differs.*restore it from git"):
        lungs.load()


def test_without_the_sets_a_sentence_says_what_to_set(monkeypatch):
    monkeypatch.delenv("CXR_SETS_DIR", raising=False)
    with pytest.raises(CxrError, match="set CXR_SETS_DIR to the folder that holds lung_masks/"):
        list(masked_images.jsrt())


def judged():
    """Twenty poor validation masks, of which shape flags one, and a good one; a poor and a good held-out mask; three times."""
    rows = [("val", f"v{place}", 0.5, "area" if place == 0 else "", (place - 1) / 100) for place in range(20)]
    rows += [("val", "v", 0.9, "", 0.0), ("test", "a", 0.9, "", 0.0), ("test", "b", 0.7, "", 0.2)]
    table = pd.DataFrame(rows, columns=["split", "image_id", "dice", "shape", "doubt"])
    table = table.assign(group="jsrt", patient_id=table.image_id, corruption="")
    return pd.concat([table, pd.DataFrame({"split": segmenter_flags.TIMED, "dice": [4.0, 5.0, 6.0]})], ignore_index=True)


def test_the_threshold_flags_95_of_a_hundred_poor_validation_masks():
    found = segmenter_flags.figures(judged()).set_index("figure").value
    assert found["threshold of doubt"] == 0.01  # 19 of 20 are at or above it, or of no plausible shape
    assert found["validation, clean and corrupted: poor masks flagged"] == 0.95 and found["ms an image"] == 5
    assert found["held-out images: poor masks"] == 1 and found["held-out images: good masks flagged"] == 0


def test_the_rule_in_use_is_the_one_that_was_measured():
    measured = stored_results.measurement("flags", "full").set_index("figure").value["threshold of doubt"]
    assert pytest.approx(measured, rel=0.02) == cardiothoracic.MOST_DOUBT


def test_a_corruption_moves_the_mask_with_the_image():
    image = planted(14)
    turned = segmenter_flags.corrupted(image, "rotation")
    inside = turned.masks[..., 0] == 1
    assert (turned.pixels[inside] > 200).mean() > 0.97 and (inside != (image.masks[..., 0] == 1)).mean() > 0.1
    blurred = segmenter_flags.corrupted(image, "blur").masks[..., 0] == 1
    np.testing.assert_array_equal(blurred, image.masks[..., 0] == 1)


def test_tables_count_flags_and_the_ratios_error():
    rows = [("a", "lungs", 0.9, 0.5, 0.4), ("b", "lungs", 0.7, np.nan, 0.6), ("b", "heart", 0.7, np.nan, 0.6)]
    table = pd.DataFrame(rows, columns=["image_id", "structure", "dice", "ratio", "true_ratio"])
    table = table.assign(group="jsrt", patient_id=table.image_id, fixed=0.5)
    run = type("Run", (), {"table": lambda self, name: table})()
    flags = segmentation_tables.flag_table(segmenter_flags.figures(judged())).set_index("images of")
    assert flags.loc["JSRT, adults", ["n", "poor masks", "poor masks flagged", "good masks flagged"]].tolist() == [2, 1, 1, 0]
    error = segmentation_tables.ratio_error(run)
    assert (error.value, error.constant, error.n, error.measured) == pytest.approx((0.1, 0.1, 2, 1))
    overlap = segmentation_tables.overlap_table(run)
    assert overlap.structure.tolist() == ["lungs", "heart"] and overlap.Dice.tolist() == pytest.approx([0.8, 0.7])
