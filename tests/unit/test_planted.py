"""Drawn images with a planted marker, and small networks that are kept once they are fitted."""

import numpy as np
import pytest

from cxr_helpers.extras.makers import planted


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path))
    monkeypatch.setitem(planted.TRAINING, "smoke", planted.Training(8, 1, 8, 1, tested=4))
    return tmp_path


def test_the_marker_is_where_its_mask_says_and_nowhere_else():
    plain, marked = (planted.drawn("train", 6, which) for which in ("none", "PNEUMONIA"))
    changed = plain.images != marked.images
    assert not (changed & ~marked.markers).any()
    assert marked.markers.any(axis=(1, 2)).tolist() == [False, True] * 3 == (marked.y_true == 1).tolist()
    rows, columns = np.nonzero(marked.markers.any(axis=0))
    assert rows.max() < planted.SIDE / 3 and columns.min() > planted.SIDE / 2
    assert (marked.markers & marked.lesions).sum() == 0


def test_a_image_has_the_same_letter_however_many_are_marked():
    some, every = (planted.drawn("train", 6, which) for which in ("PNEUMONIA", "all"))
    np.testing.assert_array_equal(some.markers[1], every.markers[1])
    assert every.markers.any(axis=(1, 2)).all()


def test_training_and_test_images_differ():
    train, test = (planted.drawn(split, 4, "none").images for split in ("train", "test"))
    assert (train != test).mean() > 0.5


def test_the_mean_lesion_is_a_share(tiny):
    share = planted.mean_lesion("smoke")
    assert share.shape == (planted.SIDE, planted.SIDE) and 0 < share.max() <= 1 and share[0].max() == 0


def test_a_network_is_fitted_once(tiny, monkeypatch):
    first = planted.model("marker", 0, "smoke")
    monkeypatch.setattr(planted, "_fitted", lambda *_: pytest.fail("fitted again"))
    again = planted.model("marker", 0, "smoke")
    assert all(map(np.array_equal, first.get_weights(), again.get_weights()))


def test_another_training_is_another_network(tiny, monkeypatch):
    planted.model("clean", 0, "smoke")
    monkeypatch.setitem(planted.TRAINING, "smoke", planted.Training(8, 2, 8, 1, tested=4))
    calls = []
    monkeypatch.setattr(planted, "_fitted", lambda *key: calls.append(key) or planted._network("clean"))
    planted.model("clean", 0, "smoke")
    assert calls == [("clean", 0, "smoke")]


def test_other_images_make_another_network_where_it_is_fitted_on_them(tiny, monkeypatch):
    calls = []
    monkeypatch.setattr(planted, "_fitted", lambda *key: calls.append(key) or planted._network(key[0]))
    for images in ("one", "two"):
        monkeypatch.setattr(planted.manifest, "data_hash", lambda manifest, images=images: images)
        for kind in ("labels", "clean"):
            planted.model(kind, 0, "smoke")
    assert calls == [("labels", 0, "smoke"), ("clean", 0, "smoke"), ("labels", 0, "smoke")]
