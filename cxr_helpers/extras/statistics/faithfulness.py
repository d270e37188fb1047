"""Does the model itself depend on what a heat map marks? Parts of the image are taken away in the map's order.

Images are float (N, H, W) in 0..255. An image is cut into `GRID` × `GRID` cells, so that coarse and fine maps meet the same
question; an order (N, GRID²) lists the cells, the most important first. `score` takes images to the probability of the class
that is explained, (N, H, W) to (N,).
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

GRID = 16  # cells a side
SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the cells that are removed
NOISE = 2.55  # grey levels: 1 % of the scale, as ROAD's authors add
REACH = 3  # pixels from which OpenCV fills a hole
Score = Callable[[np.ndarray], np.ndarray]


def order(maps: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the cells (N, GRID²) of maps (N, H, W) by their mean, largest first; equal cells stand in a random order."""
    cells = np.stack([cv2.resize(one, (GRID, GRID), interpolation=cv2.INTER_AREA) for one in maps.astype("float32")])
    chance = np.random.default_rng(seed).random((len(maps), GRID * GRID))
    return np.lexsort([chance, -cells.reshape(len(maps), -1)], axis=-1)


def road(score: Score, images: np.ndarray, orders: np.ndarray, shares: Sequence[float] = SHARES) -> np.ndarray:
    """Return ROAD (N,) (Rong et al. 2022): score without the least less score without the most important cells, mean of shares.

    What is removed is filled from its surroundings, here by OpenCV's inpainting, with noise. 0: the order says no more than
    chance; at most 1.
    """
    gaps = []
    for share in shares:
        least, most = (_removed(images, chosen(cells, share, images.shape)) for cells in (orders[:, ::-1], orders))
        gaps.append(score(least) - score(most))
    return np.mean(gaps, axis=0)


def chosen(orders: np.ndarray, share: float, shape: tuple[int, int, int]) -> np.ndarray:
    """Return bool (N, H, W): the pixels in that share of the first cells."""
    cells = np.zeros((len(orders), GRID * GRID), "uint8")
    np.put_along_axis(cells, orders[:, : round(share * GRID * GRID)], 1, axis=1)
    size = shape[2], shape[1]
    grids = cells.reshape(-1, GRID, GRID)
    return np.stack([cv2.resize(grid, size, interpolation=cv2.INTER_NEAREST) for grid in grids]).astype(bool)


def _removed(images: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return the images with what is missing, bool (N, H, W), filled from what is left, noise added there, in 0..255."""
    noise = np.random.default_rng(0).normal(0, NOISE, images.shape)
    pairs = zip(images.astype("uint8"), missing.astype("uint8"), strict=True)
    filled = np.stack([cv2.inpaint(image, hole, REACH, cv2.INPAINT_NS) for image, hole in pairs])
    return np.where(missing, np.clip(filled + noise, 0, 255), images).astype("float32")
