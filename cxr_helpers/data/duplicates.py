"""Groups of images that are the same picture: equal bytes, or nearly equal thumbnails."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# Lies in a wide gap, which the tests measure: an image saved anew in another size and quality correlates far closer
# with itself, two different images of the real set, squeezed to thumbnails, stay well below.
THRESHOLD = 0.99
_ROWS = 1024  # images compared with all others at once: bounds the memory of the correlation block


def groups(sha256: np.ndarray, thumbnails: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """Number the groups of images whose bytes are equal or whose thumbnails (N, H, W) uint8 correlate above `threshold`.

    Returns (N,) int64: the group's number, counted from 0 in row order; -1 for an image that is like no other.
    """
    _, first, same = np.unique(sha256, return_index=True, return_inverse=True)
    pairs = [np.column_stack([np.arange(len(sha256)), first[same]])]  # each image with the first one of the same bytes
    rows = standardise(thumbnails)
    for start in range(0, len(rows), _ROWS):
        correlation = rows[start : start + _ROWS] @ rows[start:].T
        pairs.append(np.argwhere(np.triu(correlation > threshold, 1)) + start)
    one, other = np.concatenate(pairs).T
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(len(sha256),) * 2)
    _, component = connected_components(graph, directed=False)
    shared = np.bincount(component) > 1
    return np.where(shared, np.cumsum(shared) - 1, -1)[component]


def standardise(thumbnails: np.ndarray) -> np.ndarray:
    """Return (N, H·W) float32 rows of mean 0 and length 1 (or of 0, for a single grey value): dot products are correlations."""
    rows = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=rows, where=lengths > 0)
