"""What must hold on the real set; needs CXR_DATA_DIR with all its images."""

import itertools

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxr_helpers import paths
from cxr_helpers.data import dataset, manifest, packing, splits

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def images():
    """The manifest of the whole real set."""
    if not paths.from_environment("CXR_DATA_DIR"):
        pytest.skip("CXR_DATA_DIR is not set")
    difference = dataset.difference(dataset.discover("full").root)
    if difference:
        pytest.skip(f"CXR_DATA_DIR is not the whole set: {difference}")
    return manifest.load("full")


@pytest.fixture(scope="module")
def correlated(images):
    """Pearson correlations (N, N) of the images' thumbnails."""
    rows = manifest.standardise(packing.load("full", 32))
    return rows @ rows.T


def test_every_published_image_is_read_and_none_refused(images):
    assert len(images) == 5856
    assert images["label"].value_counts().to_dict() == {"PNEUMONIA": 4273, "NORMAL": 1583}
    assert manifest.refused("full").empty
    assert images["image_id"].is_unique


def test_every_name_is_understood(images):
    assert images.loc[images["label"] == "PNEUMONIA", "patient_id"].str.fullmatch(r"person\d+_(bacteria|virus)").all()
    assert images.loc[images["label"] == "NORMAL", "patient_id"].str.fullmatch(r"(NORMAL2-)?IM-\d{4}").all()
    assert (images["pathogen"] == "").equals(images["label"] == "NORMAL")


def test_no_patient_is_in_two_folders(images):
    # Kaggle cut its 16 val images out of train, so the two count as one folder.
    side = images["folder"].eq("test")
    assert side.groupby(images["patient_id"]).nunique().max() == 1


def test_the_number_alone_is_no_patient(images, correlated):
    ill = images[images["label"] == "PNEUMONIA"]
    number = ill["patient_id"].str.split("_").str[0]
    assert ill.groupby(number)["pathogen"].nunique().eq(2).sum() > 500

    def alike(key):
        pairs = [pair for rows in ill.groupby(key).indices.values() for pair in itertools.combinations(rows, 2)]
        rows = ill.index.to_numpy()[np.array(pairs)]
        return correlated[rows[:, 0], rows[:, 1]], rows

    same, _ = alike("patient_id")
    shared, rows = alike(number)
    other = shared[images["pathogen"].to_numpy()[rows[:, 0]] != images["pathogen"].to_numpy()[rows[:, 1]]]
    strangers = correlated[np.random.default_rng(0).choice(ill.index, (5000, 2)).T.tolist()].mean()
    assert same.mean() > strangers + 0.03
    assert other.mean() < strangers + 0.01


@pytest.mark.parametrize("protocol", ["official", "patient_cv_0"])
def test_the_parts_share_no_patient(images, protocol):
    split = splits.make(images, protocol)
    assert split.groupby("patient_id")["split"].nunique().max() == 1


def test_rahman_matches_table_1(images):
    split = splits.make(images, "rahman_919")
    assert split["split"].value_counts().to_dict() == {"train": 4642, "val": 295, "test": 919}


def test_duplicates_stay_within_a_class_and_a_part(images):
    copies = images[images["duplicate_group"] >= 0].groupby("duplicate_group")
    assert copies.ngroups > 0
    assert copies["label"].nunique().max() == 1
    assert copies["folder"].nunique().max() == 1
    assert images.groupby("sha256")["duplicate_group"].nunique().max() == 1


def test_the_duplicate_threshold_lies_in_a_gap(images, correlated):
    close = np.argwhere(np.triu(correlated > 0.98, 1))
    digests = images["sha256"].to_numpy()
    # Nothing between 0.98 and the copies themselves: no threshold in that range would group other images.
    assert (digests[close[:, 0]] == digests[close[:, 1]]).all()


def test_the_width_alone_separates_the_test_images(images):
    test = images[images["folder"].eq("test") & images["width"].notna()]
    if test.empty:
        pytest.skip("the published sizes are unknown: set CXR_GEOMETRY")
    assert roc_auc_score(test["y_true"], -test["width"]) > 0.9


def test_packed_images_have_the_statistics_of_the_manifest(images):
    packed = packing.load("full", 224)
    sample = images.index[::500]
    np.testing.assert_allclose(packed[sample].mean(axis=(1, 2)), images.loc[sample, "mean"], atol=1.5)
