"""What `cxr predict` warns of: rules learnt from drawn images, tried on others, turned round, and on what is no image."""

import contextlib
import itertools

import cv2
import numpy as np
import pytest
from PIL import Image
from tiny_images import save

from cxr_helpers.data import image_files
from cxr_helpers.data.preprocessing import resize
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import out_of_distribution
from cxr_helpers.extras.other_sets import synthetic

SIDE = 160


def drawn(seeds, label="NORMAL"):
    return [resize(synthetic.image(seed, label).image, SIDE) for seed in seeds]


def small(*images):
    """Return what the rules see of images."""
    return np.stack([out_of_distribution.thumbnail(np.ascontiguousarray(image)) for image in images])


@pytest.fixture(scope="module")
def rules():
    images = drawn(range(20)) + drawn(range(20, 40), "PNEUMONIA")
    return out_of_distribution.learn(small(*images))


def ellipse(x, y, width, height):
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    return ((columns - x) / width) ** 2 + ((rows - y) / height) ** 2 < 1


def soft(picture):
    return cv2.GaussianBlur(picture, (0, 0), 2).astype(np.uint8)


def lateral():
    """Draw one dark lung field between the heart and the spine, which runs along the back."""
    picture = np.full((SIDE, SIDE), 20.0)
    picture[ellipse(0.5, 0.55, 0.38, 0.7)] = 150
    picture[ellipse(0.45, 0.45, 0.2, 0.33)] = 60
    picture[ellipse(0.33, 0.62, 0.12, 0.16)] = 170
    picture[:, int(0.66 * SIDE) : int(0.78 * SIDE)] = 210
    return soft(picture)


def ct_slice():
    """Draw a body in black air, with two lungs and a vertebra."""
    picture = np.zeros((SIDE, SIDE))
    picture[ellipse(0.5, 0.5, 0.42, 0.33)] = 150
    picture[ellipse(0.32, 0.45, 0.13, 0.2) | ellipse(0.68, 0.45, 0.13, 0.2)] = 20
    picture[ellipse(0.5, 0.7, 0.06, 0.06)] = 250
    return soft(picture)


