"""Segment a plane that does not fit into memory: labels go to Zarr on disk."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.atomic import checked_folder, replace_file, unwritable
from napari_pmrnet.io.label_zarr import ENDING, create_label_zarr
from napari_pmrnet.large.blocks import SIDE, BlockGrid, BlockNuclei, Sight, label_row
from napari_pmrnet.large.parts import Parts
from napari_pmrnet.large.plane import LargePlane
from napari_pmrnet.large.scout import choose_sight
from napari_pmrnet.large.stitch import Stitcher
from napari_pmrnet.segmentation.predict import Progress, run_to_end
from napari_pmrnet.segmentation.settings import Settings
from napari_pmrnet.segmentation.windows import WindowStore, window_reach

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model

VERSION = 1
"""Of the way blocks are made; parts of another are not used."""


@dataclass(frozen=True)
class LargeSegmentation:
    """Labels of a large image, on disk, and the table of its nuclei.

    Attributes
    ----------
    labels : Path
        OME-Zarr folder of one level, int32 (H, W); see `open_label_zarr`.
    table : Path
        CSV beside it: `objects`.
    objects : DataFrame
        One row a nucleus; see `describe_objects`.
    settings : Settings
    device : str
        The device that was really used.
    notes : tuple of str
        What the user should know, such as a device that ran out of memory.
    seconds : float
        Time of this run, without what an earlier one had done.
    scale : float
        Pixels the network saw for each pixel of the image.
    diameter : float or None
        Of a typical nucleus in pixels, as set or measured; None if none was found.
    """

    labels: Path
    table: Path
    objects: pd.DataFrame
    settings: Settings
    device: str
    notes: tuple[str, ...]
    seconds: float
    scale: float
    diameter: float | None


def segment_large(
    image: LargePlane | Any,
    output: str | Path,
    settings: Settings | None = None,
    model: Model | None = None,
    **keywords: Any,
) -> LargeSegmentation:
    """Segment a large image block by block.

    Parameters
    ----------
    image : LargePlane or array-like
        A Zarr or Dask array, a memory map, or anything else with ``shape``, ``dtype``
        and slices, (H, W) or (H, W, 3).
    output : str or Path
        Folder for the labels, ending in ``.zarr``.
    settings : Settings, optional
        By default with the thresholds that were tuned for the model.
    model : Model, optional
        By default the model and device that the settings name.
    **keywords
        ``scale`` and ``units`` of y and x, as for `create_label_zarr`; ``block``, most
        pixels along a side of a block: memory grows with its square.

    Returns
    -------
    LargeSegmentation

    Raises
    ------
    ImageError
        If the image cannot be segmented as it is.
    DataError
        If the output cannot be written, or zarr is not installed.
    WeightsError
        If the model is missing or altered.
    """
    steps = segment_large_steps(image, output, settings, model, **keywords)
    return run_to_end(steps)


def segment_large_steps(
    image: LargePlane | Any,
    output: str | Path,
    settings: Settings | None = None,
    model: Model | None = None,
    *,
    scale: Sequence[float] | None = None,
    units: Sequence[str] | None = None,
    block: int = SIDE,
) -> Generator[Progress, None, LargeSegmentation]:
    """`segment_large` as a generator: the same parameters, result and errors.

    Blocks that are done are kept beside the output until the labels are whole, so that
    a run that was stopped goes on where it was, if it is asked for the same.

    Yields
    ------
    Progress
        After every batch of windows, counted over all blocks.
    """
    started = time.perf_counter()
    output = checked_folder(output, ENDING)
    plane = image
    if settings is None:
        settings = Settings() if model is None else Settings.for_card(model.card)
    if not isinstance(image, LargePlane):
        plane = LargePlane([image], channel=settings.channel, name=output.stem)
    if model is None:
        yield Progress(0, 0, "loading the network")
        from napari_pmrnet.pretrained import load_model

        model = load_model(settings.model, settings.device)
    sight = yield from choose_sight(plane, model, settings.diameter)
    grid = BlockGrid.for_scale(plane.shape, sight.scale, block)
    parts = Parts(_beside(output, ".parts"), _job(plane, settings, model, sight, grid))
    yield from _fill(parts, plane, model, settings, sight, grid)
    unfinished = _beside(output, ".unfinished")
    with writing(output):
        labels = create_label_zarr(
            unfinished,
            plane.shape,
            name=output.stem,
            scale=scale,
            units=units,
            settings=settings,
            weights_hash=model.card.get("sha256"),
        )
        stitcher = Stitcher(labels)
        yield from _stitch(parts, grid, stitcher)
    objects = stitcher.table(model.card.get("object_certainty"))
    table = table_path(output)
    text = objects.round(4).to_csv(index=False)
    replace_file(table, lambda stream: stream.write(text.encode()))
    with writing(output):
        if output.exists():
            shutil.rmtree(output)
        os.replace(unfinished, output)
    parts.remove()
    return LargeSegmentation(
        output,
        table,
        objects,
        settings,
        model.runs_on,
        stitcher.notes,
        time.perf_counter() - started,
        sight.scale,
        sight.diameter,
    )


def table_path(labels: Path) -> Path:
    """The CSV with one row a nucleus that lies beside a label Zarr."""
    return labels.with_suffix(".csv")


def _beside(output: Path, ending: str) -> Path:
    """A folder of ours beside the output, on the same disk."""
    return output.with_name(f".{output.name}{ending}")


def _job(
    plane: LargePlane, settings: Settings, model: Model, sight: Sight, grid: BlockGrid
) -> dict[str, Any]:
    """All that the blocks depend on but the pixels; of those, the limits."""
    return {
        "version": VERSION,
        "image": plane.name,
        "settings": {**settings.as_dict(), "device": None},
        "weights": model.card.get("sha256"),
        "scale": sight.scale,
        "diameter": sight.diameter,
        "limits": sight.limits,
        "blocks": [*grid.shape, grid.margin, grid.side],
    }


def _fill(
    parts: Parts,
    plane: LargePlane,
    model: Model,
    settings: Settings,
    sight: Sight,
    grid: BlockGrid,
) -> Generator[Progress, None, None]:
    """Make the blocks that are not there yet."""
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


@contextmanager
def writing(output: Path) -> Iterator[None]:
    """Say which folder could not be written when the system refuses."""
    try:
        yield
    except OSError as error:
        raise unwritable(output, error) from error
