"""Batches keep images and labels together, in an order of every epoch's own."""

import numpy as np

from cxr_helpers.data.batches import Batches, StoredBatches


def numbered(count: int) -> np.ndarray:
    """Return images (count, 2, 2) uint8, each of its number's grey value."""
    return np.arange(count, dtype="uint8")[:, None, None] * np.ones((1, 2, 2), "uint8")


def test_batches_keep_images_and_labels_together():
    batch = Batches(numbered(10), np.arange(10), np.arange(10)[:, None], 4, seed=1)
    first = [batch[i] for i in range(len(batch))]
    assert all((images[:, 0, 0, 0] == labels[:, 0]).all() for images, labels in first)
    assert sorted(np.concatenate([labels[:, 0] for _, labels in first])) == list(range(10))
    batch.on_epoch_end()
    assert not np.array_equal(first[0][1], batch[0][1])
    batch.begin(epoch=0)
    np.testing.assert_array_equal(first[0][1], batch[0][1])


def test_mixed_batches_mix_an_image_and_its_label_alike():
    made = [Batches(numbered(40), np.arange(40), np.arange(40)[:, None], 40, seed=1, mixup=1.0)[0] for _ in range(2)]
    images, labels = made[0]
    np.testing.assert_allclose(images[:, 0, 0, 0], labels[:, 0], rtol=1e-5)  # grey value and label are one number here
    assert np.any(labels % 1) and labels.min() >= 0 and labels.max() <= 39
    np.testing.assert_array_equal(images, made[1][0])


def test_every_epoch_takes_the_next_stored_view():
    views = np.stack([np.full((6, 3), view) for view in range(2)])
    batch = StoredBatches(views, np.arange(6)[:, None], 6, seed=0)
    seen = []
    for _ in range(3):
        seen.append(batch[0][0][0, 0])
        batch.on_epoch_end()
    assert seen == [0, 1, 0]