def photograph():
    """Draw a landscape: a bright sky above a dark ground, and a house."""
    picture = np.full((SIDE, SIDE), 220.0)
    picture[SIDE // 2 :] = np.random.default_rng(0).uniform(20, 90, (SIDE - SIDE // 2, SIDE))
    picture[60:110, 20:70] = 120
    return soft(picture)


def test_frontal_images_that_the_rules_have_not_seen_pass(rules):
    fresh = drawn(range(100, 110)) + drawn(range(110, 120), "PNEUMONIA")
    # The limits lie near the least of 40 images, and each of three rules warns of about one new image in 40.
    assert out_of_distribution.warnings(small(*fresh), rules).count("") >= 16


@pytest.mark.parametrize(
    "change, words",
    [(np.invert, "inverted"), (np.flipud, "upside down"), (np.rot90, "upright frontal")],
)
def test_a_turned_image_is_warned_of(rules, change, words):
    turned = [change(image) for image in drawn(range(200, 202))]
    assert all(words in said for said in out_of_distribution.warnings(small(*turned), rules))


PICTURES = {"lateral": lateral(), "other side": lateral()[:, ::-1], "CT": ct_slice(), "photograph": photograph()}


@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_what_is_no_frontal_image_is_warned_of(rules, picture):
    assert out_of_distribution.warnings(small(picture), rules) != [""]


def test_a_blank_page_is_no_image(rules):
    assert out_of_distribution.warnings(small(np.full((80, 60), 255, np.uint8)), rules) != [""]


def test_each_figure_sees_what_it_is_for(rules):
    image, landscape, side, slice_ = small(*drawn([300]), photograph(), lateral(), ct_slice())[:, None]
    assert (
        out_of_distribution.alike(image, rules.chest)["likeness"]
        > 0.7
        > out_of_distribution.alike(landscape, rules.chest)["likeness"]
    )
    assert out_of_distribution.midline(image) > out_of_distribution.midline(side)
    assert out_of_distribution.frame(slice_) < 0.05 < out_of_distribution.frame(image)


def test_likeness_is_the_best_correlation_over_sizes_and_places(rules):
    """The bank of templates against a correlation that NumPy makes of each window."""
    images = small(*drawn([300]), photograph())
    chest, best = rules.chest.astype(np.float32), {name: np.full(2, -1.0) for name in ("likeness", *out_of_distribution.TURNED)}
    for high, wide in itertools.product((31, 28, 24, 22), (27, 24, 21, 18)):
        template = cv2.resize(chest, (wide, high), interpolation=cv2.INTER_AREA)
        turned = {"likeness": template, "inverted": -template, "upside down": np.flipud(template)}
        for row, column in np.ndindex(out_of_distribution.SIDE - high + 1, out_of_distribution.SIDE - wide + 1):
            for (place, image), (name, each) in itertools.product(enumerate(images), turned.items()):
                under = image[row : row + high, column : column + wide]
                best[name][place] = max(best[name][place], np.corrcoef(under.ravel(), each.ravel())[0, 1])
    for name, found in out_of_distribution.alike(images, rules.chest).items():
        np.testing.assert_allclose(found, best[name], atol=1e-4)


def test_what_has_no_contrast_is_like_nothing(rules):
    found = out_of_distribution.alike(np.full((1, out_of_distribution.SIDE, out_of_distribution.SIDE), 7, np.uint8), rules.chest)
    assert set(found) == {"likeness", *out_of_distribution.TURNED} and not any(each.any() for each in found.values())


def test_midline_and_frame_of_images_known_by_hand():
    image = np.full((1, out_of_distribution.SIDE, out_of_distribution.SIDE), 100, np.uint8)
    assert out_of_distribution.midline(image) == 0 and out_of_distribution.frame(image) == 1
    image[..., 14:18] = 200  # 4 of 32 columns: mean 112.5, deviation 100 · √(1/8 · 7/8); the strips beside it are at 100
    assert out_of_distribution.midline(image) == pytest.approx(1 / np.sqrt(1 / 8 * 7 / 8))
    framed = np.zeros((1, out_of_distribution.SIDE, out_of_distribution.SIDE), np.uint8)
    framed[:, 4:-4, 4:-4] = 100
    assert out_of_distribution.frame(framed) == 0


def test_rules_are_read_back_as_they_were_stored(rules, tmp_path):
    out_of_distribution.store(rules, tmp_path)
    again = out_of_distribution.load(tmp_path)
    np.testing.assert_array_equal(again.chest, rules.chest)
    assert again.limits == rules.limits


@pytest.mark.parametrize("content", [None, "", "{}", '{"chest": [[1]], "limits": {}}'])
def test_missing_or_broken_rules_name_the_command(tmp_path, content):
    if content is not None:
        (tmp_path / out_of_distribution.FILE).write_text(content)
    with pytest.raises(CxrError, match="frontal.json cannot be read.*cxr publish"):
        out_of_distribution.load(tmp_path)


def test_colour_is_seen_and_grey_in_three_channels_is_none(tmp_path):
    grey = drawn([1])[0]
    red = np.stack([grey // 2, grey // 2, grey], axis=-1)
    marked = np.stack([grey] * 3, axis=-1)
    marked[:20, :20] = (0, 0, 255)  # a coloured note on an image covers 400 of 25,600 pixels
    for name, picture in {"grey": grey, "rgb": np.stack([grey] * 3, axis=-1), "red": red, "marked": marked}.items():
        save(tmp_path / f"{name}.jpeg", picture)
    found = {name: out_of_distribution.coloured(tmp_path / f"{name}.jpeg") for name in ("grey", "rgb", "red", "marked")}
    assert found == {"grey": False, "rgb": False, "red": True, "marked": False}


def test_a_wrong_bit_that_moves_many_greys_of_a_jpeg_is_refused_or_warned_of(tmp_path):
    whole = cv2.imencode(".jpg", synthetic.image(1, "NORMAL").image)[1].tobytes()
    (tmp_path / "whole.jpeg").write_bytes(whole)
    pixels = image_files.read(tmp_path / "whole.jpeg").pixels
    assert not out_of_distribution.damaged(tmp_path / "whole.jpeg", pixels)
    spoilt, moved, warned, rng = tmp_path / "spoilt.jpeg", 0, 0, np.random.default_rng(0)
    for place in map(int, rng.integers(whole.find(b"\xff\xda") + 16, len(whole) - 2, 150)):
        spoilt.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with contextlib.suppress(image_files.Refused):
            found = image_files.read(spoilt).pixels
            moved += (large := bool(np.abs(found.astype(int) - pixels).mean() > 3))
            warned += large and bool(out_of_distribution.damaged(spoilt, found))
    print(f"{moved} of 150 files with a wrong bit have other greys, {warned} of them are warned of")
    assert moved >= 8 and warned >= 0.5 * moved
    (tmp_path / "no.png").write_bytes(cv2.imencode(".png", found)[1].tobytes())
    assert not out_of_distribution.damaged(tmp_path / "no.png", found)


def test_a_margin_at_a_boundary_of_blocks_is_no_damage(tmp_path):
    image = synthetic.image(1, "NORMAL").image
    image = image[: len(image) // 8 * 8]
    for height in range(8, 72, 8):
        framed = np.vstack([np.zeros_like(image[:height]), image, np.full_like(image[:height], 255)])
        (tmp_path / "framed.jpeg").write_bytes(cv2.imencode(".jpg", framed)[1].tobytes())
        assert not out_of_distribution.damaged(tmp_path / "framed.jpeg", image_files.read(tmp_path / "framed.jpeg").pixels)


@pytest.mark.parametrize("quality", [30, 75, 95])
def test_single_odd_entries_of_a_quantisation_table_are_warned_of(tmp_path, quality):
    path, image = tmp_path / "image.jpeg", synthetic.image(1, "NORMAL").image
    whole = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    start = whole.index(b"\xff\xdb") + 5
    path.write_bytes(whole)
    assert not out_of_distribution.damaged(path, image_files.read(path).pixels)
    for place in range(0, 64, 7):
        path.write_bytes(whole[: start + place] + bytes([whole[start + place] ^ 64]) + whole[start + place + 1 :])
        assert "quantisation table" in out_of_distribution.damaged(path, image_files.read(path).pixels)
    own = bytes(range(3, 67))  # of an encoder that is not libjpeg's kin
    path.write_bytes(whole[:start] + own + whole[start + 64 :])
    assert "quantisation" not in out_of_distribution.damaged(path, image_files.read(path).pixels)


@pytest.mark.parametrize("greys", [1, 2, 7])
def test_an_image_of_few_greys_is_warned_of(greys):
    image = np.tile(np.arange(256).clip(max=greys - 1).astype("uint8"), (200, 1))
    assert out_of_distribution.poor(image) == "has fewer than 8 grey values"
    assert not out_of_distribution.poor(synthetic.image(1, "NORMAL").image)


@pytest.mark.parametrize("how", [cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
def test_a_small_image_that_was_enlarged_is_warned_of(how):
    image = synthetic.image(1, "NORMAL").image
    noisy = np.clip(cv2.resize(image, (500, 400)) + np.random.default_rng(0).normal(0, 8, (400, 500)), 0, 255).astype("uint8")
    assert not out_of_distribution.poor(noisy) and not out_of_distribution.poor(cv2.resize(noisy, (224, 224)))
    small = cv2.resize(noisy, (28, 28), interpolation=cv2.INTER_AREA)
    for side in (112, 224, 1000):
        enlarged = cv2.resize(small, (side, side), interpolation=how)
        assert out_of_distribution.poor(enlarged) == out_of_distribution.ENLARGED


def test_what_stands_behind_the_pixels_of_a_tiff_file_is_warned_of_and_a_wrong_code_refused(tmp_path):
    image, path = synthetic.image(1, "NORMAL").image, tmp_path / "image.tif"
    for compression in ("raw", "tiff_lzw"):
        Image.fromarray(image).save(path, compression=compression)
        whole = path.read_bytes()
        np.testing.assert_array_equal(image_files.read(path).pixels, image)
        assert out_of_distribution.damaged(path, image) == ""
        if compression == "raw":
            path.write_bytes(whole[:2000] + b"damage" + whole[2000:])
            assert out_of_distribution.damaged(path, image_files.read(path).pixels) == out_of_distribution.LONGER
        else:
            path.write_bytes(whole[:2000] + b"\xff" * 8 + whole[2008:])
            with pytest.raises(image_files.Refused, match="truncated or damaged"):
                image_files.read(path)
