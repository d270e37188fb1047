"""Thousands of spoiled images, and bombs, through readers and real commands: no crash, no hang, little memory, a reason."""

import collections
import contextlib
import functools
import io
import os
import random
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
import tiny_images
from commands import cxr, only_long
from fuzzed import IDENTITY, chunk, dicom, many_scans, png, resized_jpeg, seeds, spoiled
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

from cxr_helpers.data import image_files
from cxr_helpers.extras.inference import out_of_distribution, published_model

FILES = 2000  # at least, all different
LONG = int(os.environ.get("CXR_FUZZ") or 20_000)  # of the long form, anew each time
FRONTAL = ("real.jpeg", "real.png")
MEMORY = 1200  # MB, of a command that reads all of them


def drawn(count: int, seed: int = 0) -> dict[bytes, str]:
    """Return so many different spoiled files, each with the name of what it was made from."""
    rng, found = random.Random(seed), {}
    while len(found) < count:
        name, data = spoiled(rng)
        found.setdefault(data, name)
    return found


def outcome(path, data: bytes) -> str:
    """Write a file, read it and return "image" or the reason for its refusal; anything else fails."""
    path.write_bytes(data)
    try:
        image = image_files.read(path)
    except image_files.Refused as refusal:
        found = refusal.reason
    else:
        assert image.pixels.ndim == 2 and image.pixels.dtype == np.uint8 and min(image.pixels.shape) >= image_files.SMALLEST_SIDE
        out_of_distribution.coloured(path)
        found = "image"
    return found


@pytest.fixture(scope="module")
def files() -> dict[bytes, str]:
    """Spoiled files, the same ones every time, and the whole ones."""
    return drawn(FILES) | {data: name for name, data in seeds().items()}


def test_every_spoiled_file_is_a_image_or_refused_with_a_reason(files, tmp_path):
    reasons = collections.Counter(outcome(tmp_path / "image", data) for data in files)
    assert 0.05 * len(files) < reasons["image"] < 0.6 * len(files)  # neither blind nor paranoid
    assert len(reasons) >= 8
    assert not any(IDENTITY in reason or "4711" in reason for reason in reasons)
    print(f"{len(files):,} files: {dict(reasons.most_common())}")


def test_damage_is_seen_or_changes_nothing(tmp_path):
    """A cut stream is always refused, and any change of a PNG file; of a JPEG stream, which has no checksum, it is counted."""
    whole = {name: data for name, data in seeds().items() if name in ("grey.jpeg", "progressive.jpeg", "grey.png", "real.jpeg")}
    rng, accepted, moved, tried = np.random.default_rng(0), *(collections.Counter() for _ in range(3))
    for name, data in whole.items():
        (tmp_path / "whole").write_bytes(data)
        pixels = image_files.read(tmp_path / "whole").pixels
        start, end = data.find(b"\xff\xda") + 16 if name.endswith("jpeg") else data.find(b"IDAT") + 4, b"\xff\xd9"
        for place in map(int, rng.integers(start, len(data) - 80, 300)):
            flipped = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
            dropped = data[:place] + data[place + 64 :]
            for kind, spoilt in {"flip": flipped, "drop": dropped, "cut": data[:place] + end}.items():
                (tmp_path / "spoilt").write_bytes(spoilt)
                tried[name, kind] += 1
                with contextlib.suppress(image_files.Refused):
                    found = image_files.read(tmp_path / "spoilt").pixels
                    if not np.array_equal(found, pixels) and not out_of_distribution.damaged(tmp_path / "spoilt", found):
                        accepted[name, kind] += 1
                        moved[name, kind] += found.shape != pixels.shape or np.abs(found.astype(int) - pixels).mean() > 3
    said = {f"{name}, {kind}": f"{accepted[name, kind]} ({moved[name, kind]})" for name, kind in tried}
    print(f"of 300 each accepted with other pixels, without a warning (by more than 3 grey values on average): {said}")
    for name, kind in tried:
        if name == "grey.png" or kind == "cut":
            assert accepted[name, kind] == 0, (name, kind)
        assert moved[name, kind] <= 0.05 * tried[name, kind], (name, kind)


