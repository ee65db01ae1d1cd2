"""Nuclei of a large image, block by block; every nucleus belongs to one block."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import product, zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from napari_pmrnet.segmentation.certainty import certainty_map
from napari_pmrnet.segmentation.instances import label_nuclei
from napari_pmrnet.segmentation.objects import Whole, describe_part
from napari_pmrnet.segmentation.predict import Progress, predict, take_flows
from napari_pmrnet.segmentation.settings import Settings
from napari_pmrnet.segmentation.windows import Box, WindowStore, window_reach

if TYPE_CHECKING:
    from napari_pmrnet.large.plane import LargePlane
    from napari_pmrnet.pretrained import Model

SIDE = 2048
MARGIN = 96
MOST_MARGIN = 512


class Sight(NamedTuple):
    """How an image is seen, decided once for all of it.

    ``scale`` is the pixels the network sees for each pixel of the image, ``diameter``
    that of a typical nucleus in pixels or None, ``limits`` the intensity limits,
    ``smoothing`` that of `smoothing_for`, in pixels.
    """

    scale: float
    diameter: float | None
    limits: tuple[float, float]
    smoothing: float


@dataclass(frozen=True)
class BlockGrid:
    """Blocks of nearly one size that cover an image; nothing but its size moves them.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    margin : int
        Pixels that are looked at around a block, so that a nucleus on its border is
        seen whole.
    side : int
        Most pixels along a side.
    """

    shape: tuple[int, int]
    margin: int
    side: int = SIDE

    @classmethod
    def for_scale(
        cls, shape: tuple[int, int], scale: float, side: int = SIDE
    ) -> BlockGrid:
        """Blocks with a margin of `MARGIN` pixels as the network sees them."""
        return cls(shape, min(round(MARGIN / scale), MOST_MARGIN), side)

    @property
    def rows(self) -> int:
        """Rows of blocks."""
        return -(-self.shape[0] // self.side)

    @property
    def columns(self) -> int:
        """Blocks in a row."""
        return -(-self.shape[1] // self.side)

    def places(self) -> Iterator[tuple[int, int]]:
        """Row and column of every block, row by row."""
        return product(range(self.rows), range(self.columns))

    def core(self, row: int, column: int) -> Box:
        """A block: rows and columns of the pixels that are its own."""
        return tuple(
            slice(n * i // count, n * (i + 1) // count)
            for n, i, count in zip(
                self.shape, (row, column), (self.rows, self.columns), strict=True
            )
        )

    def strip(self, row: int) -> Box:
        """A row of blocks with their margins."""
        return self.view(row, 0)[0], slice(0, self.shape[1])

    def view(self, row: int, column: int) -> Box:
        """A block with its margin, within the image."""
        return tuple(
            slice(max(s.start - self.margin, 0), min(s.stop + self.margin, n))
            for s, n in zip(self.core(row, column), self.shape, strict=True)
        )


@dataclass(frozen=True)
class BlockNuclei:
    """The nuclei of one block.

    Attributes
    ----------
    row, column : int
        Of the block.
    origin : tuple of int
        Row and column in the image of the first pixel of `labels`.
    labels : ndarray of int32, shape (h, w)
        Nuclei whose centroid lies in the block, numbered from 1; they may reach beyond
        its border.
    objects : DataFrame
        One row a nucleus: ``certainty`` (mean of its pixels), ``area``, ``centroid_y``
        and ``centroid_x`` in pixels of the image, and with flows the `FEATURES` of its
        certainty.
    notes : tuple of str
        What the user should know, such as a device that ran out of memory.
    """

    row: int
    column: int
    origin: tuple[int, int]
    labels: np.ndarray
    objects: pd.DataFrame
    notes: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """The block as the bytes of a compressed ``.npz`` file."""
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            place=np.array([self.row, self.column, *self.origin]),
            labels=self.labels,
            columns=np.array(list(self.objects), dtype="U"),
            objects=self.objects.to_numpy(float),
            notes=np.array(self.notes, dtype="U"),
        )
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> BlockNuclei:
        """The block that `to_bytes` wrote.

        Raises
        ------
        ValueError, OSError, KeyError, zipfile.BadZipFile
            If the bytes are damaged.
        """
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            row, column, y, x = map(int, stored["place"])
            objects = pd.DataFrame(
                stored["objects"], columns=stored["columns"].tolist()
            )
            return cls(
                row,
                column,
                (y, x),
                stored["labels"],
                objects.astype({"area": int}),
                tuple(stored["notes"].tolist()),
            )


def label_row(
    plane: LargePlane,
    model: Model,
    settings: Settings,
    sight: Sight,
    grid: BlockGrid,
    row: int,
    columns: list[int] | None = None,
    store: WindowStore | None = None,
) -> Generator[Progress | BlockNuclei, None, None]:
    """Nuclei of a row of blocks.

    Windows that two neighbouring blocks need are predicted once.

    Parameters
    ----------
    plane : LargePlane
    model : Model
    settings : Settings
    sight : Sight
    grid : BlockGrid
    row : int
    columns : list of int, optional
        Blocks of the row that are wanted, in ascending order; by default all.
    store : WindowStore, optional
        Of the rows above, when they are done one after the other.

    Yields
    ------
    Progress
        After every batch of windows of a block.
    BlockNuclei
        Once a block.

    Raises
    ------
    ImageError
        If a part of the image holds NaN or infinity.
    """
    plane.limits, plane.smoothing = sight.limits, sight.smoothing
    columns = list(range(grid.columns)) if columns is None else columns
    store = store or WindowStore()
    reach = window_reach(model.window, plane.shape, sight.scale)
    below = grid.strip(row + 1) if row + 1 < grid.rows else None
    for column, following in zip_longest(columns, columns[1:]):
        view = grid.view(row, column)
        store.keep_for(None if following is None else grid.view(row, following), below)
        around = tuple(slice(s.start - reach, s.stop + reach) for s in view)
        prediction = yield from predict(
            model,
            plane.read(around),
            view,
            scale=sight.scale,
            flips=settings.flips,
            store=store,
        )
        maps = dict(prediction.maps)
        notes = prediction.notes
        del prediction
        yield _own_nuclei(maps, notes, model, settings, sight, grid, row, column)


def _own_nuclei(
    maps: dict[str, np.ndarray],
    notes: tuple[str, ...],
    model: Model,
    settings: Settings,
    sight: Sight,
    grid: BlockGrid,
    row: int,
    column: int,
) -> BlockNuclei:
    """The nuclei of a block, from the maps of its view."""
    top, left = (s.start for s in grid.view(row, column))
    flows = take_flows(maps)
    maps["certainty"] = certainty_map(maps, model.card.get("certainty"))
    del maps["pgrf"]
    every = replace(settings, exclude_border=False)  # a view's border is no image's
    labels = label_nuclei(maps["probability"], flows, every, sight.diameter)
    whole = Whole((top, left), grid.shape, 0.0, 0.0)
    objects = describe_part(labels, maps, flows, whole).drop(columns="label")
    objects["centroid_y"] += top
    objects["centroid_x"] += left
    own = _lies_in(objects, grid.core(row, column))
    if settings.exclude_border:
        own &= ~_reaches_the_edge(labels, (top, left), grid.shape)
    numbers = np.concatenate([[0], np.where(own, np.cumsum(own), 0)]).astype(np.int32)
    origin, kept = _trimmed(numbers[labels])
    return BlockNuclei(
        row,
        column,
        (top + origin[0], left + origin[1]),
        kept,
        objects[own].reset_index(drop=True),
        notes,
    )


def _lies_in(objects: pd.DataFrame, core: Box) -> np.ndarray:
    """Whether each centroid lies in a block, (n,)."""
    inside = np.ones(len(objects), bool)
    for name, side in zip(("centroid_y", "centroid_x"), core, strict=True):
        # Two blocks sum the same pixels from other corners: their last digits differ.
        at = objects[name].to_numpy().round(6)
        inside &= (at >= side.start) & (at < side.stop)
    return inside


def _reaches_the_edge(
    labels: np.ndarray, origin: tuple[int, int], shape: tuple[int, int]
) -> np.ndarray:
    """Whether each label touches the edge of the whole image, (n,)."""
    touches = np.zeros(int(labels.max(initial=0)) + 1, bool)
    for axis, (first, length) in enumerate(zip(origin, shape, strict=True)):
        lines = np.moveaxis(labels, axis, 0)
        if first == 0:
            touches[lines[0]] = True
        if first + len(lines) == length:
            touches[lines[-1]] = True
    return touches[1:]


def _trimmed(labels: np.ndarray) -> tuple[tuple[int, int], np.ndarray]:
    """Labels without empty rows and columns around them, and their first pixel."""
    rows, columns = (np.flatnonzero(labels.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return (0, 0), np.zeros((0, 0), np.int32)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return (int(rows[0]), int(columns[0])), np.ascontiguousarray(labels[box])
