"""Maps of a detector that is known by hand, measured part by part, resumably, and joined to a table."""

import dataclasses
import types

import numpy as np
import pandas as pd
import pytest
import tiny_external
from tiny_models import SIDE, detector, two_blobs

from cxr_helpers.config import Config
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.saliency import every_method, map_subjects, map_table, measuring
from cxr_helpers.extras.saliency import map_measures as names

PLAN = map_subjects.Plan(("gradcam", "occlusion"), {"test": (3, 2)}, ("m",), 1)


@pytest.fixture
def subject(tmp_path, monkeypatch):
    """Return the detector on three images with a bright blob, whose place is the mask."""
    monkeypatch.setenv("CXR_BUILD_DIR", str(tmp_path))
    monkeypatch.setitem(map_subjects.PLANS, "smoke", PLAN)
    images = np.stack([two_blobs()] * 3).astype("float32")
    masks = np.zeros(images.shape, bool)
    masks[:, 6:10, 6:10] = True
    table = pd.DataFrame({"image_id": list("abc"), "patient_id": list("abc"), "y_true": 1})
    known = map_subjects.Subject("test", names.ADULT, "m", 0, table, images, detector, "one")
    return dataclasses.replace(known, masks={names.LUNGS: masks}, faithful=True)


def parts(subject, left_out=None):
    return {part.method: part for part in measuring.of_subject(subject, "smoke", [] if left_out is None else left_out)}


def test_a_method_that_looks_at_the_blob_finds_it_and_is_faithful(subject):
    found = parts(subject)
    gradcam, uniform = found["gradcam"].values, found["uniform"].values
    assert gradcam[names.pointing(names.LUNGS)].tolist() == [1, 1, 1]
    assert uniform[names.energy(names.LUNGS)] == pytest.approx(16 / SIDE**2)
    assert (gradcam[names.energy(names.LUNGS)] > 5 * uniform[names.energy(names.LUNGS)]).all()
    assert (gradcam[names.DELETION] < found["random"].values[names.DELETION]).all()
    assert (gradcam[names.ROAD] > 0).all() and not gradcam[names.BLANK].any()


def test_slow_methods_take_the_first_images_only(subject):
    found = parts(subject)
    assert len(found["gradcam"].small) == 3 and len(found["occlusion"].small) == 2
    assert found["occlusion"].patients.tolist() == ["a", "b"]


def test_a_stopped_call_goes_on_and_other_images_are_made_anew(subject, monkeypatch):
    before = parts(subject)
    monkeypatch.setattr(every_method, "maps", lambda *_: pytest.fail("made again"))
    after = parts(subject)
    np.testing.assert_array_equal(before["gradcam"].values[names.ROAD], after["gradcam"].values[names.ROAD])
    with pytest.raises(pytest.fail.Exception):
        parts(dataclasses.replace(subject, identity="another"))


def test_a_refusal_is_kept_and_the_rest_is_made(subject, monkeypatch):
    def refuse(name, *_):
        raise CxrError("has no convolution.")

    monkeypatch.setattr(every_method, "maps", refuse)
    left_out = []
    assert set(parts(subject, left_out)) == {"random", "uniform", "centre", "edges"}
    assert len(left_out) == 2 and left_out[0].startswith("gradcam") and left_out[0].endswith("has no convolution.")


def test_a_broken_part_is_named(subject):
    parts(subject)
    path = measuring._path(subject, "gradcam", "smoke")
    path.write_bytes(b"PK broken")
    with pytest.raises(CxrError, match="gradcam.*cannot be read.*cxr measure-maps"):
        parts(subject)


def part(method, model, seed=0, state="", data=names.TEST, small=None, **values):
    small = np.random.default_rng(seed).random((4, 32, 32), dtype="float32") if small is None else small
    measures = {key: np.asarray(value, float) for key, value in values.items()}
    subject = map_subjects.Subject("test", data, model, seed, pd.DataFrame({"patient_id": list("pqrs")}), None, None, "", state)
    return map_table.Part(method, subject, small, measures)


