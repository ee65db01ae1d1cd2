"""The grid of tiles: fixed to the image, so that nothing else can move a result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from math import ceil
from pathlib import Path

import numpy as np

from napari_pmrnet.io.write import replace_file

Box = tuple[slice, slice]
TINY = 1e-6


def box_of(slices: Iterable[slice]) -> Box:
    """Rows and columns as a pair."""
    rows, columns = slices
    return rows, columns


LARGEST = 2.5
"""Longest side of a tile the network sees, in those that its card names."""

STEP = 32
"""Sides of tiles are multiples of it, of twice as much from `COARSE` steps on.

Few shapes, for each is compiled and costs as much as a megapixel the first time.
"""

COARSE = 8


def longest_side(usual: int) -> int:
    """Longest side of a tile in pixels as the network sees them.

    Larger tiles overlap less, but their cost for each pixel no longer falls.

    Parameters
    ----------
    usual : int
        ``Model.tile``.
    """
    return max(STEP, int(LARGEST * usual) // STEP * STEP)


def fitting_side(length: float, most: int, overlap: int) -> int:
    """Side of the fewest tiles that cover an axis, no longer than it takes.

    Parameters
    ----------
    length : float
        Of the axis, in pixels as the network sees them.
    most : int
        Longest side of a tile, a multiple of `STEP`.
    overlap : int
        Smallest overlap of neighbouring tiles.

    Returns
    -------
    int
        A multiple of `STEP`, at most `most`.
    """
    count = 1 if length <= most else ceil((length - overlap) / (most - overlap))
    side = (length + (count - 1) * overlap) / count
    step = STEP if side <= COARSE * STEP else 2 * STEP
    return min(most, step * ceil(side / step - TINY))


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """First pixel of every tile along one axis.

    Tiles overlap by at least `overlap` pixels, are spread evenly and end at the edge
    of the image. An axis no longer than a tile has one, at 0.
    """
    if length <= tile:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return [round(s) for s in np.linspace(0, length - tile, count)]


def blend_weights(tile: tuple[int, int], overlap: int) -> np.ndarray:
    """Weight of every pixel of a tile: 1 inside, falling to the rim.

    Returns
    -------
    ndarray of float32, shape `tile`
        Squared-sine ramps over `overlap` pixels, or half of a shorter side, never zero.
    """
    rows, columns = (_profile(n, min(overlap, n // 2)) for n in tile)
    return np.outer(rows, columns).astype(np.float32)


def _profile(side: int, overlap: int) -> np.ndarray:
    """Weights along one axis of a tile."""
    ramp = np.sin(0.5 * np.pi * (np.arange(overlap) + 0.5) / max(overlap, 1)) ** 2
    profile = np.ones(side)
    profile[:overlap] = ramp
    profile[side - overlap :] = ramp[::-1]
    return profile


@dataclass(frozen=True)
class TileGrid:
    """Tiles over an image of ``shape``, all of one size.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    tile : tuple of int
        Height and width of a tile in pixels.
    overlap : int
        Smallest overlap of neighbouring tiles in pixels.
    box : tuple of slice, optional
        Only tiles that touch this part, within the image, are listed; their places
        do not change.
    """

    shape: tuple[int, int]
    tile: tuple[int, int]
    overlap: int
    box: Box | None = None

    @classmethod
    def seen_at(
        cls,
        scale: float,
        shape: tuple[int, int],
        seen: tuple[int, int],
        overlap: int,
        box: Box | None = None,
    ) -> TileGrid:
        """Tiles that the network sees at a scale.

        Parameters
        ----------
        scale : float
            Pixels the network sees for each pixel of the image.
        shape, box
            As for the grid.
        seen : tuple of int
            Height and width of a tile in pixels as the network sees them.
        overlap : int
            Smallest overlap of neighbouring tiles in those pixels.
        """
        # So rounded, the tiles cover the image whenever they do so unrounded.
        height, width = (ceil(n / scale - TINY) for n in seen)
        return cls(shape, (height, width), int(overlap / scale + TINY), box)

    def boxes(self) -> list[Box]:
        """Rows and columns of every tile, in reading order."""
        axes = (
            [slice(first, first + side) for first in starts(n, side, self.overlap)]
            for n, side in zip(self.shape, self.tile, strict=True)
        )
        boxes = [box_of(slices) for slices in product(*axes)]
        return [box for box in boxes if self.box is None or touch(box, self.box)]

    def cut(
        self, image: np.ndarray, boxes: list[Box], origin: tuple[int, int] = (0, 0)
    ) -> np.ndarray:
        """Tiles (N, C, h, w) of an image (C, H, W).

        What lies beyond the image is filled by reflection. Of a part of the image that
        holds all of these tiles, `origin` is the row and column of the first pixel.
        """
        top, left = origin
        return np.stack(
            [
                self._fill(
                    image[
                        :, y.start - top : y.stop - top, x.start - left : x.stop - left
                    ]
                )
                for y, x in boxes
            ]
        )

    def _fill(self, part: np.ndarray) -> np.ndarray:
        sides = zip(self.tile, part.shape[1:], strict=True)
        missing = [(0, side - n) for side, n in sides]
        return np.pad(part, [(0, 0), *missing], mode="reflect")


EMPTY = 0.04
"""Range of intensities, of those from black to white, below which a tile is empty.