def test_the_real_command_lists_each_refused_file(files, tmp_path):
    root = tiny_images.write(tmp_path / "images")
    spoilt = root / "train" / "NORMAL"
    for number, data in enumerate(files):
        (spoilt / f"{number:05d}.jpeg").write_bytes(data)
    done = cxr("prepare", "--profile", "full", CXR_DATA_DIR=root, CXR_ROOT=tmp_path / "project", CXR_GEOMETRY=None)
    assert done.code == 0, done.err
    assert done.peak < MEMORY
    kept = pd.read_csv(tmp_path / "project/build/full/manifest.csv").path
    refused = pd.read_csv(tmp_path / "project/build/full/refused.csv", keep_default_na=False)
    everything = {path.relative_to(root).as_posix() for path in root.rglob("*.jpeg")}
    assert set(kept) | set(refused.path) == everything and not set(kept) & set(refused.path)
    assert len(kept) + len(refused) == len(everything)
    assert (refused.reason != "").all() and f"{len(refused)} files left out" in done.out


@functools.cache
def bomb(window: int = zlib.MAX_WBITS) -> bytes:
    """Return a few bytes that unpack to 1 GiB of zeros."""
    made, zeros = zlib.compressobj(1, zlib.DEFLATED, window), bytes(1 << 24)
    return b"".join(made.compress(zeros) for _ in range(64)) + made.flush()


def deflated_dicom() -> bytes:
    """Return a DICOM file that unpacks to 1 GiB."""
    whole = dicom(tiny_images.image(0), DeflatedExplicitVRLittleEndian)
    body = whole.index(b"1.2.840.10008.1.2.1.99") + 22
    return whole[:body] + bomb(-zlib.MAX_WBITS)


BOMBS = {
    "PNG of 2^31 pixels a side": (lambda: png(2**31 - 1, 2**31 - 1, b""), "no image|million pixels"),
    "PNG of 60,000 pixels a side": (lambda: png(60_000, 60_000, bomb()), "more than 50 million pixels"),
    "PNG of 12,000 pixels a side": (lambda: png(12_000, 12_000, bomb()), "more than 50 million pixels"),
    "PNG with 1 GiB for 48 pixels": (lambda: png(48, 48, bomb()), "image|damaged"),
    "PNG whose text is 1 GiB": (lambda: png(48, 48, zlib.compress(bytes(48 * 49)), text_chunk()), "image|no image|damaged"),
    "JPEG of 65,500 pixels a side": (lambda: resized_jpeg(65_500, 65_500), "more than 50 million pixels"),
    "JPEG of a million scans' start": (lambda: many_scans(20_000), "scans"),
    "DICOM of 65,535 pixels a side": (lambda: dicom(tiny_images.image(0), Rows=65_535, Columns=65_535), "million pixels"),
    "RLE of 65,535 pixels a side": (lambda: claimed(65_535), "million pixels"),
    "RLE of 1 GiB for 2,688 pixels": (lambda: compressed(rle_frame()), "damaged DICOM"),
    "JPEG of 144 megapixels in a DICOM": (lambda: compressed(resized_jpeg(12_000, 12_000), JPEGBaseline8Bit), "damaged DICOM"),
    "DICOM of 64 bits a pixel": (lambda: dicom(tiny_images.image(0), BitsAllocated=64), "no single grey frame"),
    "DICOM of a million frames": (lambda: dicom(tiny_images.image(0), NumberOfFrames=1_000_000), "no single grey frame"),
    "deflated DICOM of 1 GiB": (deflated_dicom, "deflated as a whole"),
}


def text_chunk() -> bytes:
    return chunk(b"zTXt", b"Comment\0\0" + bomb())


def claimed(side: int) -> bytes:
    image = pydicom.dcmread(io.BytesIO(dicom(tiny_images.image(0), RLELossless)))
    image.Rows = image.Columns = side
    target = io.BytesIO()
    pydicom.dcmwrite(target, image)
    return target.getvalue()


