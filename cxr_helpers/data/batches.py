"""Batches of images for Keras, cut from a packed array, identical on every backend."""

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """Yield (images float32 (n, H, W, 1) in 0..255, one-hot or 0/1 labels float32) in batches.

    `rows` are positions in `pixels` (uint8, (N, H, W)); `labels` belong to `rows`. With `seed` None the order
    is kept, else every epoch has its own permutation, the same for the same seed.
    """

    def __init__(self, pixels, rows, labels, batch_size: int, seed: int | None = None) -> None:
        super().__init__()
        self.pixels, self.rows, self.labels = pixels, np.asarray(rows), np.asarray(labels, "float32")
        self.batch_size, self.seed = batch_size, seed
        self.epoch = 0
        self.order = self._permutation()

    def _permutation(self) -> np.ndarray:
        if self.seed is None:
            return np.arange(len(self.rows))
        return np.random.default_rng([self.seed, self.epoch]).permutation(len(self.rows))

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return images(self.pixels, self.rows[chosen]), self.labels[chosen]

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self.epoch += 1
        self.order = self._permutation()

    def restart(self) -> None:
        """Go back to the first epoch's order."""
        self.epoch = 0
        self.order = self._permutation()


class MixedBatches(Batches):
    """Yield batches in which every image and its label is mixed with another of the batch (mixup: Zhang et al. 2018).

    An image keeps the share max(b, 1 - b), b drawn from Beta(`alpha`, `alpha`); partners and shares are the same for the
    same seed.
    """

    def __init__(self, pixels, rows, labels, batch_size: int, seed: int, alpha: float) -> None:
        super().__init__(pixels, rows, labels, batch_size, seed)
        self.alpha = alpha

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        images, labels = super().__getitem__(index)
        rng = np.random.default_rng([self.seed, self.epoch, index])
        partner, drawn = rng.permutation(len(images)), rng.beta(self.alpha, self.alpha, len(images)).astype("float32")
        kept = np.maximum(drawn, 1 - drawn)
        share, label_share = kept[:, None, None, None], kept[:, None]
        return share * images + (1 - share) * images[partner], label_share * labels + (1 - label_share) * labels[partner]


class StoredBatches(Batches):
    """Yield (features float32 (n, D), labels) from stored passes (views, N, D): every epoch takes the next view."""

    def __init__(self, views: np.ndarray, labels: np.ndarray, batch_size: int, seed: int) -> None:
        super().__init__(views, np.arange(views.shape[1]), labels, batch_size, seed)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return np.asarray(self.pixels[self.epoch % len(self.pixels)][chosen]), self.labels[chosen]


class Parted(keras.utils.PyDataset):
    """Yield the batches of `whole` in `parts` each, of equal size or one image less, for gradients that are summed up."""

    def __init__(self, whole: Batches, parts: int) -> None:
        super().__init__()
        self.whole, self.parts = whole, parts

    def __len__(self) -> int:
        return len(self.whole) * self.parts

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        batch, part = divmod(index, self.parts)
        images, labels = self.whole[batch]
        rows = np.arange(len(images))[part :: self.parts]
        if not len(rows):  # the last batch may hold fewer images than there are parts
            rows = np.array([part % len(images)])
        return images[rows], labels[rows]

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self.whole.on_epoch_end()


def images(pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the images at `rows` of a packed array uint8 (N, H, W) as float32 (n, H, W, 1) in 0..255."""
    return np.asarray(pixels[rows], "float32")[..., None]


def repeated(gray: np.ndarray, channels: int) -> np.ndarray:
    """Return grayscale images (n, H, W, 1) with the channel repeated for a backbone that expects RGB."""
    return np.repeat(gray, channels, axis=-1)


def targets(y_true: np.ndarray, units: int) -> np.ndarray:
    """Return labels for a head of `units` outputs: (n, 1) for one sigmoid unit, one-hot (n, 2) for two softmax units."""
    y_true = np.asarray(y_true, "float32")
    return y_true[:, None] if units == 1 else np.stack([1 - y_true, y_true], axis=1)
