"""Parts of an image with the most contrast."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_pmrnet.segmentation.normalise import thinning
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.tiles import Box, TileGrid, box_of


def overview_of(image: np.ndarray | Plane) -> np.ndarray:
    """An image thinned out, from 0 to 1: float32 (h, w) or (h, w, 3)."""
    if isinstance(image, Plane):
        return image.normalised_overview()
    step = thinning(image[0].size)
    return np.moveaxis(image[:, ::step, ::step], 0, 2)


def liveliest_boxes(
    overview: np.ndarray, shape: tuple[int, int], side: int
) -> Iterator[Box]:
    """Parts of an image with the largest standard deviation, apart.

    Parameters
    ----------
    overview : ndarray, shape (h, w) or (h, w, 3)
        Of the image, thinned out.
    shape : tuple of int
        Height and width of the image.
    side : int
        Of a part, in pixels of the image.

    Yields
    ------
    tuple of slice
        As large as `side`, or as the image along a shorter axis.
    """
    step = max(shape[0] / overview.shape[0], 1.0)
    small = max(1, round(side / step))
    grid = TileGrid(overview.shape[:2], (small, small), small // 2)
    corners = np.array([[s.start for s in box] for box in grid.boxes()])
    if len(corners) == 1:
        yield _part((0, 0), side, shape)
        return
    contrast = np.array(
        [overview[y : y + small, x : x + small].std() for y, x in corners]
    )
    while len(corners):
        best = corners[int(np.argmax(contrast))]
        y, x = (round(int(at) * step) for at in best)
        yield _part((y, x), side, shape)
        apart = (np.abs(corners - best) >= small).any(axis=1)
        corners, contrast = corners[apart], contrast[apart]


def _part(first: tuple[int, int], side: int, shape: tuple[int, int]) -> Box:
    """Part of an image that begins at a pixel, moved to lie within it."""
    starts = (max(0, min(at, n - side)) for at, n in zip(first, shape, strict=True))
    return box_of(
        slice(at, min(at + side, n)) for at, n in zip(starts, shape, strict=True)
    )
