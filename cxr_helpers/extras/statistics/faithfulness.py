"""Does the model itself depend on what a heat map marks? Parts of the image are taken away in the map's order.

Images are float (N, H, W) in 0..255. An image is cut into `GRID` × `GRID` cells, so that coarse and fine maps meet the same
question; an order (N, GRID²) lists the cells, the most important first. `score` takes images to the probability of the class
that is explained, (N, H, W) to (N,).
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from cxr_helpers.errors import CxrError

GRID = 16  # cells a side
SHARES = tuple(np.round(np.linspace(0, 1, 11), 1))  # of the cells: the points of deletion and insertion
ROAD_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
NOISE = 2.55  # grey levels: 1 % of the scale, as ROAD's authors add
COARSE = 56  # pixels: larger images are imputed at about this side
BLUR = 8  # insertion starts from a Gaussian blur with this fraction of the image's side
_NEIGHBOURS = dict.fromkeys([(0, 1), (1, 0), (0, -1), (-1, 0)], 1 / 6)  # steps (down, right) and weights of ROAD
_NEIGHBOURS |= dict.fromkeys([(1, 1), (1, -1), (-1, 1), (-1, -1)], 1 / 12)
Score = Callable[[np.ndarray], np.ndarray]


def order(maps: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return the cells (N, GRID²) of maps (N, H, W) by their mean, largest first; equal cells stand in a random order."""
    cells = np.stack([cv2.resize(one, (GRID, GRID), interpolation=cv2.INTER_AREA) for one in maps.astype("float32")])
    chance = np.random.default_rng(seed).random((len(maps), GRID * GRID))
    return np.lexsort([chance, -cells.reshape(len(maps), -1)], axis=-1)


def deletion(score: Score, images: np.ndarray, orders: np.ndarray, shares: Sequence[float] = SHARES) -> np.ndarray:
    """Return the score (N, len(shares)) with that share of the first cells set to the image's mean grey (Petsiuk et al. 2018)."""
    grey = np.broadcast_to(images.mean(axis=(1, 2), keepdims=True), images.shape)
    return np.stack([score(np.where(chosen(orders, share, images.shape), grey, images)) for share in shares], axis=1)


def insertion(score: Score, images: np.ndarray, orders: np.ndarray, shares: Sequence[float] = SHARES) -> np.ndarray:
    """Return the score (N, len(shares)) of the blurred image with that share of the first cells as it is."""
    blurred = np.stack([cv2.GaussianBlur(image, (0, 0), image.shape[0] / BLUR) for image in images])
    return np.stack([score(np.where(chosen(orders, share, images.shape), images, blurred)) for share in shares], axis=1)


def area(curves: np.ndarray, shares: Sequence[float] = SHARES) -> np.ndarray:
    """Return the area (N,) under curves (N, len(shares)), by trapezoids."""
    return np.trapezoid(curves, shares, axis=1)


def road(score: Score, images: np.ndarray, orders: np.ndarray, shares: Sequence[float] = ROAD_SHARES) -> np.ndarray:
    """Return ROAD (N,) (Rong et al. 2022): score without the least less score without the most important cells, mean of shares.

    What is removed is imputed from its surroundings, with noise. 0: the order says no more than chance; at most 1.
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


def imputed(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return the image (H, W) as float32, every missing pixel the weighted mean of its neighbours, all solved at once.

    `missing`: bool (H, W). Direct neighbours count twice as much as diagonal ones; beyond the image there are none.

    Raises:
        CxrError: all pixels are missing.
    """
    if missing.all():
        raise CxrError("missing: every pixel of the image is to be imputed; leave some.")
    count = int(missing.sum())
    number = np.full(image.shape, -1)  # of an equation; -1: the pixel is known
    number[missing] = np.arange(count)
    number, values, inside = np.pad(number, 1, constant_values=-1), np.pad(image, 1), np.pad(np.ones(image.shape), 1)
    y, x = (place + 1 for place in np.nonzero(missing))
    total, constant, entries = np.zeros(count), np.zeros(count), []
    for (down, right), weight in _NEIGHBOURS.items():
        near = y + down, x + right
        weights, unknown = weight * inside[near], number[near] >= 0
        total += weights
        constant += np.where(unknown, 0, weights * values[near])
        entries.append(np.stack([np.flatnonzero(unknown), number[near][unknown], -weights[unknown]]))
    rows, columns, weights = np.concatenate(entries, axis=1)
    system = sparse.coo_array((weights, (rows.astype(int), columns.astype(int))), (count, count)).tocsc()
    filled = np.array(image, "float32")
    filled[missing] = spsolve(system + sparse.diags_array(total, format="csc"), constant)
    return filled


def _removed(images: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return the images with what is missing imputed, noise added there, in 0..255."""
    noise = np.random.default_rng(0).normal(0, NOISE, images.shape)
    filled = np.stack([_imputed_coarsely(*pair) for pair in zip(images, missing, strict=True)])
    return np.where(missing, np.clip(filled + noise, 0, 255), images).astype("float32")


def _imputed_coarsely(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Return `imputed` at a side of at most 2 × `COARSE`: what is imputed is smooth, and the equations are solved in no time."""
    factor = max(1, image.shape[0] // COARSE)
    size = image.shape[1] // factor, image.shape[0] // factor
    holes = cv2.resize(missing.astype("float32"), size, interpolation=cv2.INTER_AREA) > 0
    filled = imputed(cv2.resize(image, size, interpolation=cv2.INTER_AREA), holes)
    return cv2.resize(filled, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
