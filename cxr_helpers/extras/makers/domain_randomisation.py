"""Domain randomisation: synthetic images changed at random in build and look, so that real ones can be one more variant.

The idea is that of Tobin et al. 2017: what a network meets in training should differ more than reality does. Shapes are
changed together with their masks, so that the truth stays known to the pixel. Nothing is mirrored (a mirrored heart is
no normal image) or inverted (in every image here bone is bright).
"""

import cv2
import numpy as np

from cxr_helpers.extras.other_sets.synthetic import Image
from cxr_helpers.extras.statistics.cardiothoracic import components


def randomise(radiograph: Image, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a random variant of a synthetic image.

    Args:
        image: of any side; it stays as it was.
        size: side of the result in pixels.
        rng: equal states give equal results.

    Returns:
        The image (size, size) uint8, and its lungs and heart (size, size, 2) bool.
    """
    image = radiograph.image.astype(np.float32) / 255
    if rng.random() < 0.5:
        image = _opacities(image, radiograph.lung_mask, rng)
    image = _tissue(image, radiograph.lung_mask, rng)
    if rng.random() < 0.7:
        image = _thin_wall(image, radiograph.lung_mask, rng)
    across, down = _deformation(radiograph, size, rng)
    filler = rng.choice([0.0, 0.0, rng.random(), 1.0])  # what lies around an image that does not fill its frame
    image = cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=filler)
    masks = [cv2.remap(mask.astype(np.float32), across, down, cv2.INTER_LINEAR) for mask in (radiograph.lung_mask, radiograph.heart_mask)]
    return _look(image, rng), np.stack(masks, axis=-1) >= 0.5


def _opacities(image: np.ndarray, lungs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brighten parts of the lungs up to the density of soft tissue: what a dense pneumonia or an effusion does."""
    side = len(image)
    level = np.median(image[~lungs & (image > 0.2)]) if (image > 0.2).any() else 0.5
    field = _smooth(rng, side, 5) + rng.uniform(-1.0, 0.6)
    share = np.clip(field, 0, 1) * cv2.GaussianBlur(lungs.astype(np.float32), (0, 0), 0.01 * side)
    return image + rng.uniform(0.4, 1.0) * share * np.maximum(level - image, 0)


def _tissue(image: np.ndarray, lungs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Vary the density beside the lungs: folds, stomach air, and the thin tissue between neck and shoulder."""
    side = len(image)
    outside = 1 - cv2.GaussianBlur(lungs.astype(np.float32), (0, 0), 0.01 * side)
    coarse, fine = rng.uniform(0, 0.25) * _smooth(rng, side, 6), rng.uniform(0, 0.15) * _smooth(rng, side, 14)
    return image * np.exp(outside * (coarse + fine)) * (1 - rng.uniform(0, 0.6) * outside * _above_apices(lungs, rng))


def _above_apices(lungs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return two soft spots (H, W) in 0..1 above the tips of the lungs, which on a real image are as dark as lung."""
    y, x = np.mgrid[: len(lungs), : len(lungs)].astype(np.float32)
    width, height = rng.uniform(0.04, 0.12) * len(lungs), rng.uniform(0.03, 0.12) * len(lungs)
    spots = np.zeros_like(x)
    for part in components(lungs, 2):
        top = np.flatnonzero(part.any(axis=1))[0]
        place = np.flatnonzero(part[top]).mean() + rng.normal(0, 0.03) * len(lungs)
        spots += np.exp(-(((x - place) / width) ** 2) - ((y - top + rng.uniform(0.3, 1.2) * height) / height) ** 2)
    return np.minimum(spots, 1)


def _thin_wall(image: np.ndarray, lungs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Let the tissue beside and above the lungs fade into dark, as in children: the synthetic chest wall is thick."""
    side = len(image)
    steps = np.arange(side, dtype=np.float32)
    columns, rows = (np.flatnonzero(lungs.any(axis=axis)) for axis in (0, 1))
    beside, above = np.maximum(columns[0] - steps, steps - columns[-1])[None], (rows[0] - steps)[:, None]
    for beyond in (beside, above):
        wall, fade = rng.uniform(0, 0.08) * side, rng.uniform(0.005, 0.05) * side
        image = image * (1 - rng.uniform(0, 1) / (1 + np.exp(np.clip((wall - beyond) / fade, -30, 30))))
    return image


def _deformation(image: Image, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each pixel of the result, the position in the image that it shows: x and y, (size, size) float32.

    Zoom, crop and aspect, a turn, a shift, a heart that is larger or smaller, and a smooth random wobble.
    """
    side = len(image.image)
    steps = (np.arange(size, dtype=np.float32) + 0.5) / size
    x, y = (grid - 0.5 for grid in np.meshgrid(steps, steps))
    zoom = rng.uniform(0.72, 1.3)
    aspect = np.exp(rng.uniform(-0.25, 0.25))
    turn = np.deg2rad(rng.uniform(-8, 8))
    shift = rng.uniform(-0.07, 0.07, 2)
    u, v = (x - shift[0]) / (zoom * aspect), (y - shift[1]) * aspect / zoom
    u, v = 0.5 + u * np.cos(turn) - v * np.sin(turn), 0.5 + u * np.sin(turn) + v * np.cos(turn)
    u, v = _magnified(u, v, image.heart_mask, rng)
    wobble = rng.uniform(0, 0.012)
    u, v = u + wobble * _smooth(rng, size, 5), v + wobble * _smooth(rng, size, 5)
    return (u * side - 0.5).astype(np.float32), (v * side - 0.5).astype(np.float32)


def _magnified(u: np.ndarray, v: np.ndarray, heart: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw the surroundings of the heart's centre apart, or together: the heart grows into the lungs, or shrinks."""
    rows, columns = np.nonzero(heart)
    centre = columns.mean() / len(heart), rows.mean() / len(heart)
    near = np.exp(-(((u - centre[0]) / 0.24) ** 2 + ((v - centre[1]) / 0.22) ** 2))
    across, down = 1 - rng.uniform(-0.1, 0.5) * near, 1 - rng.uniform(-0.1, 0.3) * near
    return centre[0] + (u - centre[0]) * across, centre[1] + (v - centre[1]) * down


def _look(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return an image (H, W) of 0..1 as uint8 in another exposure, contrast, shading, sharpness, grain and processing."""
    side = len(image)
    image = np.clip(image, 0, 1) ** np.exp(rng.uniform(-0.7, 0.7))
    image = image * np.exp(rng.uniform(0, 0.25) * _smooth(rng, side, 3))
    image = 0.5 + (image - rng.uniform(0.35, 0.65)) * rng.uniform(0.5, 1.5)
    soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 2.0))
    image = soft if rng.random() < 0.5 else image + rng.uniform(0, 1.5) * (image - soft)  # else an edge filter
    image = image + rng.uniform(0, 0.04) * rng.standard_normal(image.shape, dtype=np.float32)
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.3:
        pixels = cv2.createCLAHE(rng.uniform(1, 4), (8, 8)).apply(pixels)
    return _foreign(pixels, rng)


def _foreign(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw up to two bright or dark curves across an image: lines, tubes, the border of a cassette."""
    side = len(pixels)
    for _ in range(rng.integers(0, 3)):
        start, end = rng.uniform(-0.1, 1.1, (2, 2)) * side
        bend = (start + end) / 2 + rng.normal(0, 0.15, 2) * side
        along = np.linspace(0, 1, 12)[:, None]
        curve = (1 - along) ** 2 * start + 2 * along * (1 - along) * bend + along**2 * end
        shade = int(rng.integers(0, 256))
        cv2.polylines(pixels, [np.rint(curve).astype(np.int32)], False, shade, int(rng.integers(1, 3)), cv2.LINE_AA)
    return pixels


def _smooth(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Return smooth random structure (size, size) float32 of about unit variance, `cells` nodes across."""
    return cv2.resize(rng.standard_normal((cells, cells), dtype=np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
