"""Synthetic frontal chest radiographs whose lungs and opacities are known to the pixel.

Coordinates are fractions of the image: x to the right of the midline, y downwards from the upper edge. Brightness grows
with the tissue's density, as on a radiograph. The patient's right lung is on the left of the image.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cxr_helpers.errors import CxrError

_RIGHT_LUNG = np.array(
    [(0.06, 0.12), (0.09, 0.03), (0.15, 0.00), (0.21, 0.08), (0.27, 0.25), (0.33, 0.50), (0.365, 0.76), (0.385, 1.03)]
    + [(0.36, 1.02), (0.29, 0.89), (0.20, 0.83), (0.12, 0.85), (0.09, 0.88), (0.09, 0.72), (0.06, 0.45), (0.05, 0.30)]
)
_LEFT_LUNG = np.array(
    [(0.06, 0.12), (0.09, 0.03), (0.15, 0.00), (0.21, 0.08), (0.27, 0.25), (0.33, 0.50), (0.365, 0.76), (0.385, 1.05)]
    + [(0.36, 1.04), (0.30, 0.94), (0.24, 0.90), (0.21, 0.91), (0.20, 0.80), (0.16, 0.62), (0.08, 0.44), (0.05, 0.30)]
)
_TORSO = np.array(
    [(0.10, -0.05), (0.11, 0.06), (0.24, 0.10), (0.42, 0.14), (0.47, 0.24), (0.43, 0.38), (0.43, 0.70), (0.45, 1.05)]
)


@dataclass(frozen=True)
class Image:
    """A drawn image: `image` (H, W) uint8, and where things lie, each (H, W) bool.

    `lesion_mask` is empty in NORMAL; `heart_mask` holds every pixel where the heart adds more than half of its full
    density. Heart and lungs overlap where the heart's rim covers lung, as they do on a radiograph.
    """

    image: np.ndarray
    lesion_mask: np.ndarray
    lung_mask: np.ndarray
    heart_mask: np.ndarray


def image(rng_seed: int, label: str, size: int = 224, patient: int | None = None) -> Image:
    """Draw one image.

    Args:
        rng_seed: equal seeds and arguments give equal images.
        label: "NORMAL" or "PNEUMONIA", which shows one or two dense foci.
        size: side of the image in pixels.
        patient: seed of the anatomy, which the images of one patient share; the image's own seed if None.

    Raises:
        CxrError: an unknown label.
    """
    if label not in ("NORMAL", "PNEUMONIA"):
        raise CxrError(f"No image shows {label!r}: give NORMAL or PNEUMONIA.")
    rng = np.random.default_rng([rng_seed, 0])
    scene = _Scene(size, np.random.default_rng([rng_seed if patient is None else patient, 1]), rng)
    density = _thorax(scene, rng)
    lesion = np.zeros((size, size), np.float32)
    if label == "PNEUMONIA":
        added, lesion = _consolidation(scene, rng)
        density += added
    image = _expose(density, rng)
    _marker(image, rng)
    return Image(image, lesion > 0.5, scene.lungs > 0.5, _heart(scene, *scene.grid()) > 0.5)


class _Scene:
    """The image's geometry: the patient's proportions, the pose, and the lungs as soft masks."""

    def __init__(self, size: int, body: np.random.Generator, pose: np.random.Generator):
        self.size = size
        self.width = body.uniform(0.92, 1.08)
        self.top = body.uniform(0.12, 0.17)
        self.height = body.uniform(0.60, 0.68) * pose.uniform(0.95, 1.03)  # inspiration differs from image to image
        self.heart = body.uniform(0.9, 1.15)
        self.rib_rise = body.uniform(0.01, 0.03)
        self.rib_drop = body.uniform(0.10, 0.18)
        self.centre = 0.5 + pose.normal(0, 0.012)
        self.tilt = pose.normal(0, 0.025)
        self.sides = (self._lung(_RIGHT_LUNG, -1), self._lung(_LEFT_LUNG, 1))
        self.lungs = np.maximum(*self.sides)

    def points(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return pixel positions (N, 2) of points given from the midline, in pose."""
        x, y = x * self.width, y - 0.5
        across = self.centre + x * np.cos(self.tilt) - y * np.sin(self.tilt)
        down = 0.5 + x * np.sin(self.tilt) + y * np.cos(self.tilt)
        return np.column_stack([across, down]) * self.size

    def shape(self, x: np.ndarray, y: np.ndarray, blur: float) -> np.ndarray:
        """Return a filled outline as (H, W) float32 0..1, its edge softened by `blur` (fraction of the image)."""
        canvas = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(canvas, [np.rint(self.points(x, y)).astype(np.int32)], 255, cv2.LINE_AA)
        return self.soften(canvas, blur)

    def lines(self, curves: list[tuple[np.ndarray, np.ndarray]], thickness: float, blur: float) -> np.ndarray:
        """Return open curves as (H, W) float32 0..1, `thickness` and `blur` as fractions of the image."""
        canvas = np.zeros((self.size, self.size), np.uint8)
        pixels = [np.rint(self.points(x, y)).astype(np.int32) for x, y in curves]
        cv2.polylines(canvas, pixels, False, 255, max(1, round(thickness * self.size)), cv2.LINE_AA)
        return self.soften(canvas, blur)

    def soften(self, canvas: np.ndarray, blur: float) -> np.ndarray:
        """Return an uint8 canvas as float32 0..1, blurred."""
        return cv2.GaussianBlur(canvas.astype(np.float32) / 255, (0, 0), max(0.4, blur * self.size))

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x (1, W) from the midline and y (H, 1), float32, that broadcast to an image."""
        steps = (np.arange(self.size, dtype=np.float32) + 0.5) / self.size
        return (steps[None] - self.centre) / self.width, steps[:, None]

    def _lung(self, outline: np.ndarray, side: int) -> np.ndarray:
        rounded = self.shape(side * outline[:, 0], self.top + self.height * outline[:, 1], 0.013)
        return 1 / (1 + np.exp(-14 * (rounded - 0.5)))  # blurring rounded the corners; this restores the edge


def _thorax(scene: _Scene, rng: np.random.Generator) -> np.ndarray:
    """Return the density (H, W) float32 of a healthy chest, about 0..1."""
    x, y = scene.grid()
    outline = np.concatenate([_TORSO, _TORSO[::-1] * (-1, 1)])
    body = scene.shape(outline[:, 0], outline[:, 1], 0.012)
    density = 0.04 + body * (0.46 + 0.10 * np.exp(-((x / 0.3) ** 2)) + 0.16 / (1 + np.exp(-(y - 0.74) * 25)))
    density -= scene.lungs * body * rng.uniform(0.26, 0.34)
    density += _mediastinum(scene, x, y)
    density += rng.uniform(0.09, 0.15) * _ribs(scene) * body
    density += rng.uniform(0.10, 0.16) * _clavicles(scene)
    density += rng.uniform(0.04, 0.11) * _vessels(scene, rng) * scene.lungs
    # Soft tissue folds, scapulae and uneven filling of the lungs: shadows that are no disease.
    density += rng.uniform(0.015, 0.045) * _noise(rng, scene.size, 4) * body
    density += rng.uniform(0.01, 0.03) * _noise(rng, scene.size, 14) * body
    if rng.random() < 0.4:
        density -= 0.2 * np.exp(-(((x - 0.17) / 0.07) ** 2 + ((y - scene.top - scene.height - 0.02) / 0.04) ** 2))
    return density.astype(np.float32)


def _mediastinum(scene: _Scene, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the density of heart, great vessels, spine and (negative) trachea."""
    vessels = np.exp(-(((x - 0.005) / 0.06) ** 4)) * np.exp(-(((y - scene.top - 0.3 * scene.height) / 0.2) ** 4))
    vertebrae = 0.75 + 0.25 * np.cos(2 * np.pi * y / 0.062)
    spine = np.exp(-((x / 0.038) ** 4)) * vertebrae
    trachea = np.exp(-((x / 0.018) ** 4)) / (1 + np.exp((y - scene.top - 0.3 * scene.height) * 40))
    return 0.16 * _heart(scene, x, y) + 0.10 * vessels + 0.10 * spine - 0.12 * trachea


