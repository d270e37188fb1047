"""Random augmentation of training images, as Keras layers that stay outside the saved model."""

import math
from collections.abc import Callable
from functools import partial

import keras
from keras import layers, ops

from cxr_helpers.config import one_of


class RandomResizedCrop(layers.Layer):
    """Crop a random box of random area and aspect and stretch it to the image's size (Szegedy et al. 2015).

    `scale` bounds the box's share of the area, drawn uniformly; `ratio` the factor between its relative width and height,
    drawn on a log scale; a side that would leave the image is cut. Without `training` the images pass as they are.
    """

    def __init__(self, scale: tuple[float, float], ratio: tuple[float, float], seed: int, dtype: str = "float32") -> None:
        super().__init__(dtype=dtype)
        self.scale, self.ratio, self.draws = scale, ratio, keras.random.SeedGenerator(seed)

    def call(self, images, training: bool = False):
        """Return the images (N, H, W, C), float, cropped each by its own box."""
        if not training:
            return images
        count, height, width = ops.shape(images)[0], *images.shape[1:3]
        area = self._uniform(count, *self.scale)
        ratio = ops.exp(self._uniform(count, *map(math.log, self.ratio)))
        wide, high = (ops.minimum(1.0, ops.sqrt(share)) for share in (area * ratio, area / ratio))
        left, top = (self._uniform(count, 0.0, 1.0) * (1 - side) for side in (wide, high))
        none = ops.zeros_like(wide)
        corner = left * (width - 1), top * (height - 1)
        boxes = ops.stack([wide, none, corner[0], none, high, corner[1], none, none], axis=1)
        return ops.image.affine_transform(images, boxes, interpolation="bilinear", fill_mode="nearest")

    def _uniform(self, count, low: float, high: float):
        return keras.random.uniform((count,), low, high, seed=self.draws)


def _crop(scale: float | None) -> list[Callable[..., keras.Layer]]:
    """Return random crops of at least `scale` of the area, after which neither a chest's size nor the aspect says anything.

    With None nothing is cropped, and the rest stays.
    """
    return [
        partial(layers.RandomRotation, 7 / 360, fill_mode="constant"),
        *([partial(RandomResizedCrop, (scale, 1.0), (3 / 4, 4 / 3))] if scale else []),
        partial(layers.RandomContrast, 0.3, value_range=(0, 255)),
        partial(layers.RandomBrightness, 0.2, value_range=(0, 255)),
    ]


POLICIES = {
    "rahman": [  # Rahman et al. 2024, Table 2; shear is read as a fraction of the image
        partial(layers.RandomRotation, 7 / 360, fill_mode="nearest"),
        partial(layers.RandomTranslation, 0.05, 0.05, fill_mode="nearest"),
        partial(layers.RandomShear, 0.2, 0.2, fill_mode="nearest"),
        partial(layers.RandomZoom, 0.45, 0.45, fill_mode="nearest"),
        partial(layers.RandomFlip, "horizontal"),
    ],
    "thesis": [  # the block before Kondragunta's ResNet50 (Table 2 names no layer): rotation, zoom, shifts, flip (reading)
        partial(layers.RandomRotation, 0.1, fill_mode="nearest"),
        partial(layers.RandomZoom, 0.1, fill_mode="nearest"),
        partial(layers.RandomTranslation, 0.1, 0.1, fill_mode="nearest"),
        partial(layers.RandomFlip, "horizontal"),
    ],
    "kilaru": [  # Kilaru 2025; ±10° is a reading
        partial(layers.RandomRotation, 10 / 360, fill_mode="nearest"),
        partial(layers.RandomFlip, "horizontal"),
    ],
    "mild": [  # what a frontal radiograph can show; no flip
        partial(layers.RandomRotation, 10 / 360, fill_mode="constant"),
        partial(layers.RandomTranslation, 0.08, 0.08, fill_mode="constant"),
        partial(layers.RandomZoom, (-0.2, 0.1), (-0.2, 0.1), fill_mode="constant"),
        partial(layers.RandomContrast, 0.3, value_range=(0, 255)),
        partial(layers.RandomBrightness, 0.15, value_range=(0, 255)),
    ],
    "crop": _crop(0.3),
    "crop_large": _crop(0.8),
    "uncropped": _crop(None),
    "crop_wide": _crop(0.08),  # as networks for photographs are trained
    # Applied first, although it is drawn last: the sharpness that resizing leaves says nothing either.
    "crop_blur": [*_crop(0.3), partial(layers.RandomGaussianBlur, 0.5, 5, (0.3, 1.0), value_range=(0, 255))],
    "skin": [  # Rokad and Nagarajan; a lesion has no upright, so by any angle (reading)
        partial(layers.RandomRotation, 0.5, fill_mode="nearest"),
        partial(layers.RandomFlip, "horizontal_and_vertical"),
    ],
}


def build(name: str, seed: int) -> keras.Sequential | None:
    """Return the named augmentation of float images (N, H, W, C) in 0..255, the identity without `training=True`; or None.

    It works at full precision whatever the policy of the model: at half precision a place would be off by a pixel.
    """
    if one_of("augmentation", name, ("none", *POLICIES)) == "none":
        return None
    steps = [step(seed=seed + place, dtype="float32") for place, step in enumerate(POLICIES[name])]
    if name == "crop_blur":
        steps.insert(0, steps.pop())
    for step in steps:
        # Keras' geometric layers call themselves unfit for XLA, which is so under TensorFlow; JAX would go step by step.
        step.supports_jit = step.supports_jit or keras.backend.backend() == "jax"
    return keras.Sequential(steps, name="augmentation")
