"""Outlines of nuclei along the edges of their pixels, so that they can be filled back.

Contours through the middle of pixels, or half-way between them, hold less than the area
of the label; these hold exactly its pixels, as the wand of ImageJ does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, cast

import numpy as np
from scipy import ndimage

_STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
_TURNS = (1, 0, 3)


class Outline(NamedTuple):
    """The outline of a nucleus.

    Attributes
    ----------
    label : int
    polygons : list of list of ndarray of int, each (n, 2)
        For every part of the nucleus its outer ring, then its holes, as corners (y, x):
        pixel (i, j) covers i to i + 1 and j to j + 1. Rings are not closed; outer ones
        run clockwise on the screen, holes the other way.
    """

    label: int
    polygons: list[list[np.ndarray]]


def outlines(labels: np.ndarray) -> Iterator[Outline]:
    """Outline of every nucleus, in the order of their labels.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        0 is background.
    """
    names, numbered = np.unique(labels, return_inverse=True)
    numbered = numbered.reshape(labels.shape) + (names[0] != 0)
    names = names[names != 0]
    for name, box in zip(names, ndimage.find_objects(numbered), strict=True):
        polygons = trace(labels[box] == name)
        corner = np.array([box[0].start, box[1].start])
        yield Outline(int(name), [[r + corner for r in p] for p in polygons])


def trace(mask: np.ndarray) -> list[list[np.ndarray]]:
    """Polygons of a mask, as in `Outline`; pixels that touch at a corner are apart.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
    """
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    beyond = padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2]
    # Edges by direction (right, down, left, up), each with its pixel to the right hand.
    starts = ((0, 0), (0, 1), (1, 1), (1, 0))
    edges = np.zeros((4, mask.shape[0] + 1, mask.shape[1] + 1), bool)
    for direction, (dy, dx) in enumerate(starts):
        height, width = mask.shape
        free = inside & ~beyond[direction]
        edges[direction, dy : dy + height, dx : dx + width] = free
    parts, count = cast("tuple[np.ndarray, int]", ndimage.label(mask))
    polygons: list[list[np.ndarray]] = [[] for _ in range(count)]
    # Row by row from the top left, every outer ring comes before its holes.
    for y, x in np.argwhere(edges[0]):
        if edges[0, y, x]:
            polygons[parts[y, x] - 1].append(_walk(edges, int(y), int(x)))
    for rings in polygons:
        rings.sort(key=lambda ring: -abs(_area(ring)))
    return polygons


def _walk(edges: np.ndarray, y: int, x: int) -> np.ndarray:
    """Corners of the ring that starts to the right at (y, x); its edges are used up."""
    corners, direction = [], 0
    while edges[direction, y, x]:
        edges[direction, y, x] = False
        if not corners or corners[-1][2] != direction:
            corners.append((y, x, direction))
        dy, dx = _STEPS[direction]
        y, x = y + dy, x + dx
        # A turn to the right stays on the same part where two touch at a corner.
        for turn in _TURNS:
            if edges[(direction + turn) % 4, y, x]:
                direction = (direction + turn) % 4
                break
    if len(corners) > 1 and corners[0][2] == corners[-1][2]:
        corners.pop(0)
    return np.array(corners)[:, :2]


def _area(ring: np.ndarray) -> float:
    """Signed area of a ring."""
    y, x = ring[:, 0], ring[:, 1]
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2