def rows(*made):
    return map_table.rows(made, PLAN).set_index(["method", "model", "measure"]).sort_index()


def test_a_row_is_the_mean_over_seeds_and_images_with_its_interval():
    table = rows(*(part("gradcam", "m", seed, ROAD=np.array([0, 0, 1, 1]) + seed) for seed in (0, 1)))
    row = table.loc["gradcam", "m", "ROAD"]
    assert row.value == 1 and row.ci_low == 0.5 and row.ci_high == 1.5 and row.n == 4


def test_seeds_with_fewer_images_are_averaged_over_those_that_all_have():
    short = part("gradcam", "m", 1, ROAD=[1, 1, 1, 1])
    subject = dataclasses.replace(short.subject, table=short.subject.table.head(2))
    short = dataclasses.replace(short, subject=subject, small=short.small[:2], values={"ROAD": np.ones(2)})
    row = rows(part("gradcam", "m", 0, ROAD=[0, 0, 5, 5]), short).loc["gradcam", "m", "ROAD"]
    assert row.value == 0.5 and row.n == 2


def test_what_is_compared_with_what():
    same, other = (np.random.default_rng(seed).random((4, 32, 32), dtype="float32") for seed in (0, 1))
    short = same[:2]
    made = [part("gradcam", "m", 0, small=same), part("gradcam", "m", 1, small=same)]
    made += [part("gradcam", "m", 0, names.SHIFT, small=short), part("edges", "m", 0, small=other)]
    found = rows(*made)
    mine = found.loc["gradcam", "m"]
    assert mine.loc[names.alike("SSIM", names.SEEDS)].value == pytest.approx(1)
    assert mine.loc[names.alike("rank correlation", names.SHIFT)].value == pytest.approx(1)
    assert mine.loc[names.alike("rank correlation", names.SHIFT)].n == 2
    assert abs(mine.loc[names.alike("rank correlation", "with edges")].value) < 0.1


def test_images_are_chosen_by_label_and_seed_and_a_head_is_balanced():
    table = pd.DataFrame({"image_id": [f"i{number:02d}" for number in range(20)], "y_true": [0] * 8 + [1] * 12})
    chosen = map_subjects.chosen(table.sample(frac=1, random_state=3), 8)
    assert chosen.y_true.tolist() == [0, 1] * 4
    assert map_subjects.chosen(table, 4).image_id.tolist() == chosen.image_id.tolist()[:4]


def test_adult_images_come_with_their_lungs_at_the_models_size(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_EXTERNAL_DIR", str(tiny_external.write(tmp_path)))
    run = types.SimpleNamespace(config=Config("custom_cnn", size=32), run_id="r")
    adult = map_subjects._on_adult_images("adult", run, "mine", map_subjects.PLANS["full"], "smoke")
    assert adult.table.image_id.tolist() == ["a"] and adult.table.patient_id.tolist() == ["8"] and adult.target.tolist() == [1]
    assert adult.images.shape == (1, 32, 32) and adult.images.max() > 1
    assert adult.masks[names.LUNGS][0, :, :16].all() and not adult.masks[names.LUNGS][0, :, 16:].any()


def test_a_shift_is_undone_but_for_the_rim():
    image = np.arange(12.0).reshape(1, 3, 4)
    moved = map_subjects.shifted(image, 1)
    assert moved[0, 1, 1] == image[0, 0, 0] and moved[0, 0, 0] == image[0, 0, 0]
    np.testing.assert_array_equal(map_subjects.shifted(moved, -1)[0, :2, :3], image[0, :2, :3])


def test_every_plan_names_every_part_and_no_more_slow_images_than_quick_ones():
    for plan in map_subjects.PLANS.values():
        if plan is not PLAN:
            assert set(plan.images) == set(map_subjects.PARTS)
            assert all(quick >= slow for quick, slow in plan.images.values())
    assert set(every_method.found()) > map_subjects.SLOW
