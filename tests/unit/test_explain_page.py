"""The page of one image: complete in itself, escaped, truthful, and refused where something is missing."""

import base64
import re

import cv2
import numpy as np
import pytest
from published_detector import published, rules  # noqa: F401
from tiny_models import GREY, SIDE, two_blobs

from cxr_helpers.errors import CxrError
from cxr_helpers.explain import overlay
from cxr_helpers.extras.inference.predict import LONGEST_SIDE
from cxr_helpers.extras.saliency import explain_page, methods


@pytest.fixture
def image(tmp_path):
    """Write an image with a bright blob, under a name that HTML could take for a tag."""
    bright = two_blobs()
    bright[22:26] = GREY
    path = tmp_path / "<b>image & co.png"
    cv2.imwrite(str(path), cv2.resize(bright, (96, 64), interpolation=cv2.INTER_NEAREST))
    return path


def pictures(text: str) -> list[np.ndarray]:
    data = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    return [cv2.imdecode(np.frombuffer(base64.b64decode(each), "uint8"), cv2.IMREAD_COLOR).astype(int) for each in data]


def test_page_asks_for_nothing_and_says_what_the_model_says(published, image, tmp_path):  # noqa: F811
    out = explain_page.write(image, ["gradcam", "occlusion"], tmp_path / "page.html", model_dir=published)
    text = out.read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:)|url\(|<script|https?:', text)
    assert "default-src 'none'; img-src data:" in text
    assert "&lt;b&gt;image &amp; co.png" in text and "<b>" not in text
    # 16 of 1,024 pixels with weight 3: log-odds 48 / 1,024.
    assert f"{1 / (1 + np.exp(-48 / 1024)):.4f}" in text and "0.5000, chosen on validation" in text
    assert "51.2% in PNEUMONIA (not calibrated)" in text and "what speaks for PNEUMONIA" in text
    assert "Not for clinical use" in text and "must not be used for" in text
    assert all(methods.found()[name].title in text and methods.found()[name].says in text for name in ("gradcam", "occlusion"))
    assert list(tmp_path.glob(".*page.html")) == []


def test_colour_lies_where_the_evidence_is(published, image, tmp_path):  # noqa: F811
    out = explain_page.write(image, ["gradcam", "occlusion"], tmp_path / "page.html", model_dir=published)
    shown, heat, _, same, signed, bar = pictures(out.read_text(encoding="utf-8"))
    assert shown.shape == heat.shape == (64, 96, 3) and (shown == same).all()
    assert np.ptp(heat[14:18, 22:26], axis=-1).min() > 60 and np.ptp(heat[40:], axis=-1).max() <= 1
    assert (signed[14:18, 22:26, 2] > signed[14:18, 22:26, 0]).all()  # red (BGR) speaks for PNEUMONIA
    assert bar[0, 0, 0] > bar[0, 0, 2] and bar[0, -1, 2] > bar[0, -1, 0]  # from blue to red


def test_another_target_turns_signed_maps_and_blank_ones_say_so(published, image, tmp_path):  # noqa: F811
    out = explain_page.write(image, ["gradcam", "occlusion"], tmp_path / "page.html", "NORMAL", published)
    text = out.read_text(encoding="utf-8")
    signed = pictures(text)[4]
    assert (signed[14:18, 22:26, 0] > signed[14:18, 22:26, 2]).all()  # blue: against NORMAL
    assert "blank map" in text and "what speaks for NORMAL" in text


def test_the_lungs_are_outlined_and_the_share_of_the_map_in_them_is_said(published, image, tmp_path, monkeypatch):  # noqa: F811
    """The lungs are a square around the bright blob, from which all that speaks for PNEUMONIA comes."""
    masks = np.zeros((1, 64, 96), bool)
    masks[0, 2:32, 8:40] = True
    monkeypatch.setattr(explain_page.lungs, "found", lambda images: (masks, np.ones(1, bool)))
    text = explain_page.write(image, ["gradcam"], tmp_path / "page.html", model_dir=published).read_text(encoding="utf-8")
    plain, heat = pictures(text)[:2]
    border = heat[[2, 31], 20].tolist() + heat[20, [8, 39]].tolist()
    assert border == [list(overlay.OUTLINE[::-1])] * 4 and heat[50, 60].tolist() == plain[50, 60].tolist()
    share, area = re.search(
        r"(\d+)% of what speaks for PNEUMONIA lies in the lungs \(outlined\), which cover (\d+)%", text
    ).groups()
    assert int(share) > 90 and int(area) == round(100 * 30 * 32 / (64 * 96))


@pytest.mark.parametrize("found", [(np.zeros((1, 64, 96), bool), np.zeros(1, bool)), CxrError("The segmenter is missing.")])
def test_a_page_without_lungs_says_why(published, image, tmp_path, monkeypatch, found):  # noqa: F811
    def answer(images):
        if isinstance(found, CxrError):
            raise found
        return found

    monkeypatch.setattr(explain_page.lungs, "found", answer)
    text = explain_page.write(image, ["gradcam"], tmp_path / "page.html", model_dir=published).read_text(encoding="utf-8")
    assert ("No outline of the lungs: The segmenter is missing." if isinstance(found, CxrError) else "no plausible lungs") in text
    assert "lies in the lungs" not in text


def test_what_cannot_be_explained_is_one_sentence_and_no_page(published, image, tmp_path):  # noqa: F811
    (tmp_path / "letter.png").write_text("Dear colleague")
    out = tmp_path / "page.html"
    for message, call in {
        "no image": lambda: explain_page.write(tmp_path / "letter.png", ["gradcam"], out, model_dir=published),
        "'cam' is unknown": lambda: explain_page.write(image, ["cam"], out, model_dir=published),
        "--target HEALTHY does not exist": lambda: explain_page.write(image, ["gradcam"], out, "HEALTHY", published),
        "nowhere of page.html does not exist": lambda: explain_page.write(image, ["gradcam"], tmp_path / "nowhere" / "page.html"),
        "default.json does not exist": lambda: explain_page.write(image, ["gradcam"], out, model_dir=tmp_path),
        "is a folder; name a file in it": lambda: explain_page.write(image, ["gradcam"], tmp_path, model_dir=published),
    }.items():
        with pytest.raises(CxrError, match=message):
            call()
    assert not out.exists()


def test_the_side_of_a_image_is_that_of_its_pixels(published, tmp_path):  # noqa: F811
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((2 * LONGEST_SIDE, LONGEST_SIDE), GREY, "uint8"))
    shown = pictures(explain_page.write(path, ["gradcam"], tmp_path / "page.html", model_dir=published).read_text())[0]
    assert shown.shape == (LONGEST_SIDE, LONGEST_SIDE // 2, 3) and SIDE < LONGEST_SIDE