def compressed(frame: bytes, syntax: str = RLELossless) -> bytes:
    """Return a DICOM file of 56×48 pixels that holds any compressed frame."""
    image = pydicom.dcmread(io.BytesIO(dicom(tiny_images.image(0, 56, 48), RLELossless)))
    image.PixelData, image.file_meta.TransferSyntaxUID = encapsulate([frame]), syntax
    target = io.BytesIO()
    pydicom.dcmwrite(target, image)
    return target.getvalue()


def rle_frame() -> bytes:
    """Return an RLE frame of two segments, each of which unpacks to 512 MiB of zeros."""
    segment = b"\x81\0" * (1 << 22)  # 128 zeros a pair
    return struct.pack("<16L", 2, 64, 64 + len(segment), *[0] * 13) + 2 * segment


def test_bombs_cost_a_reason_and_no_memory(tmp_path):
    folder = tmp_path / "images"
    tiny_images.write(folder)
    bombs = folder / "train" / "NORMAL"
    for name, (make, _) in BOMBS.items():
        (bombs / f"{name}.jpeg").write_bytes(make())
    (bombs / "an endless device.jpeg").symlink_to("/dev/zero")
    os.mkfifo(bombs / "a pipe that nobody fills.jpeg")
    with open(bombs / "a file of one terabyte.jpeg", "wb") as sparse:
        sparse.truncate(10**12)
    done = cxr("prepare", "--profile", "full", CXR_DATA_DIR=folder, CXR_ROOT=tmp_path / "project", CXR_GEOMETRY=None)
    assert done.code == 0, done.err
    assert done.peak < 600
    refused = pd.read_csv(tmp_path / "project/build/full/refused.csv").set_index("path").reason
    reasons = {name: refused.get(f"train/NORMAL/{name}.jpeg", "image") for name in BOMBS}
    for name, (_, expected) in BOMBS.items():
        assert pd.Series([reasons[name]]).str.contains(expected).all(), (name, reasons[name])
    assert refused["train/NORMAL/an endless device.jpeg"] == "unreadable (it is no file)"
    assert refused["train/NORMAL/a pipe that nobody fills.jpeg"] == "unreadable (it is no file)"
    assert refused["train/NORMAL/a file of one terabyte.jpeg"] == "1,000,000 MB, more than 500"
    done = cxr("predict", bombs, "--table", tmp_path / "table.csv")
    assert done.code == 0 and done.peak < 2500, done.err  # the network takes more than half of it
    rows = pd.read_csv(tmp_path / "table.csv", keep_default_na=False).set_index("file").problem
    for path in bombs.iterdir():
        reason = refused.get(f"train/NORMAL/{path.name}")
        assert rows[str(path)].startswith(f"{path} is refused: {reason};") if reason else rows[str(path)] == "", path.name


def test_names_that_are_no_text_or_look_like_code_are_listed(tmp_path):
    root = tiny_images.write(tmp_path / "images")
    hostile = ["a\nb", 'a,"b', "=cmd|' /C calc'!A0", "$(touch pwned)", "`touch pwned`", "<script>alert(1)<", '#read("x")', "ü 胸"]
    for name in hostile:
        (root / "train/NORMAL" / f"{name.replace('/', '')}.jpeg").write_text("no image")
    with open(os.path.join(os.fsencode(root / "train/NORMAL"), b"\xff\xfe.jpeg"), "wb") as handle:
        handle.write(seeds()["grey.jpeg"])
    places = {"CXR_DATA_DIR": root, "CXR_ROOT": tmp_path / "project", "CXR_GEOMETRY": None}
    done = cxr("prepare", "--profile", "full", cwd=tmp_path, **places)
    assert done.code == 0, done.err
    refused = pd.read_csv(tmp_path / "project/build/full/refused.csv").set_index("path").reason
    shown = (name.replace("/", "").replace("\n", r"\n") for name in hostile)  # as on the screen: no control character
    named = {f"train/NORMAL/{name}.jpeg" for name in shown}
    assert set(refused.index) == named | {r"train/NORMAL/\xff\xfe.jpeg"}
    assert refused[r"train/NORMAL/\xff\xfe.jpeg"] == "its name is no UTF-8"
    assert not list(tmp_path.rglob("pwned*"))


