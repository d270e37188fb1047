"""Images in several files are read as one array, in any order, and only those asked for."""

import numpy as np
import pytest

from cxr_helpers.data import batches
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.benchmarks import fresh_process
from cxr_helpers.extras.other_sets import shards


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (11, 6, 5), dtype=np.uint8)


@pytest.fixture
def index(images, tmp_path):
    """Write the images to files of 4, 4 and 3 in two folders, and their index; return it."""
    files = [tmp_path / name for name in ("a/0.npy", "b/1.npy", "a/2.npy")]
    for number, file in enumerate(files):
        file.parent.mkdir(exist_ok=True)
        np.save(file, images[4 * number : 4 * number + 4])
    shards.save(files, tmp_path / "index" / "images.json")
    return tmp_path / "index" / "images.json"


def test_any_index_reads_what_the_array_holds(images, index):
    packed = shards.load(index)
    assert packed.shape == images.shape and packed.dtype == images.dtype and len(packed) == 11
    chosen = np.array([10, 0, 4, 4, 3, -1])
    for rows in (
        7,
        -1,
        np.int64(4),
        slice(None),
        slice(2, 9, 3),
        chosen,
        chosen.tolist(),
        images[:, 0, 0] > 100,
        np.array([], int),
    ):
        assert np.array_equal(packed[rows], images[rows])
    assert np.array_equal(np.asarray(packed), images) and np.array_equal(list(packed), images)
    with pytest.raises(IndexError):
        packed[11]


def test_batches_of_a_network_are_those_of_the_array(images, index):
    ours, theirs = (
        batches.Batches(source, np.arange(11), np.zeros((11, 1)), 4, seed=1) for source in (shards.load(index), images)
    )
    assert len(ours) == len(theirs) == 3
    for step in range(3):  # iterating itself ends by itself in newer Keras only
        assert np.array_equal(ours[step][0], theirs[step][0])


def test_a_file_that_is_missing_cut_off_or_of_other_images_is_named(images, index, tmp_path):
    second = tmp_path / "b" / "1.npy"
    whole = second.read_bytes()
    packed = shards.load(index)
    second.write_bytes(whole[:-10])
    with pytest.raises(CxrError, match="1.npy ends before its image 3"):
        packed[:]
    with pytest.raises(CxrError, match="1.npy cannot be read"):
        shards.load(index)
    np.save(second, images[:, :3])
    with pytest.raises(CxrError, match="1.npy holds images of"):
        shards.load(index)
    np.save(second, images.astype("float32"))
    with pytest.raises(CxrError, match="1.npy holds no images"):
        shards.load(index)
    second.unlink()
    with pytest.raises(CxrError, match="1.npy cannot be read"):
        shards.load(index)


def _read_all(index, times: int) -> float:
    """Return the rise of this process's peak memory (MB) while all images are read in batches."""
    packed, meter = shards.load(index), fresh_process.Meter()
    _, _, rise = meter(lambda: [packed[start : start + 32].sum() for _ in range(times) for start in range(0, len(packed), 32)])
    return rise


def test_reading_all_takes_the_memory_of_a_batch(tmp_path):
    files = [tmp_path / f"{number}.npy" for number in range(4)]
    for file in files:
        np.save(file, np.ones((256, 256, 256), np.uint8))  # 16 MB each
    shards.save(files, tmp_path / "images.json")
    assert fresh_process.alone(_read_all, tmp_path / "images.json", 2) < 16
