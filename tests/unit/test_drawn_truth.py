"""What people drew, read from tiny sets in their published layouts; what does not fit is one sentence."""

import cv2
import numpy as np
import pandas as pd
import pytest

from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import lungs
from cxr_helpers.extras.saliency import drawn_truth
from cxr_helpers.extras.saliency.drawn_truth import SIDE

BOXES = "image,source,label,x,y,width,height\na.png,RSNA,Lung Opacity,0.5,0.25,0.25,0.5\na.png,NIH,Mass,0,0,1,1\n"


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """Lay out three sets of one image each, whose truth is known, and return their folder."""
    monkeypatch.setenv("CXR_SETS_DIR", str(tmp_path))
    monkeypatch.setattr(lungs, "found", lambda images: (np.ones(images.shape, bool), np.ones(len(images), bool)))
    ramp = np.tile(np.linspace(20, 240, 224).astype("uint8"), (224, 1))
    for name in ("nih", "rsna_lungs", "lesion_masks"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "a.png"), ramp)
    (tmp_path / "nih" / "boxes.csv").write_text(BOXES)
    (tmp_path / "nih" / "metadata.csv").write_text("file,image,patient\na.png,a.png,7\n")
    half = ramp.copy()
    half[:, :112] = 0  # the automatic mask shows the right half
    cv2.imwrite(str(tmp_path / "rsna_lungs" / "a.png"), half)
    (tmp_path / "rsna_lungs" / "metadata.csv").write_text("file,rsna,patient\na.png,r,7\n")
    (tmp_path / "rsna_lungs" / "boxes.csv").write_text("rsna,x,y,width,height\nr,0.5,0,0.25,0.5\nr,0.3,0,0.3,0.5\n")
    bits = np.zeros((224, 224), "uint8")
    bits[:, :112] = 1
    bits[:56, :56] = 3
    bits[200:, 200:] = 16
    cv2.imwrite(str(tmp_path / "lesion_masks" / "mask.png"), bits)
    (tmp_path / "lesion_masks" / "metadata.csv").write_text("file,mask,patient,license\na.png,mask.png,7,CC BY\n")
    return tmp_path


def test_boxes_of_other_findings_are_left_out(sets):
    truth = drawn_truth.load(drawn_truth.NIH, 9)
    expected = np.zeros((SIDE, SIDE), bool)
    expected[SIDE // 4 : 3 * SIDE // 4, SIDE // 2 : 3 * SIDE // 4] = True
    assert (truth.masks[0] == expected).all() and truth.images.shape == (1, 224, 224)
    assert truth.table.patient_id.tolist() == ["7"] and truth.left_out.startswith("1 of 2 boxes")


def test_a_pixel_mask_gives_lesion_and_lungs_by_their_bits(sets):
    truth = drawn_truth.load(drawn_truth.LESIONS, 9)
    assert truth.masks[0, :28, :28].all() and truth.masks.sum() == 28 * 28
    assert truth.lungs[0, :, :56].all() and not truth.lungs[0, :, 56:].any()


def test_boxes_outside_the_automatic_mask_are_counted_and_dropped(sets):
    truth = drawn_truth.load(drawn_truth.RSNA, 9)
    assert truth.masks[0, : SIDE // 2, SIDE // 2 : 3 * SIDE // 4].all()
    assert truth.masks.sum() == (SIDE // 2) * (SIDE // 4)  # a third of the other box lies in the mask
    assert truth.left_out.startswith("1 of 2 boxes") and (truth.table.license == "").all()


@pytest.mark.parametrize("box", ["0.9,0.2,0.2,0.1", "0.1,0.2,0,0.1", "-0.1,0.2,0.3,0.1", "left,0.2,0.3,0.1"])
def test_a_box_outside_its_image_is_named_with_its_line(sets, box):
    (sets / "nih" / "boxes.csv").write_text(f"{BOXES}a.png,RSNA,Lung Opacity,{box}\n")
    with pytest.raises(CxrError, match=r"boxes\.csv, line 4: the box lies outside its image"):
        drawn_truth.load(drawn_truth.NIH, 9)


def test_a_mask_of_another_size_is_named(sets):
    cv2.imwrite(str(sets / "lesion_masks" / "mask.png"), np.ones((10, 10), "uint8"))
    with pytest.raises(CxrError, match=r"mask\.png is 10×10 but its image is 224×224"):
        drawn_truth.load(drawn_truth.LESIONS, 9)


def test_without_the_folder_the_variable_is_named(monkeypatch):
    monkeypatch.delenv("CXR_SETS_DIR", raising=False)
    with pytest.raises(CxrError, match="set CXR_SETS_DIR"):
        drawn_truth.load(drawn_truth.NIH, 9)


def test_a_box_has_a_pixel_and_a_share():
    tiny = pd.DataFrame({"x": [0.999], "y": [0.0], "width": [0.0001], "height": [0.0001]})
    assert drawn_truth.painted(tiny, 8)[0, 7] and drawn_truth.painted(tiny, 8).sum() == 1
    left = np.zeros((8, 8), bool)
    left[:, :4] = True
    box = next(pd.DataFrame({"x": [0.25], "y": [0.0], "width": [0.5], "height": [1.0]}).itertuples())
    assert drawn_truth.share_inside(box, left) == 0.5
