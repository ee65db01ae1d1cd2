"""The grid of tiles: fixed to the image, so that nothing else can move a result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from napari_pmrnet.io.write import replace_file

Box = tuple[slice, slice]


def box_of(slices: Iterable[slice]) -> Box:
    """Rows and columns as a pair."""
    rows, columns = slices
    return rows, columns


LARGE_IMAGE = 2_000_000


def tile_side(usual: int, shape: tuple[int, int]) -> int:
    """Side of the tiles of an image, in pixels as the network sees them.

    Tiles of twice the usual side overlap less: an image of more than `LARGE_IMAGE`
    pixels takes a quarter less work.

    Parameters
    ----------
    usual : int
        ``Model.tile``.
    shape : tuple of int
        Height and width of the image, in pixels.
    """
    return 2 * usual if shape[0] * shape[1] > LARGE_IMAGE else usual


def tile_reach(usual: int, shape: tuple[int, int], scale: float) -> int:
    """Side of the tiles of an image in pixels of the image; see `tile_side`."""
    return round(tile_side(usual, shape) / scale)


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """First pixel of every tile along one axis.

    Tiles overlap by at least `overlap` pixels, are spread evenly and end at the edge
    of the image. An axis no longer than a tile has one, at 0.
    """
    if length <= tile:
        return [0]
    count = -(-(length - overlap) // (tile - overlap))
    return [round(s) for s in np.linspace(0, length - tile, count)]


def blend_weights(tile: int, overlap: int) -> np.ndarray:
    """Weight of every pixel of a tile: 1 inside, falling to the rim.

    Returns
    -------
    ndarray of float32, shape (tile, tile)
        Squared-sine ramps over `overlap` pixels, never zero.
    """
    ramp = np.sin(0.5 * np.pi * (np.arange(overlap) + 0.5) / max(overlap, 1)) ** 2
    profile = np.ones(tile)
    profile[:overlap] = ramp
    profile[tile - overlap :] = np.minimum(profile[tile - overlap :], ramp[::-1])
    return np.outer(profile, profile).astype(np.float32)


@dataclass(frozen=True)
class TileGrid:
    """Tiles over an image of ``shape``, all of one size.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    tile : int
        Side of a tile in pixels.
    overlap : int
        Smallest overlap of neighbouring tiles in pixels.
    box : tuple of slice, optional
        Only tiles that touch this part, within the image, are listed; their places
        do not change.
    """

    shape: tuple[int, int]
    tile: int
    overlap: int
    box: Box | None = None

    def boxes(self) -> list[Box]:
        """Rows and columns of every tile, in reading order."""
        axes = (starts(n, self.tile, self.overlap) for n in self.shape)
        boxes = [
            (slice(y, y + self.tile), slice(x, x + self.tile))
            for y, x in product(*axes)
        ]
        return [box for box in boxes if self.box is None or touch(box, self.box)]

    def cut(
        self, image: np.ndarray, boxes: list[Box], origin: tuple[int, int] = (0, 0)
    ) -> np.ndarray:
        """Tiles (N, C, tile, tile) of an image (C, H, W).

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
        missing = [(0, self.tile - n) for n in part.shape[1:]]
        return np.pad(part, [(0, 0), *missing], mode="reflect")


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
        """Keep the maps (n_maps, tile, tile) of a tile if they are wanted."""
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
        """Add tiles, each (n_maps, tile, tile)."""
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
