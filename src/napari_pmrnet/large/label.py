"""Label a large plane: see it once, fill its blocks, put them together."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from napari_pmrnet.errors import DataError
from napari_pmrnet.large.blocks import SIDE, BlockGrid, BlockNuclei, Sight, label_row
from napari_pmrnet.large.parts import Parts
from napari_pmrnet.large.plane import LargePlane
from napari_pmrnet.large.scout import choose_sight
from napari_pmrnet.large.stitch import Stitcher
from napari_pmrnet.segmentation.noise import noise_notes
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.settings import Settings
from napari_pmrnet.segmentation.windows import WindowStore, window_reach

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model

Fill = Callable[..., Generator[Progress, None, None]]

VERSION = 1
"""Of the way blocks are made; parts of another are not used."""


class LabelledPlane(NamedTuple):
    """What `label_plane` found: the table of nuclei, how it saw, what is to be said."""

    objects: pd.DataFrame
    sight: Sight
    notes: tuple[str, ...]


def label_plane(
    plane: LargePlane,
    labels: Any,
    work: Path,
    settings: Settings,
    model: Model,
    block: int = SIDE,
    identity: Mapping[str, Any] | None = None,
    fill: Fill | None = None,
    first: int = 0,
) -> Generator[Progress, None, LabelledPlane]:
    """Segment a large plane into an array.

    Parameters
    ----------
    plane : LargePlane
    labels : array-like of int32, shape (H, W)
        All zero; not touched before all blocks are done.
    work : Path
        Folder for the blocks that are done; it stays, for a run that is stopped.
    settings : Settings
    model : Model
    block : int
        Most pixels along a side of a block.
    identity : mapping, optional
        What tells the image's pixels from others, ready for JSON. Blocks of an earlier
        run count only if it is the same; by default name and intensity limits do.
    fill : callable, optional
        Makes the blocks that are missing; by default `fill_here`.
    first : int
        Number after which those of the nuclei begin.

    Yields
    ------
    Progress

    Returns
    -------
    LabelledPlane
    """
    sight = yield from choose_sight(plane, model, settings.diameter)
    grid = BlockGrid.for_scale(plane.shape, sight.scale, block)
    parts = Parts(work, _job(plane, identity, settings, model, sight, grid))
    yield from (fill or fill_here)(parts, plane, model, settings, sight, grid)
    stitcher = Stitcher(labels, first)
    yield from _stitch(parts, grid, stitcher)
    objects = stitcher.table(model.card.get("object_certainty"))
    notes = (*noise_notes(sight.smoothing), *stitcher.notes)
    return LabelledPlane(objects, sight, notes)


def _job(
    plane: LargePlane,
    identity: Mapping[str, Any] | None,
    settings: Settings,
    model: Model,
    sight: Sight,
    grid: BlockGrid,
) -> dict[str, Any]:
    """All that the blocks depend on."""
    return {
        "version": VERSION,
        "image": plane.name,
        "identity": None if identity is None else dict(identity),
        "settings": {**settings.as_dict(), "device": None},
        "weights": model.card.get("sha256"),
        "scale": sight.scale,
        "diameter": sight.diameter,
        "limits": sight.limits,
        "smoothing": sight.smoothing,
        "blocks": [*grid.shape, grid.margin, grid.side],
    }


def fill_here(
    parts: Parts,
    plane: LargePlane,
    model: Model,
    settings: Settings,
    sight: Sight,
    grid: BlockGrid,
) -> Generator[Progress, None, None]:
    """Make the blocks that are not there yet, one after the other in this thread.

    Parameters
    ----------
    parts : Parts
        Where blocks are kept.
    plane : LargePlane
    model : Model
    settings : Settings
    sight : Sight
    grid : BlockGrid

    Yields
    ------
    Progress
        After every batch of windows.
    """
    total = grid.rows * grid.columns
    done = total - len(parts.missing(grid))
    store = WindowStore(parts.folder)
    for row in range(grid.rows):
        columns = [c for r, c in parts.missing(grid) if r == row]
        row_steps = label_row(plane, model, settings, sight, grid, row, columns, store)
        for step in row_steps:
            if isinstance(step, BlockNuclei):
                parts.save(step)
                done += 1
                continue
            now = done + step.done / max(step.total, 1)
            message = f"block {done + 1} of {total}: {step.message}"
            yield Progress(round(100 * now), 100 * total, message)
        if row + 1 < grid.rows:
            reach = window_reach(model.window, plane.shape, sight.scale)
            store.forget_before(grid.strip(row + 1)[0].start - reach + 1)


def _stitch(
    parts: Parts, grid: BlockGrid, stitcher: Stitcher
) -> Generator[Progress, None, None]:
    """Put all blocks together."""
    total = grid.rows * grid.columns
    for done, (row, column) in enumerate(grid.places()):
        yield Progress(done, total, f"writing block {done + 1} of {total}")
        block = parts.load(row, column)
        if block is None:
            raise DataError(
                f"{parts.folder}: block {row}-{column} is damaged and was dropped. "
                "Segment the image again: only that block is made anew."
            )
        stitcher.add(block)
