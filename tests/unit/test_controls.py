"""Control maps: what each marks, and that none knows the truth of its own image."""

import dataclasses

import cv2
import numpy as np
import pandas as pd
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.saliency import controls, localiser
from cxr_helpers.extras.saliency.drawn_truth import NIH, SIDE, Truth


def truth(lungs=None):
    """Return two images of one patient and one of another, each with a lesion of its own and an edge down the middle."""
    images = np.zeros((3, 224, 224), "uint8")
    images[:, :, 112:] = 200
    masks = np.zeros((3, SIDE, SIDE), bool)
    masks[0, :10], masks[1, :20], masks[2, 50:60] = True, True, True
    table = pd.DataFrame({"image_id": list("abc"), "patient_id": ["p", "p", "q"], "y_true": 1, "license": ""})
    return Truth("tiny", table, images, masks, lungs, np.ones(masks.shape, bool))


@pytest.mark.parametrize("name", [name for name in controls.KNOWN if name != localiser.NAME])
def test_every_control_is_a_map_of_every_image(name):
    maps = controls.maps(name, truth(lungs=np.ones((3, SIDE, SIDE), bool)))
    assert maps.shape == (3, SIDE, SIDE) and maps.dtype == np.float32 and maps.min() >= 0


def test_the_mean_of_others_knows_no_image_of_the_same_patient():
    maps = controls.maps(controls.OTHERS, truth())
    assert (maps[0] == maps[1]).all() and maps[0, 55, 0] == 1 and not maps[0, :20].any()
    assert maps[2, 5, 0] == 1 and maps[2, 15, 0] == 0.5 and not maps[2, 50:60].any()


def test_what_each_marks():
    centre, edges = (controls.maps(name, truth())[0] for name in (controls.CENTRE, controls.EDGES))
    assert centre[SIDE // 2, SIDE // 2] > 0.99 and centre[0, 0] < 0.05
    assert set(edges.argmax(axis=1)) <= {SIDE // 2 - 1, SIDE // 2} and edges[:, :20].max() == 0
    assert (controls.maps(controls.RANDOM, truth()) == controls.maps(controls.RANDOM, truth())).all()


def test_the_localiser_looks_at_no_set_that_it_learnt_from():
    assert controls.maps(localiser.NAME, truth()) is None


def test_the_localiser_finds_what_its_boxes_showed(monkeypatch):
    """Features of two channels, of which the first is bright where lesions are."""
    learnt = truth()
    monkeypatch.setattr(localiser, "trained_on", lambda: learnt)
    monkeypatch.setattr(localiser.lungs, "found", lambda images: (np.ones(images.shape, bool), np.ones(len(images), bool)))

    def features(images):
        small = np.stack([cv2.resize(mask.astype("float32"), (16, 16), interpolation=cv2.INTER_AREA) for mask in learnt.masks])
        return np.stack([small, np.zeros_like(small)], axis=-1)

    monkeypatch.setattr(localiser, "_features", features)
    localiser._head.cache_clear()
    found = localiser.maps(dataclasses.replace(learnt, name=NIH))
    localiser._head.cache_clear()
    assert all(one[mask].mean() > one[~mask].mean() + 0.1 for one, mask in zip(found, learnt.masks, strict=True))


def test_a_set_without_an_outline_of_the_lungs_has_no_such_control():
    assert controls.maps(controls.LUNGS, truth()) is None


def test_an_unknown_control_is_refused():
    with pytest.raises(CxrError, match="'centr' is unknown; choose one of random"):
        controls.maps("centr", truth())
