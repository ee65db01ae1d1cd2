"""A plane too large for memory, segmented block by block."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from napari_pmrnet.errors import DataError
from napari_pmrnet.segmentation.block_files import BlockFiles
from napari_pmrnet.segmentation.blocks import (
    SIDE,
    BlockGrid,
    BlockNuclei,
    Stitcher,
    label_row,
)
from napari_pmrnet.segmentation.plane import Plane, PlaneStats
from napari_pmrnet.segmentation.postprocess import drops, renumbered
from napari_pmrnet.segmentation.predict import Progress, grid_for
from napari_pmrnet.segmentation.scale import measure_plane
from napari_pmrnet.segmentation.tiles import TileStore
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

Fill = Callable[..., Generator[Progress, None, None]]
"""Steps that make the missing blocks of a plane, called as `fill_here` is."""

VERSION = 1
"""Of the way blocks are made; those of another are not used."""


class LabelledPlane(NamedTuple):
    """Table of nuclei and measurements of a large plane, and notes for the user."""

    objects: pd.DataFrame
    stats: PlaneStats
    notes: tuple[str, ...]


def label_large_plane(
    plane: Plane,
    labels: Any,
    folder: Path,
    identity: Mapping[str, Any],
    settings: Settings,
    model: Model,
    *,
    block: int = SIDE,
    fill: Fill | None = None,
    first: int = 0,
) -> Generator[Progress, None, LabelledPlane]:
    """Segment a large plane block by block.

    Labels are not touched before all blocks are done. Blocks that are done stay in
    their folder, for a run that is stopped.

    Parameters
    ----------
    plane : Plane
    labels : array-like of int32, shape (H, W)
        All zero; read and written by slices.
    folder : Path
        Of the blocks; see `BlockFiles`.
    identity : mapping
        What tells the image's pixels from others, ready for JSON.
    settings : Settings
    model : Model
    block : int
        Most pixels along a side of a block.
    fill : callable, optional
        Makes the blocks that are missing; by default `fill_here` does.
    first : int
        Number after which those of the nuclei begin.

    Yields
    ------
    Progress

    Returns
    -------
    LabelledPlane

    Raises
    ------
    DataError
        If a block cannot be kept, or one that was kept is damaged.
    ImageError
        If the model sees images whole, or intensity limits are to be those of a region.
    """
    plane = plane.limited(settings.limits)
    stats = yield from measure_plane(plane, model, settings.diameter)
    grid = BlockGrid.for_scale(plane.shape, stats.scale, block)
    files = BlockFiles(folder, _job_of(plane, identity, settings, model, stats, grid))
    yield from (fill or fill_here)(files, plane, model, settings, stats, grid)
    stitcher = Stitcher(labels, first)
    yield from _stitch(files, grid, stitcher)
    objects = stitcher.table(model.card.object_certainty)
    if drops(settings, model.card, stitcher.measured):
        least = settings.least_certainty
        objects = yield from _drop(labels, objects, least, grid, first)
    return LabelledPlane(objects, stats, (*plane.notes, *stats.notes, *stitcher.notes))


def _job_of(
    plane: Plane,
    identity: Mapping[str, Any],
    settings: Settings,
    model: Model,
    stats: PlaneStats,
    grid: BlockGrid,
) -> dict[str, Any]:
    """All that the blocks depend on; nuclei are dropped when they are together."""
    made = {**settings.as_dict(), "device": None}
    del made["least_certainty"]
    return {
        "version": VERSION,
        "image": plane.name,
        "identity": dict(identity),
        "settings": made,
        "weights": model.card.sha256,
        "scale": stats.scale,
        "diameter": stats.diameter,
        "limits": stats.limits,
        "smoothing": stats.smoothing,
        "blocks": [*grid.shape, grid.margin, grid.side],
    }


def fill_here(
    files: BlockFiles,
    plane: Plane,
    model: Model,
    settings: Settings,
    stats: PlaneStats,
    grid: BlockGrid,
) -> Generator[Progress, None, None]:
    """Make the blocks that are not there yet, one after the other in this thread.

    Parameters
    ----------
    files : BlockFiles
        Where blocks are kept.
    plane : Plane
    model : Model
    settings : Settings
    stats : PlaneStats
    grid : BlockGrid

    Yields
    ------
    Progress
        After every batch of tiles.
    """
    total = grid.rows * grid.columns
    done = total - len(files.missing(grid))
    store = TileStore(files.folder)
    for row in range(grid.rows):
        columns = [c for r, c in files.missing(grid) if r == row]
        row_steps = label_row(plane, model, settings, stats, grid, row, columns, store)
        for step in row_steps:
            if isinstance(step, BlockNuclei):
                files.save(step)
                done += 1
                continue
            now = done + step.done / max(step.total, 1)
            message = f"block {done + 1} of {total}: {step.message}"
            yield Progress(round(100 * now), 100 * total, message)
        if row + 1 < grid.rows:
            _, tiles = grid_for(model, plane.shape, stats.scale)
            store.forget_before(grid.strip(row + 1)[0].start - tiles.tile[0] + 1)


def _stitch(
    files: BlockFiles, grid: BlockGrid, stitcher: Stitcher
) -> Generator[Progress, None, None]:
    """Put all blocks together."""
    total = grid.rows * grid.columns
    for done, (row, column) in enumerate(grid.places()):
        yield Progress(done, total, f"writing block {done + 1} of {total}")
        block = files.load(row, column)
        if block is None:
            raise DataError(
                f"{files.folder}: block {row}-{column} is damaged and was dropped. "
                "Segment the image again: only that block is made anew."
            )
        stitcher.add(block)


def _drop(
    labels: Any, objects: pd.DataFrame, least: float, grid: BlockGrid, first: int
) -> Generator[Progress, None, pd.DataFrame]:
    """Drop labels of less certainty, number the rest anew, and give their table."""
    kept = objects["certainty"].to_numpy() >= least
    if kept.all():
        return objects
    numbers, rows = renumbered(objects, kept, first)
    total = grid.rows * grid.columns
    for done, place in enumerate(grid.places()):
        yield Progress(done, total, f"dropping uncertain nuclei {done + 1} of {total}")
        core = grid.core(*place)
        before = labels[core]
        labels[core] = numbers[np.maximum(before - first, 0)]
    return rows