Half of the least around any annotated nucleus: `scripts/experiments/empty_tiles.py`.
"""

GRAIN = 2
"""Side of the squares whose means are compared, in pixels as the network sees them."""


def is_empty(tiles: np.ndarray, scale: float) -> np.ndarray:
    """Tell which tiles hold nothing that the network could see.

    Parameters
    ----------
    tiles : ndarray of float32, shape (N, C, h, w)
        Between 0 and 1 within the intensity limits.
    scale : float
        Pixels the network sees for each pixel of the image.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    return intensity_range(tiles, scale) < EMPTY


def intensity_range(tiles: np.ndarray, scale: float) -> np.ndarray:
    """Range of the means over squares of `GRAIN`, of the colour with the largest.

    Parameters
    ----------
    tiles, scale
        As for `is_empty`.

    Returns
    -------
    ndarray of float32, shape (N,)
    """
    side = max(1, round(GRAIN / scale))
    if min(tiles.shape[-2:]) >= side:
        tiles = block_mean(tiles, side)
    return np.ptp(tiles, axis=(2, 3)).max(axis=1)


def block_mean(planes: np.ndarray, side: int) -> np.ndarray:
    """Means of planes (..., H, W) over squares; what is left of one is left out.

    Parameters
    ----------
    planes : ndarray of float32
    side : int
        At most the shorter of height and width.
    """
    if side == 1:
        return planes
    *leading, height, width = planes.shape
    rows, columns = height // side, width // side
    whole = planes[..., : rows * side, : columns * side]
    return whole.reshape(*leading, rows, side, columns, side).mean((-3, -1))


def touch(a: Box, b: Box) -> bool:
    """Tell whether two boxes share a pixel."""
    return all(p.start < q.stop and q.start < p.stop for p, q in zip(a, b, strict=True))


class TileStore:
    """Maps of tiles that other parts of an image need as well.

    Parameters
    ----------
    folder : Path, optional
        For those of parts that come much later. By default these are not kept.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._soon: Box | None = None
        self._later: Box | None = None
        self._maps: dict[tuple[int, int], np.ndarray] = {}

    def keep_for(self, soon: Box | None, later: Box | None = None) -> None:
        """Keep from now on what touches these parts, and drop what does not.

        Parameters
        ----------
        soon : tuple of slice, or None
            Part whose tiles are held in memory.
        later : tuple of slice, or None
            Part whose tiles go to the folder; those there stay until `forget_before`.
        """
        self._soon, self._later = soon, later
        held = self._maps.items()
        self._maps = {at: m for at, m in held if _wanted(_box(at, m), soon)}

    def add(self, box: Box, maps: np.ndarray) -> None:
        """Keep the maps (n_maps, h, w) of a tile if they are wanted."""
        if _wanted(box, self._soon):
            self._maps[_corner(box)] = maps
        if self._folder is not None and _wanted(box, self._later):
            self._folder.mkdir(exist_ok=True)
            target = self._path(_corner(box))
            replace_file(target, lambda stream: np.save(stream, maps), True)

    def __contains__(self, box: Box) -> bool:
        at = _corner(box)
        on_disk = self._folder is not None and self._path(at).is_file()
        return at in self._maps or on_disk

    def get(self, box: Box) -> np.ndarray | None:
        """The maps of a tile, None if they are not there."""
        held = self._maps.get(_corner(box))
        if held is not None or self._folder is None:
            return held
        path = self._path(_corner(box))
        return np.load(path) if path.is_file() else None

    def forget_before(self, row: int) -> None:
        """Remove tiles from the folder that start above a row of pixels."""
        if self._folder is None:
            return
        for path in self._folder.glob("window-*.npy"):
            if int(path.stem.split("-")[1]) < row:
                path.unlink(missing_ok=True)

    def _path(self, corner: tuple[int, int]) -> Path:
        name = f"window-{corner[0]}-{corner[1]}.npy"
        return (self._folder or Path()) / name


def _wanted(box: Box, part: Box | None) -> bool:
    return part is not None and touch(box, part)


def _corner(box: Box) -> tuple[int, int]:
    """Row and column of a tile's first pixel."""
    return box[0].start, box[1].start


def _box(corner: tuple[int, int], maps: np.ndarray) -> Box:
    """Box of a tile, from its first pixel and its maps."""
    (y, x), (height, width) = corner, maps.shape[-2:]
    return slice(y, y + height), slice(x, x + width)


class Blend:
    """Weighted mean of overlapping tiles, over the box of a grid or all of it.

    Parameters
    ----------
    grid : TileGrid
    n_maps : int
        Number of maps a tile carries.
    """

    def __init__(self, grid: TileGrid, n_maps: int) -> None:
        self._box = grid.box or tuple(slice(0, n) for n in grid.shape)
        self._tile_weights = blend_weights(grid.tile, grid.overlap)
        shape = tuple(s.stop - s.start for s in self._box)
        self._sum = np.zeros((n_maps, *shape), np.float32)
        self._weights = np.zeros(shape, np.float32)

    def add(self, boxes: list[Box], maps: Iterable[np.ndarray]) -> None:
        """Add tiles, each (n_maps, h, w)."""
        for box, part in zip(boxes, maps, strict=True):
            shared = [
                (max(w.start, s.start), min(w.stop, s.stop))
                for w, s in zip(box, self._box, strict=True)
            ]
            within, here = (
                tuple(
                    slice(first - origin.start, last - origin.start)
                    for (first, last), origin in zip(shared, origins, strict=True)
                )
                for origins in (box, self._box)
            )
            weights = self._tile_weights[within]
            self._sum[:, *here] += part[:, *within] * weights
            self._weights[here] += weights

    def result(self) -> np.ndarray:
        """Blended maps (n_maps, height, width) of the box."""
        return np.divide(
            self._sum, self._weights, out=self._sum, where=self._weights > 0
        )
