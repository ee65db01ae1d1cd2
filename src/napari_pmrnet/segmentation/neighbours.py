"""What touches what in a label image, by shifted slices instead of filters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def highest_near(labels: np.ndarray) -> np.ndarray:
    """Largest value in the 3 x 3 neighbourhood of every pixel.

    Equal to ``scipy.ndimage.maximum_filter(labels, 3)`` and several times faster.

    Parameters
    ----------
    labels : ndarray, shape (H, W)

    Returns
    -------
    ndarray of the same type and shape
    """
    highest = labels
    for axis in (0, 1):
        before = highest
        highest = before.copy()
        for here, there in _shifts(axis):
            np.maximum(highest[here], before[there], out=highest[here])
    return highest


def rims(labels: np.ndarray) -> np.ndarray:
    """Labelled pixels with a 4-neighbour of another label or of none.

    Equal to ``skimage.segmentation.find_boundaries(labels, mode="inner")``.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)

    Returns
    -------
    ndarray of bool, shape (H, W)
    """
    rim = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        for here, there in _shifts(axis):
            rim[here] |= labels[here] != labels[there]
    return rim & (labels != 0)


def _shifts(axis: int) -> Iterator[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Slices of pixels that have a neighbour before, then after, and of those."""
    first, last = slice(None, -1), slice(1, None)
    whole = (slice(None),) * axis
    yield (*whole, last), (*whole, first)
    yield (*whole, first), (*whole, last)
