"""Size and shape of lungs and heart from their masks, the cardiothoracic ratio among them.

Lengths are shares of the image's width or height, areas shares of its area, so that they do not depend on its size in
pixels; the ratio of two transverse diameters does not even depend on the image's aspect. A figure whose structure is
missing is NaN.
"""

import cv2
import numpy as np

PLAUSIBLE_AREA = (0.12, 0.7)  # shares of the image
MOST_ASYMMETRY = 0.5
MOST_BORDER = 0.2  # share of the image's rim that lungs may touch
SMALLEST_LUNG = 0.1  # of the larger lung's area; a smaller piece is a fragment, not a lung
MOST_DOUBT = 0.0027  # from corrupted validation images (`cxr measure flags`)
_RIM = 3  # pixels of a map, where every outline is unsure


def measure(lungs: np.ndarray, heart: np.ndarray | None = None) -> dict[str, float]:
    """Return the figures of lungs and heart of one image, and `lung_parts`, by name.

    The cardiothoracic ratio (Danzer 1919) is the heart's transverse diameter, from its outermost point on the right to
    that on the left, divided by the widest inner diameter of the thorax, from the outer rim of one lung to that of
    the other in one row. The asymmetry is (right - left) / (right + left) of the lungs' areas; the patient's right lung
    is the one on the left of the image.

    Args:
        lungs: (H, W) bool, both lungs; only the two largest components count.
        heart: (H, W) bool; only its largest component counts. Without it only the lungs' figures are returned.

    Returns:
        `lung_parts` is 0, 1 or 2. Where two lungs cannot be distinguished, thoracic width, asymmetry and ratio are NaN;
        without any lung its area and height are NaN too, without a heart the heart's figures and the ratio.
    """
    largest = components(lungs, 2)
    parts = [part for part in largest if np.count_nonzero(part) >= SMALLEST_LUNG * np.count_nonzero(largest[0])]
    found = {"lung_parts": len(parts)} | _lung_figures(parts)
    return found if heart is None else found | _heart_figures(components(heart, 1), found["thoracic_width"])


def implausible(lungs: np.ndarray, probability: np.ndarray | None = None) -> str:
    """Return why a mask is not trusted to be the lungs of a frontal radiograph, "" where it is.

    `lungs` is (H, W) bool; `probability` the map that it was made of, for the reason "doubt".
    """
    found = measure(lungs)
    if not found["lung_parts"]:
        return "no lung"
    if not PLAUSIBLE_AREA[0] <= found["lung_area"] <= PLAUSIBLE_AREA[1]:
        return "area"
    if found["lung_parts"] == 1 or abs(found["lung_asymmetry"]) > MOST_ASYMMETRY:
        return "one lung" if found["lung_parts"] == 1 else "asymmetry"
    if np.concatenate([lungs[0], lungs[-1], lungs[:, 0], lungs[:, -1]]).mean() > MOST_BORDER:
        return "border"
    return "doubt" if probability is not None and doubt(probability) > MOST_DOUBT else ""


def doubt(probability: np.ndarray) -> float:
    """Return how unsure a segmenter is of what it marks: the mean of 1 - P over its mask, where a rim of 3 pixels counts as sure.

    `probability` is the map (H, W) in [0, 1] in the segmenter's own size; the mask is where it is at least 0.5.
    """
    mask = (probability >= 0.5).astype(np.uint8)
    inner = cv2.erode(mask, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8))
    return float(((1 - probability) * inner).sum() / max(mask.sum(), 1))


def components(mask: np.ndarray, most: int) -> list[np.ndarray]:
    """Return up to `most` connected components (8 neighbours) of a mask (H, W), the largest first, each (H, W) bool."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(mask, np.uint8), connectivity=8)
    largest = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:most]
    return [labels == label for label in largest]


def _lung_figures(parts: list[np.ndarray]) -> dict[str, float]:
    if not parts:
        return dict.fromkeys(("lung_area", "lung_height", "lung_asymmetry", "thoracic_width"), np.nan)
    lungs = np.logical_or.reduce(parts)
    figures = {"lung_area": float(lungs.mean()), "lung_height": _extent(lungs, 1) / len(lungs)}
    if len(parts) == 1:
        return figures | {"lung_asymmetry": np.nan, "thoracic_width": np.nan}
    columns = np.arange(lungs.shape[1])
    right, left = (
        int(np.count_nonzero(part)) for part in sorted(parts, key=lambda part: np.average(columns, weights=part.sum(axis=0)))
    )
    rows = lungs[lungs.any(axis=1)]
    widest = lungs.shape[1] - int((rows.argmax(axis=1) + rows[:, ::-1].argmax(axis=1)).min())
    return figures | {"lung_asymmetry": (right - left) / (right + left), "thoracic_width": widest / lungs.shape[1]}


def _heart_figures(parts: list[np.ndarray], thoracic_width: float) -> dict[str, float]:
    if not parts:
        return dict.fromkeys(("heart_area", "heart_width", "cardiothoracic_ratio"), np.nan)
    heart = parts[0]
    width = _extent(heart, 0) / heart.shape[1]
    return {"heart_area": float(heart.mean()), "heart_width": width, "cardiothoracic_ratio": width / thoracic_width}


def _extent(mask: np.ndarray, axis: int) -> int:
    """Return the pixels from the first to the last column (axis 0) or row (axis 1) of a mask that holds any; 0 if empty."""
    held = np.flatnonzero(mask.any(axis=axis))
    return int(held[-1] - held[0] + 1) if len(held) else 0
