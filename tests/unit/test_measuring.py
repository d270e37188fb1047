"""Maps of a detector that is known by hand, measured part by part, resumably, and joined to tables of means and differences."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from tiny_models import detector, linear, two_blobs

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.saliency import controls, explained_networks, localiser, map_table, measuring, methods
from cxr_helpers.extras.saliency import map_measures as names
from cxr_helpers.extras.saliency.drawn_truth import NIH, SIDE, Truth

PLACE = slice(round(6 / 32 * SIDE), round(10 / 32 * SIDE))  # of the detector's bright blob
KNOWN = set(controls.KNOWN) - {localiser.NAME}
CHEAP = {"gradcam", "gradcam_plusplus", "hirescam", "layercam", "gradient_input"}


@pytest.fixture
def truth(tmp_path, monkeypatch):
    """Return four images of a bright blob, whose place was drawn, and let the detector be the network."""
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path))
    monkeypatch.setattr(measuring, "_identity", lambda name: "detector")
    monkeypatch.setattr(explained_networks, "boxes", lambda images: [(slice(0, 112), slice(0, 224))] * len(images))
    monkeypatch.setattr(explained_networks, "prepared", lambda images, size, variant: np.stack([two_blobs()] * len(images)))
    monkeypatch.setattr(localiser, "maps", lambda truth: None)
    model = detector()
    network = explained_networks.Network("final", "one", "none", 0.4, lambda: model)
    monkeypatch.setattr(explained_networks, "load", lambda name: network)
    masks = np.zeros((4, SIDE, SIDE), bool)
    masks[:, PLACE, PLACE] = True
    table = pd.DataFrame({"image_id": list("abcd"), "patient_id": list("ppqq"), "y_true": 1, "license": ""})
    images = np.repeat(two_blobs()[None].repeat(7, 1).repeat(7, 2), 4, axis=0)
    return Truth(NIH, table, images, masks, np.ones(masks.shape, bool), np.ones(masks.shape, bool))


def parts(truth, left_out=None):
    frames = measuring.of_network("final", truth, False, [] if left_out is None else left_out)
    return {frame.method.iloc[0]: frame for frame in frames}


def test_a_method_that_looks_at_the_blob_finds_it(truth):
    found = parts(truth)
    assert set(found) == CHEAP | KNOWN
    gradcam, random = found["gradcam"], found[controls.RANDOM]
    assert gradcam[names.HIT].tolist() == [1] * 4 and (gradcam[names.PR] > 5 * random[names.PR]).all()
    assert random[names.ENERGY].mean() == pytest.approx(1, abs=0.1) and (gradcam.right == 1).all()
    assert (gradcam[f"{names.CUT}{names.HIT}"] == 1).all()  # the blob lies in the box, the upper half


def test_shuffled_weights_are_judged_on_the_images_on_which_the_trained_network_is_right(truth, monkeypatch):
    trained = explained_networks.load("final")
    untrained = dataclasses.replace(trained, name="final, shuffled weights", threshold=1.1)  # calls nothing PNEUMONIA
    monkeypatch.setattr(explained_networks, "load", lambda name: untrained if "shuffled" in name else trained)
    frames = list(measuring.of_network(untrained.name, truth, False, []))
    assert {frame.method.iloc[0] for frame in frames} == CHEAP and all((frame.right == 1).all() for frame in frames)


def test_shuffled_weights_are_as_large_and_lie_elsewhere():
    model = linear(np.arange(64, dtype="float32").reshape(8, 8))
    kernel, shuffled = (each.get_weights()[0].ravel() for each in (model, explained_networks.shuffled(model)))
    assert sorted(shuffled) == sorted(kernel) and (shuffled != kernel).mean() > 0.5 and (kernel == np.arange(64)).all()


def test_a_stopped_call_goes_on_and_another_network_is_measured_anew(truth, monkeypatch):
    before = parts(truth)
    monkeypatch.setattr(methods, "maps", lambda *_: pytest.fail("made again"))
    pd.testing.assert_frame_equal(before["gradcam"], parts(truth)["gradcam"])
    monkeypatch.setattr(measuring, "_identity", lambda name: "another")
    with pytest.raises(pytest.fail.Exception):
        parts(truth)


def test_a_refusal_is_kept_with_its_reason_and_the_rest_is_made(truth, monkeypatch):
    monkeypatch.setattr(methods, "maps", lambda name, model, images, target: np.full(images.shape, np.nan))
    left_out = []
    assert set(parts(truth, left_out)) == KNOWN
    assert len(left_out) == len(CHEAP) and left_out[0].startswith("gradcam, final") and "NaN" in left_out[0]


def test_a_network_that_is_not_here_is_one_sentence(truth, monkeypatch):
    def absent(name):
        raise CxrError("The model of run r is not on this machine; train it.")

    monkeypatch.setattr(explained_networks, "load", absent)
    left_out = []
    assert parts(truth, left_out) == {} and left_out == ["The model of run r is not on this machine; train it."]


def test_a_broken_part_is_named(truth, tmp_path):
    parts(truth)
    (path,) = (tmp_path / "full" / "explanation_measures").glob("*-gradcam-*.npz")
    path.write_bytes(b"PK broken")
    left_out = []
    parts(truth, left_out)
    assert "cannot be read" in left_out[0] and "cxr measure-maps" in left_out[0]


def test_other_profiles_have_no_truth():
    with pytest.raises(CxrError, match="give --profile full"):
        measuring.measure("smoke")


def test_a_map_of_a_box_is_put_where_the_box_lies():
    places = [(slice(0, 112), slice(112, 224))]
    whole = explained_networks.placed(np.ones((1, 16, 16), "float32"), places)
    assert whole[0, : SIDE // 2, SIDE // 2 :].min() > 0.9 and whole.sum() == pytest.approx(SIDE**2 / 4)


def values(method, hits, right=(1, 1, 1, 0), model="final", cut=None):
    rows = {"image_id": list("abcd"), "patient_id": list("pqrs"), "right": right, names.HIT: hits}
    rows |= {f"{names.CUT}{names.HIT}": cut} if cut else {}
    return pd.DataFrame({"method": method, "model": model, "data": NIH} | rows)


ROWS = map_table.long(
    pd.concat(
        [
            values("gradcam", [1.0, 1, 1, 0], cut=[1.0, 1, 0, 0]),
            values("lime", [1.0, 0, np.nan, np.nan]),
            values(controls.CENTRE, [0.0, 0, 1, 1]),
            values("gradcam", [0.0, 0, 0, 0], model="final, shuffled weights"),
        ]
    )
)


def test_means_are_of_right_images_of_all_and_of_those_that_methods_has():
    table = map_table.measures(ROWS).set_index(["method", "model", "data"])
    assert table.loc[("gradcam", "final", NIH), "value"] == 1 and table.loc[("gradcam", "final", NIH), "n"] == 3
    assert table.loc[("gradcam", "final", NIH + names.ALL), "value"] == 0.75
    assert table.loc[("gradcam", "final", NIH + names.SAME), "n"] == table.loc[("lime", "final", NIH), "n"] == 2
    assert table.loc[("gradcam", "final, cut", NIH), "value"] == pytest.approx(2 / 3)


def test_differences_are_paired_and_every_control_has_its_own():
    found = map_table.comparisons(ROWS).set_index(["method", "control"])
    assert found.loc[("gradcam", controls.CENTRE), ["value", "n"]].tolist() == [pytest.approx(2 / 3), 3]
    assert found.loc[("lime", controls.CENTRE), "n"] == 2  # the images that both have
    assert found.loc[("gradcam", names.RANDOM_WEIGHTS), "value"] == 1
    assert found.loc[("gradcam", names.CUT_CONTROL), "value"] == pytest.approx(1 / 3)
    assert (found.p_holm >= found.p_value).all() and found.p_holm.max() <= 1


def test_tables_are_stored_read_and_shown(workplace):
    raw = pd.concat([values("gradcam", [1.0, 1, 1, 0]), values(controls.CENTRE, [0.0, 0, 1, 1])])
    assert map_table.write("full", raw, {"left_out": []}).name == "explanation_measures.csv"
    table, compared = names.load("full"), names.load("full", names.COMPARISONS)
    assert list(table) == names.COLUMNS and list(compared) == names.COMPARED and names.about("full") == {"left_out": []}
    shown = names.by_method(table, NIH, "final", [names.HIT])
    assert shown.method.tolist() == ["Grad-CAM", controls.CENTRE] and shown[names.HIT].tolist() == [
        1,
        pytest.approx(1 / 3, abs=1e-5),
    ]
    assert names.differences(compared, NIH, "final", names.HIT).images.tolist() == [3]
    names.path("full").write_bytes(b"\xff\xfe")
    with pytest.raises(CxrError, match="cannot be read.*cxr measure-maps"):
        names.load("full")
