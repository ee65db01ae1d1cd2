"""The grid of windows: fixed to the image, so that nothing else can move a result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

Box = tuple[slice, slice]


def starts(length: int, window: int, overlap: int) -> list[int]:
    """First pixel of every window along one axis.

    Windows overlap by at least `overlap` pixels, are spread evenly and end at the edge
    of the image. An axis no longer than a window has one, at 0.
    """
    if length <= window:
        return [0]
    count = -(-(length - overlap) // (window - overlap))
    return [round(s) for s in np.linspace(0, length - window, count)]


def blend_weights(window: int, overlap: int) -> np.ndarray:
    """Weight of every pixel of a window: 1 inside, falling to the rim.

    Returns
    -------
    ndarray of float32, shape (window, window)
        Squared-sine ramps over `overlap` pixels, never zero.
    """
    ramp = np.sin(0.5 * np.pi * (np.arange(overlap) + 0.5) / max(overlap, 1)) ** 2
    profile = np.ones(window)
    profile[:overlap] = ramp
    profile[window - overlap :] = np.minimum(profile[window - overlap :], ramp[::-1])
    return np.outer(profile, profile).astype(np.float32)


@dataclass(frozen=True)
class WindowGrid:
    """Windows over an image of ``shape``, all of one size.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    window : int
        Side of a window in pixels.
    overlap : int
        Smallest overlap of neighbouring windows in pixels.
    box : tuple of slice, optional
        Only windows that touch this part are listed; their places do not change.
    """

    shape: tuple[int, int]
    window: int
    overlap: int
    box: Box | None = None

    def boxes(self) -> list[Box]:
        """Rows and columns of every window, in reading order."""
        axes = (starts(n, self.window, self.overlap) for n in self.shape)
        boxes = [
            (slice(y, y + self.window), slice(x, x + self.window))
            for y, x in product(*axes)
        ]
        return [box for box in boxes if self.box is None or _touch(box, self.box)]

    def cut(self, image: np.ndarray, boxes: list[Box]) -> np.ndarray:
        """Windows (N, C, window, window) of an image (C, H, W).

        What lies beyond the image is filled by reflection.
        """
        return np.stack([self._fill(image[:, ys, xs]) for ys, xs in boxes])

    def _fill(self, part: np.ndarray) -> np.ndarray:
        missing = [(0, self.window - n) for n in part.shape[1:]]
        return np.pad(part, [(0, 0), *missing], mode="reflect")


def _touch(a: Box, b: Box) -> bool:
    """Whether two boxes share a pixel."""
    return all(p.start < q.stop and q.start < p.stop for p, q in zip(a, b, strict=True))


class Blend:
    """Weighted mean of overlapping windows.

    Parameters
    ----------
    grid : WindowGrid
    n_maps : int
        Number of maps a window carries.
    """

    def __init__(self, grid: WindowGrid, n_maps: int) -> None:
        self._grid = grid
        self._window_weights = blend_weights(grid.window, grid.overlap)
        self._sum = np.zeros((n_maps, *grid.shape), np.float32)
        self._weights = np.zeros(grid.shape, np.float32)

    def add(self, boxes: list[Box], maps: np.ndarray) -> None:
        """Add windows (N, n_maps, window, window)."""
        for (ys, xs), part in zip(boxes, maps, strict=True):
            target = self._sum[:, ys, xs]
            height, width = target.shape[1:]
            weights = self._window_weights[:height, :width]
            target += part[:, :height, :width] * weights
            self._weights[ys, xs] += weights

    def result(self) -> np.ndarray:
        """Blended maps (n_maps, H, W); zero where no window lay."""
        return np.divide(
            self._sum, self._weights, out=self._sum, where=self._weights > 0
        )


def batches(boxes: list[Box], size: int) -> Iterator[list[Box]]:
    """Consecutive groups of at most `size` boxes."""
    for first in range(0, len(boxes), size):
        yield boxes[first : first + size]
