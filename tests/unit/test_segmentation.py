"""The segmenter's maker: seeds apart, variants that repeat themselves, masks in the image's size, a complete record."""

import keras
import numpy as np
import pandas as pd
import pytest
import tiny_external

from cxr_helpers import records
from cxr_helpers.config import Config
from cxr_helpers.data import manifest, packing, splits
from cxr_helpers.extras.makers import segmentation
from cxr_helpers.extras.makers import segmentation_images as images
from cxr_helpers.extras.networks import unet
from cxr_helpers.extras.other_sets.synthetic import Image
from cxr_helpers.records import model_path
from cxr_helpers.training import runs

TINY = Config("unet", size=32, epochs=3, batch_size=4, learning_rate=3e-3, schedule="cosine")


def by_brightness():
    """A segmenter of 16 × 16 images that finds lungs where an image is brighter than 160 and a heart where it is below 80."""
    inputs = keras.Input((16, 16, 1))
    layer = keras.layers.Conv2D(2, 1, activation="sigmoid")
    model = keras.Model(inputs, layer(inputs))
    layer.set_weights([np.array([[[[1.0, -1.0]]]]), np.array([-160.0, 80.0])])
    return model


def planted(scale):
    """An image (16·scale)² with two bright lungs and a dark heart, and the masks of either."""
    image = np.full((16, 16), 120, np.uint8)
    image[2:12, 1:5], image[2:12, 10:15], image[6:10, 6:9] = 240, 240, 20
    image = np.kron(image, np.ones((scale, scale), np.uint8))
    return image, image == 240, image == 20


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Eight random images as the test set, and few synthetic ones."""
    rng = np.random.default_rng(0)
    ids = [f"image{place}" for place in range(8)]
    table = pd.DataFrame({"image_id": ids, "patient_id": ids, "y_true": np.arange(8) % 2, "sha256": ids})
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path / "build"))
    monkeypatch.delenv("CXR_EXTERNAL_DIR", raising=False)
    monkeypatch.setattr(records.paths, "runs", lambda profile: tmp_path / "runs")
    monkeypatch.setattr(manifest, "load", lambda profile: table)
    monkeypatch.setattr(manifest, "source", lambda profile: type("Source", (), {"pixels": "synthetic image"}))
    split = np.repeat(["train", "test"], 4)
    monkeypatch.setattr(splits, "load", lambda profile, protocol: table[["image_id", "patient_id"]].assign(split=split))
    pixels = rng.integers(0, 256, (8, 64, 64)).astype("uint8")
    monkeypatch.setattr(packing, "load", lambda profile, size, variant="none": pixels)
    counts = {"train": 8, "val": 4, "test": 5}
    monkeypatch.setattr(segmentation, "COUNTS", {"smoke": counts, "full": counts})
    return tmp_path


def test_no_synthetic_image_is_in_two_sets():
    most = {split: max(counts[split] for counts in segmentation.COUNTS.values()) for split in images.FIRST_SEED}
    seeds = [set(range(first, first + most[split])) for split, first in images.FIRST_SEED.items()]
    assert len(set.union(*seeds)) == sum(map(len, seeds))
    first = {split: next(images.drawn(split, 1, 64)).image for split in images.FIRST_SEED}
    assert (first["train"] != first["test"]).any() and (first["val"] != first["test"]).any()


def test_the_fixed_outline_is_what_most_images_hold():
    masks = np.array([[True, True, False], [True, False, False], [True, True, True]])[:, None]
    drawn = [Image(mask, mask, lung_mask=mask, heart_mask=~mask) for mask in masks]
    typical = images.typical(drawn)
    assert typical["lungs"].tolist() == [[True, True, False]] and typical["heart"].tolist() == [[False, False, True]]


def test_epochs_bring_new_variants_and_repeat_from_the_seed():
    drawn = list(images.drawn("train", 4, 64))
    batches, again = (segmentation.Variants(drawn, 32, 3, seed=1) for _ in range(2))
    pixels, masks = batches[0]
    assert pixels.shape == (3, 32, 32, 1) and masks.shape == (3, 32, 32, 2) and set(np.unique(masks)) == {0, 1}
    assert len(batches) == 2 and len(batches[1][0]) == 1
    np.testing.assert_array_equal(again[0][0], pixels)
    batches.on_epoch_end()
    assert (batches[0][0] != pixels).any()
    fixed = segmentation.Variants(drawn, 32, 4, seed=1, fixed=True)
    before = fixed[0][0]
    fixed.on_epoch_end()
    np.testing.assert_array_equal(fixed[0][0], before)


def test_masks_come_in_the_images_own_sizes():
    (small, *_), (large, lungs, heart) = planted(1), planted(4)
    first, second = segmentation.segment(by_brightness(), [small, large])
    assert list(first) == list(unet.STRUCTURES) and first["lungs"].shape == (16, 16)
    assert second["lungs"].shape == (64, 64) and second["heart"].dtype == bool
    assert (second["lungs"] == lungs).mean() > 0.95 and (second["heart"] == heart).mean() > 0.95
    np.testing.assert_array_equal(first["lungs"], small == 240)


def test_tables_of_a_segmenter_that_is_right():
    image, lungs, heart = planted(1)
    cases = [
        images.Case("known", "p", "synthetic", 1, image, lungs, heart, shown=True),
        images.Case("half", "q", "adult", 1, image, lungs=np.roll(lungs, 5, axis=0)),
        images.Case("unknown", "r", "films", 0, image),
    ]
    tables = segmentation._tables(by_brightness(), cases, {"lungs": lungs, "heart": np.zeros((4, 4), bool)})
    null_dice = tables["dice"].set_index(["image_id", "structure"]).null_dice
    assert null_dice.to_dict() == {("known", "lungs"): 1, ("known", "heart"): 0, ("half", "lungs"): 0.5}
    dice = tables["dice"].set_index(["image_id", "structure"]).dice
    assert dice.to_dict() == {("known", "lungs"): 1, ("known", "heart"): 1, ("half", "lungs"): 0.5}
    measures = tables["measures"]
    assert measures[["image_id", "source"]].to_numpy().tolist() == [
        *(["known", "predicted"], ["known", "truth"]),
        *(["half", "predicted"], ["unknown", "predicted"]),
    ]
    assert measures.cardiothoracic_ratio.tolist() == pytest.approx([3 / 14] * 4)  # columns 6-8 of columns 1-14
    outlines = tables["outlines"]
    assert set(outlines.image_id) == {"known"}
    heart_part = outlines[outlines.structure == "heart"]
    assert (heart_part.x.min(), heart_part.x.max()) == (6.5 / 16, 8.5 / 16)
    assert outlines[outlines.structure == "lungs"].part.nunique() == 2


def test_a_run_learns_and_leaves_its_record(few):
    record = runs.train(TINY, "smoke")
    assert record.history.loss.iloc[-1] < record.history.loss.iloc[0]
    assert record.info["images"] == {"train": 8, "val": 4, "test": 5, "synthetic": 5, "randomised": 5, "films": 4}
    dice = record.table("dice")
    assert dice.groupby(["set", "structure"]).size().to_dict() == {
        (name, structure): 5 for name in ("randomised", "synthetic") for structure in ("heart", "lungs")
    }
    assert dice.dice.between(0, 1).all() and (dice.iou <= dice.dice).all()
    assert set(record.table("measures").set) == {"synthetic", "randomised", "films"}
    assert model_path("smoke", record.run_id).stat().st_size == record.info["model_bytes"]


def test_adult_images_are_tried_where_they_are_given_and_never_shown(few, monkeypatch):
    test = pd.DataFrame({"row": [1], "image_id": ["film1"], "patient_id": ["film1"], "y_true": [1]})
    assert "adult" not in {case.set for case in segmentation._cases(test, "full")}
    monkeypatch.setenv("CXR_EXTERNAL_DIR", str(tiny_external.write(few / "external")))
    assert "adult" not in {case.set for case in segmentation._cases(test, "smoke")}
    (adult,) = (case for case in segmentation._cases(test, "full") if case.set == "adult")  # only one has a mask
    assert (adult.image_id, adult.patient_id, adult.shown) == ("a", "8", False)
    assert adult.heart is None and adult.lungs.shape == adult.pixels.shape == (40, 48)


def test_a_segmenter_that_finds_nothing_leaves_readable_tables(few):
    image, lungs, heart = planted(1)
    blank = images.Case("blank", "p", "synthetic", 0, np.full_like(image, 120), lungs, heart, shown=True)
    tables = segmentation._tables(by_brightness(), [blank], {"lungs": lungs, "heart": heart})
    assert tables["dice"].dice.tolist() == [0, 0]
    record = records.write(TINY, "smoke", {}, tables)
    assert list(record.table("outlines")) == list(segmentation.OUTLINE) and record.table("outlines").empty
