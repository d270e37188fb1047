"""The gallery of one run and the panel that shows it: a tiny detector on four known images."""

import re

import numpy as np
import pandas as pd
import pytest
from tiny_explained import explained
from tiny_models import SIDE

from cxr_helpers.errors import CxrError
from cxr_helpers.explain import methods
from cxr_helpers.extras.saliency import gallery, map_pictures, viewer

KEPT = ("gradcam", "gradient_input", "occlusion")


@pytest.fixture
def record(workplace, monkeypatch):
    return explained(workplace, monkeypatch)


@pytest.fixture
def built(record, monkeypatch):
    monkeypatch.setattr(methods, "METHODS", {name: methods.METHODS[name] for name in KEPT})
    monkeypatch.setattr(gallery.members, "network_config", lambda run, profile: run.config)
    record.info["threshold"] = 0.505
    return gallery.of(record, "smoke")


def test_what_is_built_is_what_is_loaded(built, record):
    loaded = gallery.load(record)
    pd.testing.assert_frame_equal(built.answers, loaded.answers)
    assert list(loaded.maps) == list(KEPT) and loaded.about["threshold"] == 0.505
    for name in KEPT:
        np.testing.assert_array_equal(built.maps[name], loaded.maps[name])
        assert np.abs(loaded.maps[name]).max() <= loaded.about["limits"][name] * (1 + 1e-6)
    assert loaded.about["limits"]["gradcam"] == 1 and 0 < loaded.about["limits"]["occlusion"] != 1


def test_maps_speak_for_the_answer_that_was_given(built):
    scale = gallery.SIDE // SIDE
    places = {row.image_id: place for place, row in enumerate(built.answers.itertuples())}
    occlusion = built.maps["occlusion"]
    assert occlusion[places["a"], 7 * scale, 7 * scale] > 0  # a bright blob speaks for PNEUMONIA, which is the answer
    assert occlusion[places["b"], 7 * scale, 20 * scale] > 0  # a dark blob speaks for NORMAL, which is the answer
    assert set(built.answers.certainty) == {"most confident", "least confident"}


def test_a_gallery_of_another_run_or_without_arrays_is_refused(built, record):
    record.info["run_id"] = "other"
    with pytest.raises(CxrError, match="belongs to run"):
        gallery.load(record)
    record.add(gallery.FILE, b"no archive")
    with pytest.raises(CxrError, match="remove it and execute the chapter again"):
        gallery.load(record)


def test_a_image_that_a_method_refuses_costs_its_own_map_only(record, monkeypatch):
    monkeypatch.setattr(gallery.members, "network_config", lambda run, profile: run.config)
    record.info["threshold"] = 0.505

    def fussy(model, images, target):
        if (np.asarray(images).max(axis=(1, 2)) < 200).any():
            raise CxrError("This image is too dark; take another.")
        return np.ones(images.shape, "float32")

    method = methods.Method("Fussy", methods.FEATURE_MAPS, False, fussy, "Nothing.")
    monkeypatch.setattr(methods, "METHODS", {"fussy": method})
    built = gallery.of(record, "smoke")
    bright = built.answers.image_id.tolist().index("a")
    assert built.maps["fussy"][bright].all() and str(bright) not in built.about["refused"]["fussy"]
    assert set(built.about["refused"]["fussy"].values()) == {"This image is too dark; take another."}
    assert viewer.panel(built).count("No map: This image is too dark; take another.") == len(built.answers) - 1


def test_the_panel_has_every_pair_once_and_asks_for_nothing(built):
    page = viewer.panel(built)
    images, names = len(built.answers), len(KEPT)
    assert len(re.findall(r"<figure class=", page)) == images * names
    assert len(re.findall(r":has\(#map-viewer-image-\d+:checked\):has\(#map-viewer-method-\d+:checked\)", page)) == images * names
    assert page.count(' checked>') == 2 and "<script" not in page
    assert not [source for source in re.findall(r'src="([^"]*)"', page) if not source.startswith("data:image/jpeg;base64,")]
    assert page.count('alt="') == 2 * images * names


def test_the_figure_has_a_row_a_method_and_a_column_a_image(built):
    fig = map_pictures.by_method(built.images, built.maps, built.about["limits"], ["title"] * len(built.images))
    assert len(fig.axes) == (1 + len(KEPT)) * len(built.images)
    words = [ax.get_ylabel() for ax in fig.axes if ax.get_ylabel()]
    assert words[0] == "image" and words[1] == "Grad-CAM\n0 to 1" and words[2].startswith("Gradient × input\n±")