def _heart(scene: _Scene, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the heart's shadow as a share (H, W) of its full density: an ellipse with a soft rim."""
    reach = scene.heart
    base = scene.top + 0.68 * scene.height
    return np.exp(-((((x - 0.035) / (0.13 * reach)) ** 2 + ((y - base) / (0.17 * reach)) ** 2) ** 2))


def _ribs(scene: _Scene) -> np.ndarray:
    """Return posterior and (fainter) anterior ribs: tubes, brighter at the rim than inside."""
    along = np.linspace(0, 1, 14)
    posterior, anterior = [], []
    for level in np.linspace(-0.02, 1.0, 11):
        start = scene.top + scene.height * level
        wall = 0.19 + 0.205 * max(level, 0) ** 0.6  # the chest is narrow at the apex
        drop = scene.rib_drop * (0.6 + 0.4 * level)
        fall = start + drop * along**2 - scene.rib_rise * np.sin(np.pi * along)
        posterior += [(side * (0.045 + (wall - 0.045) * along), fall) for side in (-1, 1)]
        if 0.1 < level < 0.75:
            anterior += [(side * (wall - 0.2 * along), start + drop + 0.13 * along**1.5) for side in (-1, 1)]
    rims = scene.lines(posterior, 0.024, 0.004) - 0.5 * scene.lines(posterior, 0.012, 0.004)
    return rims + 0.4 * scene.lines(anterior, 0.020, 0.006)


def _clavicles(scene: _Scene) -> np.ndarray:
    across = np.linspace(0.035, 0.36, 12)
    height = scene.top + 0.07 - 0.10 * across / 0.36 - 0.018 * np.sin(2 * np.pi * across / 0.36)
    return scene.lines([(side * across, height) for side in (-1, 1)], 0.024, 0.005)


def _vessels(scene: _Scene, rng: np.random.Generator) -> np.ndarray:
    """Return hilar vessels that fan out into both lungs and fade towards the rim."""
    hilum = scene.top + 0.45 * scene.height
    reach = np.linspace(0, 1, 6)
    curves = []
    for side in (-1, 1):
        for angle in rng.uniform(-1.25, 1.35, 15):
            bend = rng.normal(0, 0.035) * reach**2
            length = rng.uniform(0.12, 0.30)
            curves.append((side * (0.06 + length * reach * np.cos(angle) + bend), hilum + length * reach * np.sin(angle) + bend))
    x, y = scene.grid()
    fading = np.exp(-((np.abs(x) - 0.06) ** 2 + (y - hilum) ** 2) / 0.025)
    return (scene.lines(curves, 0.009, 0.004) + 0.8 * scene.lines(curves[::3], 0.020, 0.008)) * fading


def _consolidation(scene: _Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return added density and soft mask of one or two dense foci within a lobe."""
    x, y = scene.grid()
    mask = np.zeros_like(x)
    for _ in range(1 + (rng.random() < 0.3)):
        side = rng.integers(2)
        centre = (2 * side - 1) * rng.uniform(0.14, 0.29), scene.top + scene.height * rng.uniform(0.22, 0.85)
        radii = rng.uniform(0.08, 0.16), rng.uniform(0.07, 0.14)
        distance = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2
        field = np.exp(-0.5 * distance) + 0.16 * _noise(rng, scene.size, 9)
        mask = np.maximum(mask, scene.sides[side] / (1 + np.exp(-11 * (field - 0.6))))
    texture = 1 + 0.2 * _noise(rng, scene.size, 24)
    return rng.uniform(0.15, 0.32) * mask * texture, mask


def _noise(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Return smooth random structure (size, size) float32 of unit variance, about `cells` structures across."""
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    field = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    return (field - field.mean()) / field.std()


def _expose(density: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image (H, W) uint8: exposure and contrast differ from image to image, and quanta are noisy."""
    shade = np.clip(density * rng.uniform(0.95, 1.25) + rng.normal(0, 0.03), 0, 1) ** rng.uniform(0.85, 1.2)
    grain = rng.standard_normal(density.shape, dtype=np.float32) * rng.uniform(0.008, 0.02)
    return np.rint(np.clip(shade + grain, 0, 1) * 255).astype(np.uint8)


def _marker(image: np.ndarray, rng: np.random.Generator) -> None:
    """Write the laterality marker into the upper corner of its side, in place."""
    size = len(image)
    letter = "R" if rng.random() < 0.9 else "L"
    x = rng.uniform(0.02, 0.06) if letter == "R" else rng.uniform(0.88, 0.92)
    place = round(x * size), round(rng.uniform(0.08, 0.14) * size)
    cv2.putText(image, letter, place, cv2.FONT_HERSHEY_SIMPLEX, size / 340, 235, max(1, size // 150), cv2.LINE_AA)
