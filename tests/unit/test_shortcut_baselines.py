"""Shortcut baselines on made images, and on the real set what its description says of the image width."""

import os

import numpy as np
import pandas as pd
import pytest

from cxr_helpers.data import manifest, splits
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics, shortcut_baselines

N = 120
BLACK = np.zeros((N, 32, 32), "uint8")  # thumbnails that tell nothing


@pytest.fixture
def images():
    """Return a manifest in which NORMAL images are wide and dark, and a split of it."""
    rng = np.random.default_rng(0)
    y_true = np.arange(N) % 4 > 0
    table = pd.DataFrame(
        {"image_id": [f"f{i}" for i in range(N)], "patient_id": np.arange(N).astype(str), "y_true": y_true * 1}
    )
    table["width"] = np.where(y_true, 900, 1500) + rng.integers(0, 100, N)
    for column in shortcut_baselines.GREY_STATISTICS:
        table[column] = rng.normal(100 + 5 * y_true, 10)
    split = table[["image_id"]].assign(split=np.resize(["train", "train", "train", "val", "test"], N))
    return table, split


def auc(scores):
    return metrics.evaluate(scores[scores.split == "test"], n_boot=20).value.roc_auc


def test_scores_of_held_out_images_only_and_the_prevalence_of_training(images):
    table, split = images
    scores = shortcut_baselines.scores(table, split, BLACK)
    assert list(scores) == ["always PNEUMONIA", "image width", "grey statistics", "32×32 thumbnail"]
    for frame in scores.values():
        assert list(frame.columns) == ["image_id", "patient_id", "split", "y_true", "y_score"]
        assert set(frame.split) == {"val", "test"} and len(frame) == 2 * N // 5
    train = table[(split.split == "train").to_numpy()]
    assert (scores["always PNEUMONIA"].y_score == train.y_true.mean()).all()


def test_a_giveaway_width_is_found_and_labels_of_test_images_are_not_read(images):
    table, split = images
    scores = shortcut_baselines.scores(table, split, BLACK)
    assert (
        auc(scores["image width"]) == 1
        and 0.5 < auc(scores["grey statistics"]) < 1
        and auc(scores["always PNEUMONIA"]) == 0.5
    )
    held_out = (split.split != "train").to_numpy()
    flipped = shortcut_baselines.scores(table.assign(y_true=np.where(held_out, 1 - table.y_true, table.y_true)), split, BLACK)
    for name, frame in scores.items():
        assert (flipped[name].y_score == frame.y_score).all()


def test_the_thumbnail_reads_pixels_in_the_order_of_the_manifest(images):
    table, split = images
    rng = np.random.default_rng(1)
    thumbnails = rng.integers(0, 60, (N, 32, 32), dtype=np.uint8)
    thumbnails[table.y_true == 1, 10:20, 5:15] += 100
    split = split.sample(frac=1, random_state=2)  # the split's own order does not matter
    assert auc(shortcut_baselines.scores(table, split, thumbnails)["32×32 thumbnail"]) == 1


def test_an_unknown_width_leaves_that_model_out(images):
    table, split = images
    scores = shortcut_baselines.scores(table.assign(width=table.width.where(table.index > 0)), split, BLACK)
    assert "image width" not in scores and "grey statistics" in scores


def test_a_split_without_a_image_is_refused(images):
    table, split = images
    with pytest.raises(CxrError, match="f119"):
        shortcut_baselines.scores(table, split[:-1], BLACK)


@pytest.mark.realdata
@pytest.mark.skipif("CXR_DATA_DIR" not in os.environ, reason="CXR_DATA_DIR is not set")
def test_on_the_real_set_the_width_alone_reaches_095():
    table = manifest.load("full")
    scores = shortcut_baselines.scores(table, splits.make(table, "official"), np.zeros((len(table), 32, 32), "uint8"))
    if "image width" not in scores:
        pytest.skip("the published widths are not known (CXR_GEOMETRY is not set)")
    assert auc(scores["image width"]) == pytest.approx(0.950, abs=0.005)
