"""Batches of images for Keras, cut from a packed array, identical on every backend."""

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """Yield (images float32 (n, H, W, 1) in 0..255, one-hot or 0/1 labels float32) in batches.

    `rows` are positions in `pixels` (uint8, (N, H, W)); `labels` belong to `rows`. With `seed` None the order is kept, else
    every epoch has its own permutation, the same for the same seed. With `mixup` > 0 every image and its label is mixed with
    another of the batch (Zhang et al. 2018): it keeps the share max(b, 1 - b), b drawn from Beta(`mixup`, `mixup`).
    """

    def __init__(self, pixels, rows, labels, batch_size: int, seed: int | None = None, mixup: float = 0.0) -> None:
        super().__init__()
        self.pixels, self.rows, self.labels = pixels, np.asarray(rows), np.asarray(labels, "float32")
        self.batch_size, self.seed, self.mixup = batch_size, seed, mixup
        self.begin(epoch=0)

    def begin(self, epoch: int) -> None:
        """Take up the order of an epoch, counted from 0."""
        self.epoch, count = epoch, len(self.rows)
        self.order = np.arange(count) if self.seed is None else np.random.default_rng([self.seed, epoch]).permutation(count)

    def on_epoch_end(self) -> None:
        """Draw the next epoch's order."""
        self.begin(self.epoch + 1)

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        inputs, labels = self.inputs(chosen), self.labels[chosen]
        return self._mixed(inputs, labels, index) if self.mixup else (inputs, labels)

    def inputs(self, chosen: np.ndarray) -> np.ndarray:
        """Return what a network takes of the chosen rows."""
        return images(self.pixels, self.rows[chosen])

    def _mixed(self, inputs: np.ndarray, labels: np.ndarray, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        partner, drawn = rng.permutation(len(inputs)), rng.beta(self.mixup, self.mixup, len(inputs)).astype("float32")
        kept = np.maximum(drawn, 1 - drawn)
        share, label_share = kept[:, None, None, None], kept[:, None]
        return share * inputs + (1 - share) * inputs[partner], label_share * labels + (1 - label_share) * labels[partner]


class StoredBatches(Batches):
    """Yield (features float32 (n, D), labels) from stored passes (views, N, D): every epoch takes the next view."""

    def __init__(self, views: np.ndarray, labels: np.ndarray, batch_size: int, seed: int) -> None:
        super().__init__(views, np.arange(views.shape[1]), labels, batch_size, seed)

    def inputs(self, chosen: np.ndarray) -> np.ndarray:
        """Return the features of the chosen rows in this epoch's view."""
        return np.asarray(self.pixels[self.epoch % len(self.pixels)][chosen])


def images(pixels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the images at `rows` of a packed array uint8 (N, H, W) or (N, H, W, 3) as float32 (n, H, W, 1 or 3) in 0..255."""
    return np.asarray(pixels[rows], "float32").reshape(len(rows), *pixels.shape[1:3], -1)


def targets(y_true: np.ndarray, units: int) -> np.ndarray:
    """Return labels for a head of `units` outputs: (n, 1) for one sigmoid unit, one-hot (n, 2) for two softmax units."""
    y_true = np.asarray(y_true, "float32")
    return y_true[:, None] if units == 1 else np.stack([1 - y_true, y_true], axis=1)
