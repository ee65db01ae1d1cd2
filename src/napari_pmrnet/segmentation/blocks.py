"""Nuclei of a large image, block by block; every nucleus belongs to one block."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product, zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_pmrnet.segmentation.flow_labels import at_edge, label_nuclei
from napari_pmrnet.segmentation.normalise import unknown_notes
from napari_pmrnet.segmentation.objects import (
    FEATURES,
    ImageContext,
    certainty_map,
    describe_part,
    fitted_probability,
    object_maps,
    seen_together,
)
from napari_pmrnet.segmentation.on_device import on_device
from napari_pmrnet.segmentation.plane import Plane, PlaneStats
from napari_pmrnet.segmentation.predict import (
    Progress,
    predict,
    take_flows,
    without_unknown,
)
from napari_pmrnet.segmentation.tiles import Box, TileStore, box_of
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

SIDE = 2048
MARGIN = 96
MOST_MARGIN = 512


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
        return box_of(
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
        return box_of(
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
    plane: Plane,
    model: Model,
    settings: Settings,
    stats: PlaneStats,
    grid: BlockGrid,
    row: int,
    columns: list[int] | None = None,
    store: TileStore | None = None,
) -> Generator[Progress | BlockNuclei, None, None]:
    """Nuclei of a row of blocks.

    Tiles that two neighbouring blocks need are predicted once.

    Parameters
    ----------
    plane : Plane
    model : Model
    settings : Settings
    stats : PlaneStats
    grid : BlockGrid
    row : int
    columns : list of int, optional
        Blocks of the row that are wanted, in ascending order; by default all.
    store : TileStore, optional
        Of the rows above, when they are done one after the other.

    Yields
    ------
    Progress
        After every batch of tiles of a block.
    BlockNuclei
        Once a block.
    """
    columns = list(range(grid.columns)) if columns is None else columns
    store = store or TileStore()
    below = grid.strip(row + 1) if row + 1 < grid.rows else None
    for column, following in zip_longest(columns, columns[1:]):
        view = grid.view(row, column)
        store.keep_for(None if following is None else grid.view(row, following), below)
        prediction = yield from predict(
            model,
            plane,
            view,
            scale=stats.scale,
            flips=settings.flips,
            store=store,
        )
        unknown = plane.unknown(view)
        maps = dict(without_unknown(prediction, unknown).maps)
        notes = (*prediction.notes, *unknown_notes(unknown))
        del prediction
        yield _own_nuclei(maps, notes, model, settings, stats, grid, row, column)


def _own_nuclei(
    maps: dict[str, np.ndarray],
    notes: tuple[str, ...],
    model: Model,
    settings: Settings,
    stats: PlaneStats,
    grid: BlockGrid,
    row: int,
    column: int,
) -> BlockNuclei:
    """The nuclei of a block, from the maps of its view."""
    top, left = (s.start for s in grid.view(row, column))
    flows = take_flows(maps)
    maps["certainty"] = on_device(model, certainty_map, maps, model.card.certainty)
    del maps["pgrf"]
    every = replace(settings, exclude_border=False)  # a view's border is no image's
    probability, diameter = maps["probability"], stats.diameter
    labels = on_device(model, label_nuclei, probability, flows, every, diameter)
    whole = ImageContext((top, left), grid.shape, 0.0, 0.0)
    used = object_maps(maps)
    objects = on_device(model, describe_part, labels, used, flows, whole)
    objects = objects.drop(columns="label")
    objects["centroid_y"] += top
    objects["centroid_x"] += left
    own = _lies_in(objects, grid.core(row, column))
    if settings.exclude_border:
        own &= ~at_edge(labels, (top, left), grid.shape)
    numbers = np.concatenate([[0], np.where(own, np.cumsum(own), 0)]).astype(np.int32)
    origin, kept = _trimmed(numbers[labels])
    return BlockNuclei(
        row,
        column,
        (top + origin[0], left + origin[1]),
        kept,
        objects.loc[own].reset_index(drop=True),
        notes,
    )


def _lies_in(objects: pd.DataFrame, core: Box) -> np.ndarray:
    """Tell whether each centroid lies in a block, (n,)."""
    inside = np.ones(len(objects), bool)
    for name, side in zip(("centroid_y", "centroid_x"), core, strict=True):
        # Two blocks sum the same pixels from other corners: their last digits differ.
        at = objects[name].to_numpy().round(6)
        inside &= (at >= side.start) & (at < side.stop)
    return inside


def _trimmed(labels: np.ndarray) -> tuple[tuple[int, int], np.ndarray]:
    """Labels without empty rows and columns around them, and their first pixel."""
    rows, columns = (np.flatnonzero(labels.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return (0, 0), np.zeros((0, 0), np.int32)
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return (int(rows[0]), int(columns[0])), np.ascontiguousarray(labels[box])


SAME = 0.25
COLUMNS = ["label", "certainty", "area", "centroid_y", "centroid_x"]


class Stitcher:
    """Writes blocks into a label array and keeps the table of their nuclei.

    Labels and numbers depend on the order of the blocks, so they are to be added row by
    row. Two blocks can both claim a nucleus that is larger than their margin: where a
    new label and an earlier one share more than a quarter of the smaller of them, they
    are one nucleus.

    Parameters
    ----------
    labels : array-like of int32, shape (H, W)
        All zero; read and written by slices.
    first : int
        Numbers go on from here: the first nucleus is ``first + 1``.
    """

    def __init__(self, labels: Any, first: int = 0) -> None:
        self._labels, self._first = labels, first
        self._tables: list[pd.DataFrame] = []
        self._notes: dict[str, None] = {}
        self.count = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user, each once."""
        return tuple(self._notes)

    def add(self, block: BlockNuclei) -> None:
        """Write the nuclei of the next block."""
        self._notes.update(dict.fromkeys(block.notes))
        if block.objects.empty:
            return
        (top, left), (height, width) = block.origin, block.labels.shape
        place = slice(top, top + height), slice(left, left + width)
        there = np.asarray(self._labels[place])
        earlier = self._claimed_before(block, there)
        new = earlier == 0
        following = self._first + self.count + np.cumsum(new)
        numbers = np.where(new, following, earlier).astype(np.int32)
        wanted = np.concatenate([np.zeros(1, np.int32), numbers])[block.labels]
        free = there == 0
        self._labels[place] = np.where(free, wanted, there)
        self.count += int(new.sum())
        self._tables.append(_compact(block.objects.assign(label=numbers).loc[new]))
        lost = np.unique(block.labels[~free])
        changed = ~new
        changed[lost[lost > 0] - 1] = True
        for number in np.unique(numbers[changed]):
            pixels = np.argwhere(free & (wanted == number)) + (top, left)
            self._measure_anew(int(number), pixels, grown=number in earlier)

    def table(self, calibration: Mapping[str, float] | None = None) -> pd.DataFrame:
        """The table of all nuclei, in the order of their numbers.

        Parameters
        ----------
        calibration : mapping, optional
            ``object_certainty`` of the model card.

        Returns
        -------
        DataFrame
            The columns of `describe_objects`.
        """
        objects = self._image_table()
        if calibration is not None and self.measured:
            areas = objects["area"].to_numpy()
            features = seen_together(objects.loc[:, list(FEATURES)], areas)
            certainty = fitted_probability(features, calibration)
            objects = objects.assign(certainty=certainty)
        return objects.loc[:, COLUMNS].astype({"label": int, "area": int})

    @property
    def measured(self) -> bool:
        """Tell whether there are nuclei, with what a fitted certainty needs."""
        return all(name in self._image_table() for name in FEATURES)

    def _image_table(self) -> pd.DataFrame:
        """Rows of all nuclei so far."""
        if not self._tables:
            return pd.DataFrame(columns=COLUMNS)
        if len(self._tables) > 1:
            self._tables = [pd.concat(self._tables, ignore_index=True)]
        return self._tables[0]

    def _claimed_before(self, block: BlockNuclei, there: np.ndarray) -> np.ndarray:
        """For each nucleus of a block the earlier number it has, or 0."""
        earlier = np.zeros(len(block.objects), np.int32)
        both = (there > 0) & (block.labels > 0)
        if not both.any():
            return earlier
        pairs, shared = np.unique(
            np.stack([block.labels[both], there[both]]), axis=1, return_counts=True
        )
        own = block.objects["area"].to_numpy()[pairs[0] - 1]
        theirs = self._image_table()["area"].to_numpy()[pairs[1] - 1 - self._first]
        same = shared > SAME * np.minimum(own, theirs)
        order = np.argsort(shared[same])
        earlier[pairs[0][same][order] - 1] = pairs[1][same][order]
        return earlier

    def _measure_anew(self, number: int, pixels: np.ndarray, grown: bool) -> None:
        """Area and centroid of a nucleus that grew by pixels (n, 2), or has only those.

        The rest of its row stays that of the block that claimed it first.
        """
        table = self._image_table()
        row, names = number - 1 - self._first, ["centroid_y", "centroid_x"]
        before = table.at[row, "area"] if grown else 0
        area = before + len(pixels)
        centre = before * table.loc[row, names].to_numpy(float) + pixels.sum(axis=0)
        table.loc[row, names] = centre / area
        table.loc[row, "area"] = area


def _compact(table: pd.DataFrame) -> pd.DataFrame:
    """A table with its features in half the memory: there are many nuclei."""
    return table.astype({name: np.float32 for name in FEATURES if name in table})
