"""Reading one file: every image that is fine comes through unchanged, everything else is refused with its reason."""

import hashlib
import io
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny_images
from PIL import Image

from cxr_helpers.base.progress import printable
from cxr_helpers.data import grey_range, image_files
from cxr_helpers.errors import CxrError

IMAGE = tiny_images.image(0, 96, 80)
JPEG = cv2.imencode(".jpg", IMAGE)[1].tobytes()
PNG = cv2.imencode(".png", IMAGE)[1].tobytes()


def encoded(mode: str, kind: str) -> bytes:
    """Return FILM converted to a Pillow mode and saved."""
    handle = io.BytesIO()
    Image.fromarray(IMAGE).convert(mode).save(handle, kind)
    return handle.getvalue()


def png16(channels: int) -> bytes:
    return cv2.imencode(".png", np.full((40, 40, channels), 30000, np.uint16).squeeze())[1].tobytes()


def coloured_palette() -> bytes:
    handle = io.BytesIO()
    Image.fromarray(np.stack([IMAGE, 255 - IMAGE, IMAGE], axis=-1)).convert("P").save(handle, "PNG")
    return handle.getvalue()


REFUSED = {
    "zero bytes": (b"", "zero bytes"),
    "text": (b"patient 7: no finding\n", "no image"),
    "JPEG without its last 2 bytes": (JPEG[:-2], "truncated"),
    "JPEG without its last 20 bytes": (JPEG[:-20], "truncated"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], "truncated"),
    "half a JPEG, end marker put back": (JPEG[: len(JPEG) // 2] + b"\xff\xd9", "truncated"),
    "half a PNG": (PNG[: len(PNG) // 2], "truncated or damaged"),
    "16-bit colour": (png16(3), "16-bit colour image"),
    "CMYK": (encoded("CMYK", "JPEG"), "CMYK image"),
    "translucent": (cv2.imencode(".png", np.full((40, 40, 4), 100, np.uint8))[1].tobytes(), "RGBA image"),
    "coloured palette": (coloured_palette(), "palette image of colours"),
    "1-bit": (encoded("1", "PNG"), "1-bit image"),
    "GIF": (encoded("L", "GIF"), "GIF file"),
    "one pixel": (cv2.imencode(".png", np.zeros((1, 1), np.uint8))[1].tobytes(), "1×1 pixels"),
    "one row": (cv2.imencode(".png", np.zeros((1, 500), np.uint8))[1].tobytes(), "500×1 pixels"),
}


@pytest.mark.parametrize(("data", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_file_is_refused_with_its_reason(tmp_path, data, reason):
    path = tmp_path / "image.jpeg"
    path.write_bytes(data)
    with pytest.raises(image_files.Refused) as refusal:
        image_files.read(path)
    assert reason in refusal.value.reason
    assert str(path) in str(refusal.value)


def test_an_absent_file_and_a_folder_are_unreadable(tmp_path):
    for path in (tmp_path / "absent.jpeg", tmp_path):
        with pytest.raises(CxrError, match="unreadable"):
            image_files.read(path)


def test_a_lossless_image_keeps_every_pixel(tmp_path):
    path = tmp_path / "image.png"
    path.write_bytes(PNG)
    image = image_files.read(path)
    np.testing.assert_array_equal(image.pixels, IMAGE)
    assert image.mode == "L"
    assert image.sha256 == hashlib.sha256(PNG).hexdigest()


def test_an_alpha_channel_that_hides_nothing_is_left_away(tmp_path):
    path = tmp_path / "image.png"
    path.write_bytes(encoded("RGBA", "PNG"))
    np.testing.assert_array_equal(image_files.read(path).pixels, IMAGE)


@pytest.mark.parametrize("mode", ["P", "LA"])
def test_a_grey_palette_and_an_opaque_alpha_read_as_the_grey_image(tmp_path, mode):
    (tmp_path / "image.png").write_bytes(encoded(mode, "PNG"))
    image = image_files.read(tmp_path / "image.png")
    np.testing.assert_array_equal(image.pixels, IMAGE)
    assert image.mode == "L"


@pytest.mark.parametrize(("factor", "white"), [(257, "65,535"), (16, "4,095"), (1, "255")])
@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_of_16_bits_those_in_use_are_shown(tmp_path, kind, factor, white):
    path = tmp_path / f"image.{kind}"
    tiny_images.save(path, IMAGE.astype(np.uint16) * factor)
    image = image_files.read(path)
    assert np.abs(image.pixels.astype(int) - IMAGE).max() <= 1
    assert image.note == f"16-bit grey, shown from 0 (black) to {white} (white)"


def test_hot_pixels_and_padding_do_not_set_the_range():
    values, counts = np.arange(2**16), np.zeros(2**16, int)
    counts[10_000:13_001] = 50
    assert grey_range.extremes(values, counts) == (10_000, 13_000)
    counts[0], counts[65_535], counts[60_000] = 40_000, 2, 1  # a border, and three pixels of a broken detector
    assert grey_range.extremes(values, counts) == (10_000, 13_000)
    assert grey_range.extremes(-values, counts) == (-13_000, -10_000)


def test_an_rgb_image_of_grey_values_reads_as_the_grey_image(tmp_path):
    path = tmp_path / "image.jpeg"
    tiny_images.save(path, cv2.merge([IMAGE] * 3))
    image = image_files.read(path)
    assert image.mode == "RGB"
    assert image.pixels.shape == IMAGE.shape
    assert np.abs(image.pixels.astype(int) - IMAGE).max() < 12  # JPEG loses a little


@pytest.mark.parametrize("progressive", [0, 1])
def test_a_stream_with_a_hole_is_refused_whatever_its_end(tmp_path, progressive):
    whole = cv2.imencode(".jpg", tiny_images.image(0, 400, 300), [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])[1].tobytes()
    path = tmp_path / "image.jpeg"
    for share in (0.5, 0.7, 0.9):
        cut = whole[: int(share * len(whole))]
        path.write_bytes(cut + b"\xff\xd9")
        with pytest.raises(image_files.Refused, match="truncated|damaged"):
            image_files.read(path)


def test_what_a_maker_writes_behind_the_image_is_no_damage(tmp_path):
    path = tmp_path / "image.jpeg"
    path.write_bytes(JPEG + b"SEFT and a maker's trailer")
    assert image_files.read(path).pixels.shape == IMAGE.shape


def test_an_address_is_named_as_one(tmp_path):
    assert printable(Path("https://host/a.csv")) == "https://host/a.csv" and printable(tmp_path / "a") == str(tmp_path / "a")
    with pytest.raises(image_files.Refused, match="https://host/a.png is refused: an address; download"):
        image_files.read(Path("https://host/a.png"))


def test_progressive_and_padded_jpegs_are_images(tmp_path):
    padded, progressive = tmp_path / "padded.jpeg", tmp_path / "progressive.jpeg"
    padded.write_bytes(JPEG + b"\0\0")
    tiny_images.save(progressive, IMAGE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert image_files.read(padded).pixels.shape == image_files.read(progressive).pixels.shape == IMAGE.shape


def oriented(orientation: int, data: bytes = JPEG) -> bytes:
    """Return a JPEG file with an EXIF block that names how the camera was held."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    block = exif.tobytes()
    return data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:]


def test_a_image_is_turned_as_its_orientation_says_and_a_cut_one_is_found_all_the_same(tmp_path):
    path = tmp_path / "image.jpeg"
    path.write_bytes(oriented(6))
    assert image_files.read(path).pixels.shape == IMAGE.shape[::-1]
    for orientation in (3, 6, 8):
        path.write_bytes(oriented(orientation, JPEG[: len(JPEG) // 2] + b"\xff\xd9"))
        with pytest.raises(image_files.Refused, match="truncated"):
            image_files.read(path)


def test_blanks_and_any_script_may_stand_in_a_path(tmp_path):
    path = tmp_path / "Röntgen 胸部 images" / "person 1 – äußere.jpeg"
    tiny_images.save(path, IMAGE)
    assert image_files.read(path).pixels.shape == IMAGE.shape
    assert image_files.size(path) == (96, 80)


def test_the_size_of_no_image_is_refused(tmp_path):
    path = tmp_path / "notes.jpeg"
    path.write_text("no image")
    with pytest.raises(image_files.Refused, match="no image"):
        image_files.size(path)


@pytest.mark.parametrize(("at_least", "shape"), [(None, (400, 480)), (201, (400, 480)), (200, (200, 240)), (64, (100, 120))])
def test_a_jpeg_is_decoded_no_larger_than_asked(tmp_path, at_least, shape):
    image = cv2.GaussianBlur(tiny_images.image(0, 480, 400), (0, 0), 3)
    path = tmp_path / "image.jpeg"
    path.write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
    found = image_files.read(path, at_least)
    assert found.pixels.shape == shape and found.sha256 == image_files.read(path).sha256
    whole = cv2.resize(image, shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(found.pixels.astype(int) - whole).mean() < 1.5


def test_a_png_and_a_image_with_too_few_pixels_stay_whole(tmp_path):
    path = tmp_path / "image.png"
    path.write_bytes(PNG)
    assert image_files.read(path, 16).pixels.shape == IMAGE.shape


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_png_or_tiff_file_stands_upright_too(tmp_path, kind, orientation):
    image, exif = tiny_images.image(1, 96, 80), Image.Exif()
    exif[0x0112] = orientation
    options = {"exif": exif} if kind == "PNG" else {"tiffinfo": {0x0112: orientation}}
    Image.fromarray(image).save(tmp_path / "image", kind, **options)
    names = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE"}
    turn = (names | {8: "ROTATE_90"}).get(orientation)
    expected = np.asarray(Image.fromarray(image).transpose(Image.Transpose[turn])) if turn else image
    np.testing.assert_array_equal(image_files.read(tmp_path / "image").pixels, expected)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((40, 40), -3000, "int16"), "signed values"),
        (np.full((40, 40), 70_000, "uint32"), "more than 16 bits"),
        (np.zeros((2, 40, 40), "uint8"), "several pictures"),
    ],
)
def test_a_tiff_file_of_other_values_is_refused_by_what_it_holds(tmp_path, values, reason):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "image.tif", values, photometric="minisblack")
    with pytest.raises(image_files.Refused, match=reason):
        image_files.read(tmp_path / "image.tif")


def test_broken_tags_of_a_camera_are_not_spoken_of(tmp_path):
    data = cv2.imencode(".jpg", tiny_images.image(1, 96, 80))[1].tobytes()
    # A description of 65,535 bytes that is not there.
    block = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0e\x01\x02\0\xff\xff\0\0\x1a\0\0\0\0\0\0\0"
    (tmp_path / "image.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:])
    code = f"from cxr_helpers.data import image_files; print(image_files.read({str(tmp_path / 'image.jpg')!r}).pixels.shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # pytest filters anew
    assert done.stdout == "(80, 96)\n" and not done.stderr
