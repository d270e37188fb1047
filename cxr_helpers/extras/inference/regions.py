"""What a network is shown of a radiograph: the box of its lungs, the lungs alone, or everything but the lungs.

The box is found by the committed segmenter, in training and prediction alike. The other two ask what a network knows from where:
they take the masks drawn by hand, and the segmenter's for images that have none.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_path, mapped
from cxr_helpers.data import manifest
from cxr_helpers.extras.inference import lungs
from cxr_helpers.extras.other_sets import masked_images
from cxr_helpers.extras.statistics.cardiothoracic import MOST_DOUBT

MARGIN = 0.05  # of the box that is used; the wider ones are for comparison
_AT_ONCE = 256  # images


@dataclass(frozen=True)
class Region:
    """A region of an image; `cut` takes an image (H, W) uint8 and its mask (H, W), 0 or 1, `UNKNOWN` between the two.

    A mask without any lung stands for lungs that were not found: the whole image is used then.
    """

    shown: str
    hand_drawn: bool
    cut: Callable[[np.ndarray, np.ndarray], np.ndarray]

    @property
    def described(self) -> str:
        """Return what is shown, and whose masks say where it is; another segmenter is another region."""
        drawn = "drawn by hand, else " if self.hand_drawn and masked_images.available() else ""
        return f"{self.shown} (masks {drawn}of segmenter {lungs.digest()[:8]}, doubt below {MOST_DOUBT:g})"

    def of(self, images: np.ndarray) -> list[np.ndarray]:
        """Return the region of images (n, H, W) uint8 by the segmenter's masks; each may have another size."""
        return [self.cut(image, mask) for image, mask in zip(images, _found(images), strict=True)]

    def masks(self, profile: str, images: np.ndarray) -> np.ndarray:
        """Return the masks (N, H, W) int8 of all images of a profile, given in manifest order; kept in the build folder."""
        table = manifest.load(profile)
        state = f"{manifest.data_hash(table)} {self.described.partition('(')[2]}"
        path = paths.build(profile) / "packed" / f"masks-{hashlib.sha256(state.encode()).hexdigest()[:12]}.npy"
        if not path.is_file():
            array = np.concatenate([_found(images[start : start + _AT_ONCE]) for start in range(0, len(images), _AT_ONCE)])
            if self.hand_drawn and masked_images.available():
                for place, mask in masked_images.by_row(table, images.shape[1:]):
                    array[place] = mask
            with atomic_path(path) as temporary:
                np.save(temporary, array)
        return mapped(path)


def _found(images: np.ndarray) -> np.ndarray:
    """Return the segmenter's masks int8 of images (n, H, W); those that it does not trust itself hold no lung."""
    masks, trusted = lungs.found(images)
    return (masks & trusted[:, None, None]).astype(np.int8)


def _inside_box(image: np.ndarray, mask: np.ndarray, margin: float) -> np.ndarray:
    place = lungs.box(mask > 0, margin)
    return image if place is None else image[place]


def _lungs_only(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask > 0, image, 0).astype(np.uint8) if (mask > 0).any() else image


def _background(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return np.where(mask == 0, image, 0).astype(np.uint8)


def _box(margin: float) -> Region:
    """Return the box that the segmenter finds, with `margin` on each side, as a share of its height or width."""
    return Region(f"box of the lungs with {margin:.0%} around it", False, partial(_inside_box, margin=margin))


BOX, BOX_15, BOX_30 = _box(MARGIN), _box(0.15), _box(0.3)
LUNGS_ONLY = Region("lungs only, the rest black", True, _lungs_only)
BACKGROUND = Region("everything but the lungs, these black", True, _background)