def test_predict_answers_for_images_names_the_rest_and_lets_out_no_patient(files, tmp_path):
    chosen = [(data, name) for data, name in files.items()][:: len(files) // 16]
    chosen += [(data, name) for name, data in seeds().items()]
    paths = []
    for number, (data, name) in enumerate(chosen):
        paths.append(tmp_path / f"{number:03d} {name}")
        paths[-1].write_bytes(data)
    expected = {path.name: outcome(path, data) for path, (data, _) in zip(paths, chosen, strict=True)}
    done = cxr("predict", *paths, "--out", tmp_path / "maps")
    assert done.code == 1 and "Traceback" not in done.err
    for name, found in expected.items():
        assert (name in done.out) == (found == "image"), name
        assert found == "image" or f"{name} is refused: {found}" in done.err
    maps = list((tmp_path / "maps").iterdir())
    assert len(maps) == sum(found == "image" for found in expected.values())
    said = (done.out + done.err).replace(str(tmp_path), "")  # whose number is that of the test run
    for secret in (IDENTITY, "Doe", "4711", "19700101"):
        assert secret not in said and not any(secret.encode() in beside_pixels(path) for path in maps)
    assert not any(secret.encode() in path.read_bytes() for path in maps for secret in (IDENTITY, "19700101"))


def beside_pixels(png: Path) -> bytes:
    """Return all chunks of a PNG but the compressed pixels, in which any three bytes may stand by chance."""
    data, place, kept = png.read_bytes(), 8, b""
    while place < len(data):
        length, kind = int.from_bytes(data[place : place + 4]), data[place + 4 : place + 8]
        kept += b"" if kind == b"IDAT" else data[place : place + 12 + length]
        place += 12 + length
    assert kept.endswith(b"IEND\xaeB`\x82")
    return kept


def said(path: Path, frontal: bool) -> tuple[np.ndarray, set[str]]:
    """Return a file's pixels and what `cxr predict` warns of; its rules for chests count where the whole file is `frontal`."""
    read = image_files.read(path)
    words = [read.warning, out_of_distribution.damaged(path, read.pixels), out_of_distribution.poor(read.pixels)]
    words += [out_of_distribution.COLOURED] if read.mode != "L" and out_of_distribution.coloured(path) else []
    if frontal:
        rules = out_of_distribution.load(published_model.folder())
        words += out_of_distribution.warnings(out_of_distribution.thumbnail(read.pixels)[None], rules)
    return read.pixels, {each for each in words if each}


def damage(path: Path, data: bytes, whole: tuple[np.ndarray, set[str]] | None, frontal: bool) -> str:
    """Say what became of a spoiled file: refused, as the whole one, warned of, or how far its greys are other ones."""
    found = outcome(path, data)
    if found != "image":
        return "refused"
    pixels, words = said(path, frontal)
    if whole is not None and np.array_equal(pixels, whole[0]):
        return "equal"
    if words - (whole[1] if whole else set()):
        return "warned of"
    alike = whole is not None and pixels.shape == whole[0].shape
    return "few greys" if alike and np.abs(pixels.astype(int) - whole[0]).mean() <= 3 else "other greys"


@only_long
@pytest.mark.fuzz_long
def test_many_more_spoiled_files(tmp_path):
    """No crash, and of what has a checksum no damage is accepted; of a JPEG stream and of bare values it is counted."""
    found, whole, kinds = drawn(LONG, seed=time.time_ns()), {}, collections.defaultdict(collections.Counter)
    for name, data in seeds().items():
        (tmp_path / "whole").write_bytes(data)
        with contextlib.suppress(image_files.Refused):
            whole[name] = said(tmp_path / "whole", name in FRONTAL)
    for data, name in found.items():
        kinds[name.rpartition(".")[2]][damage(tmp_path / "image", data, whole.get(name), name in FRONTAL)] += 1
    print(f"{len(found):,} files, no crash: { {kind: dict(counts) for kind, counts in kinds.items()} }")
    print(f"made from: {dict(collections.Counter(found.values()).most_common())}")
    assert not kinds["png"]["few greys"] + kinds["png"]["other greys"]
    for kind in ("jpeg", "dcm", "tif"):
        assert kinds[kind]["other greys"] <= 0.02 * kinds[kind].total(), kind
