"""Pictures of maps: colour over an image, on a scale that is the same for every image."""

import cv2
import numpy as np

from cxr_helpers.base import lazy

matplotlib = lazy.module("matplotlib")

HEAT, SIGNED = "plasma", "RdBu_r"  # as matplotlib names them; the strong end of HEAT stays apart from white image
OUTLINE = (0, 230, 118)  # green: lungs or lesions, a colour of neither scale
OPACITY = 0.6  # of the strongest colour; a value of 0 leaves the image as it is


def heat(image: np.ndarray, heat_map: np.ndarray) -> np.ndarray:
    """Return the image (uint8, (H, W)) under a map in [0, 1] (H, W) as uint8 RGB (H, W, 3).

    Uncoloured at 0, through purple, to yellow at 1.
    """
    levels = np.clip(256 * np.asarray(heat_map), 0, 255).astype(np.uint8)
    return _blend(image, cv2.applyColorMap(levels, cv2.COLORMAP_PLASMA)[..., ::-1] / 255, heat_map)


def signed(image: np.ndarray, values: np.ndarray, limit: float) -> np.ndarray:
    """Return the image (uint8, (H, W)) under signed values (H, W) as uint8 RGB (H, W, 3).

    Red speaks for the target, blue against it; the scale runs from -`limit` to `limit`, values beyond are clipped.
    """
    scaled = np.clip(np.asarray(values, "float32") / (limit or 1), -1, 1)
    return _blend(image, matplotlib.colormaps[SIGNED]((scaled + 1) / 2), np.abs(scaled))


def side_by_side(image: np.ndarray, heat_map: np.ndarray, values: np.ndarray, limit: float, mask: np.ndarray) -> list[np.ndarray]:
    """Return an image, its heat map and its signed map, RGB (H, W, 3), each with the outline of a mask, bool of any size."""
    plain = np.stack([image] * 3, axis=-1)
    return [outlined(picture, mask) for picture in (plain, heat(image, heat_map), signed(image, values, limit))]


def outlined(picture: np.ndarray, mask: np.ndarray, colour: tuple[int, int, int] = OUTLINE) -> np.ndarray:
    """Return an RGB picture (H, W, 3) with the outline of a mask, bool of any size."""
    small = cv2.resize(mask.astype("uint8"), picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(picture.copy(), outlines, -1, colour, 1)


def _blend(image: np.ndarray, colours: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the image under colours (H, W, 4) in [0, 1], of which a weight of 1 covers `OPACITY`."""
    alpha = OPACITY * np.asarray(weight, "float32")[..., None]
    mixed = (1 - alpha) * image[..., None] + alpha * 255 * colours[..., :3]
    return np.clip(mixed.round(), 0, 255).astype("uint8")
