"""Image enhancement as named steps that compose; every step maps grey uint8 images to grey uint8 images."""

import inspect
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from cxr_helpers.base import plugins
from cxr_helpers.config import one_of

Step = Callable[[np.ndarray], np.ndarray]
COMMON_SIZE = 224  # pixels a side: what every image is brought to before anything else, whatever its own size


def resize(image: np.ndarray, size: int = COMMON_SIZE) -> np.ndarray:
    """Resize a (H, W) uint8 image to (size, size), averaging areas when it shrinks, else linearly.

    The aspect ratio is not kept, as in the source papers. Every image is brought to `COMMON_SIZE` first, in training and
    prediction alike, so that a published radiograph and its copy of that size are the same to a network of any smaller size.
    """
    shrinks = min(image.shape) >= size
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def gaussian(image: np.ndarray, kernel: int = 5) -> np.ndarray:
    """Smooth noise with a `kernel` × `kernel` Gaussian (sigma derived from the kernel by OpenCV)."""
    return cv2.GaussianBlur(image, (kernel, kernel), 0)


def median(image: np.ndarray, kernel: int = 3) -> np.ndarray:
    """Replace each pixel by the median of its `kernel` × `kernel` neighbourhood: removes specks, keeps edges."""
    return cv2.medianBlur(image, kernel)


def equalise(image: np.ndarray) -> np.ndarray:
    """Equalise the grey histogram over the whole image."""
    return cv2.equalizeHist(image)


def clahe(image: np.ndarray, clip: float = 2.0, tiles: int = 8) -> np.ndarray:
    """Equalise contrast within `tiles` × `tiles` regions, limited at `clip` (Zuiderveld 1994)."""
    return cv2.createCLAHE(clip, (tiles, tiles)).apply(image)


def stretch(image: np.ndarray, low: float = 1.0, high: float = 99.0) -> np.ndarray:
    """Stretch the grey values between two percentiles over 0..255; an image of one value stays as it is."""
    bottom, top = np.percentile(image, (low, high))
    if top <= bottom:
        return image.copy()
    return np.clip((image.astype(np.float32) - bottom) * (255 / (top - bottom)) + 0.5, 0, 255).astype(np.uint8)


class Pipeline(tuple[Step, ...]):
    """Named steps applied in order; another parameter than a step's default is given by `functools.partial`."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Apply every step to a (H, W) uint8 image and return a new image; the caller's array stays as it was."""
        for step in self:
            image = step(image)
        return image if self else image.copy()

    @property
    def described(self) -> str:
        """Return the steps and their parameters, as `gaussian(kernel=5) → equalise`; "as it is" where there is none."""
        said = []
        for step in self:
            name, (_, *parameters) = getattr(step, "func", step).__name__, inspect.signature(step).parameters.values()
            values = ", ".join(f"{parameter.name}={parameter.default:g}" for parameter in parameters)
            said.append(f"{name}({values})" if values else name)
        return " → ".join(said) or "as it is"


VARIANTS: dict[str, Pipeline] = {
    "none": Pipeline(),
    "gaussian": Pipeline((gaussian,)),
    "median": Pipeline((median,)),
    "equalise": Pipeline((equalise,)),
    "gaussian+equalise": Pipeline((gaussian, equalise)),
    "clahe": Pipeline((clahe,)),
    "gaussian+clahe": Pipeline((gaussian, clahe)),
    "stretch": Pipeline((stretch,)),
}


def described(variant: str) -> str:
    """Return the steps of a variant, or what a region (a plug-in) shows of the image; an unknown variant is a CxrError."""
    one_of("variant", variant, (*VARIANTS, *plugins.names("regions")))
    return VARIANTS[variant].described if variant in VARIANTS else plugins.load("regions", variant).described


def prepared(images: Sequence[np.ndarray], size: int, variant: str) -> np.ndarray:
    """Return what a network sees of images (H, W) uint8 of any size: uint8 (n, size, size).

    Every image is brought to `COMMON_SIZE`, a region is cut out of it there, and the rest of the variant's steps follow at
    the network's size, as in `packing.load`.
    """
    images = [resize(image) for image in images]
    if variant in VARIANTS:
        return np.stack([VARIANTS[variant](resize(image, size)) for image in images])
    return np.stack([resize(image, size) for image in plugins.load("regions", variant).of(np.stack(images))])
