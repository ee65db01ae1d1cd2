"""Labels on disk while they are made: the Zarr, the blocks that are done, the table."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np
import pandas as pd

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.alone import BUSY, alone
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.label_zarr import create_label_zarr, seal_label_zarr
from napari_pmrnet.io.permit import Overwrite, Permit, hash_of
from napari_pmrnet.io.provenance import Provenance, relative_name
from napari_pmrnet.io.space import Space
from napari_pmrnet.io.write import (
    checked_target,
    finish_swap,
    replace_file,
    replace_folder,
    writing,
)
from napari_pmrnet.segmentation.blocks import (
    SIDE,
    BlockGrid,
    BlockNuclei,
    Stitcher,
    label_row,
)
from napari_pmrnet.segmentation.diameter import measure_plane
from napari_pmrnet.segmentation.plane import Plane, PlaneStats
from napari_pmrnet.segmentation.postprocess import drops, renumbered
from napari_pmrnet.segmentation.predict import Progress, grid_for
from napari_pmrnet.segmentation.tiles import TileStore
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    import zarr

    from napari_pmrnet.models import Model


class LabelStore:
    """A label Zarr that takes its place, with its table, when it is whole.

    A context manager: one run at a time writes a label Zarr.

    Parameters
    ----------
    output : str or Path
        Folder to make or replace, ending in ``.zarr``. Beside it lies the table, with
        the same name and the ending ``.csv``.
    space : Space, optional
        Kept with the labels; see `create_label_zarr`.
    block : int
        Most pixels along a side of a block; memory grows with its square.
    identity : mapping, optional
        What tells the image's pixels from others, ready for JSON. Blocks of an earlier
        run count only if it is the same; by default the fingerprint of the labels'
        `Provenance`, beside name and intensity limits.
    fill : callable, optional
        Gives what makes the missing blocks of the plane at a place; by default
        `fill_here` does.
    overwrite : bool or Permit
        Whether labels that are there, and their table, may be replaced. What is no
        label image of this program never is.
    image : Path, optional
        File that is segmented: as for `write_labels`.

    Raises
    ------
    DataError
        If the output cannot be what it is to be.
    """

    def __init__(
        self,
        output: str | Path,
        space: Space | None = None,
        block: int = SIDE,
        identity: Mapping[str, Any] | None = None,
        fill: Callable[[tuple[int, ...]], Fill] | None = None,
        *,
        overwrite: Overwrite = False,
        image: Path | None = None,
    ) -> None:
        self._permit, self._image = Permit.of(overwrite), image
        self.output = checked_target(output, Format.ZARR, self._permit)
        self._place = Path(os.path.realpath(self.output))
        self._space = space or Space()
        self._about: dict[str, Any] = {
            "name": self.output.stem,
        }
        self._block, self._identity, self._fill = block, identity, fill
        self._labels: zarr.Array | None = None
        self._shape: tuple[int, ...] = ()
        self._seen: str | None = None

    def __enter__(self) -> LabelStore:
        """Keep others away, and make good what a run that was killed has left.

        Raises
        ------
        DataError
            If another window or program is writing these labels, or they may not be
            replaced.
        """
        with ExitStack() as stack:
            stack.enter_context(alone(self._beside(""), f"{self.output}: {BUSY}"))
            stack.callback(self._clear_unfinished)
            with writing(self.output):
                finish_swap(self.output)
            self._permit.check(self.output)
            self._check_table()
            self._clear_unfinished()
            # A new name: threads of a run that failed may still be writing to theirs.
            self._unfinished = self._beside(f"{UNFINISHED}-{uuid4().hex[:12]}")
            self._labels = None
            self._held = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Let others in again; blocks that are done stay for the next run."""
        self._held.close()

    @property
    def table(self) -> Path:
        """The CSV with one row a nucleus."""
        return self.output.with_suffix(".csv")

    def create(
        self,
        shape: Sequence[int],
        provenance: Provenance,
        axes: Sequence[str] = ("y", "x"),
    ) -> Within:
        """Labels to fill, all zero; nothing is made before something is written.

        Parameters
        ----------
        shape : sequence of int
        provenance : Provenance
            Kept with the labels.
        axes : sequence of str
            Names of the axes, y and x last, unless the space has its own.
        """
        self._shape = tuple(shape)
        space = replace(self._space, axes=self._space.axes or tuple(axes))
        self._about |= {"space": space, "provenance": provenance}
        self._seen = provenance.fingerprint
        return Within(self)

    def label(
        self,
        plane: Plane,
        place: tuple[int, ...],
        settings: Settings,
        model: Model,
        first: int = 0,
    ) -> Generator[Progress, None, LabelledPlane]:
        """Segment a large plane block by block into the labels.

        They are not touched before all blocks are done. Blocks that are done stay
        beside them, for a run that is stopped.

        Parameters
        ----------
        plane : Plane
        place : tuple of int
            Where it lies in the labels.
        settings : Settings
        model : Model
        first : int
            Number after which those of the nuclei begin.

        Yields
        ------
        Progress

        Returns
        -------
        LabelledPlane
        """
        name = "-".join(["plane", *map(str, place)])
        fill = fill_here if self._fill is None else self._fill(place)
        plane = plane.limited(settings.limits)
        with writing(self.output):
            stats = yield from measure_plane(plane, model, settings.diameter)
            grid = BlockGrid.for_scale(plane.shape, stats.scale, self._block)
            identity = self._identity or {"fingerprint": self._seen}
            job = _job(plane, identity, settings, model, stats, grid)
            parts = Parts(self._beside(".parts") / name, job)
            yield from fill(parts, plane, model, settings, stats, grid)
            labels = Within(self, place)
            stitcher = Stitcher(labels, first)
            yield from _stitch(parts, grid, stitcher)
            objects = stitcher.table(model.card.object_certainty)
            if drops(settings, model.card, stitcher.measured):
                least = settings.least_certainty
                objects = yield from _drop(labels, objects, least, grid, first)
        notes = (*plane.notes, *stats.notes, *stitcher.notes)
        return LabelledPlane(objects, stats, notes)

    def finish(self, objects: pd.DataFrame) -> None:
        """Write the table and put the labels in their place.

        Raises
        ------
        DataError
            If there is no room, or the place is taken by what cannot be removed.
        """
        text = objects.round(4).to_csv(index=False).encode()
        self._permit.check(self.output)
        of_table = self._check_table()
        with writing(self.output):
            self.array()
            made_of = ""
            if self._image is not None:
                made_of = relative_name(self._image, self._place.parent)
            hashes = [hashlib.sha256(text).hexdigest()]
            hashes += [hash_of(self.table)] if self.table.exists() else []
            tables = dict.fromkeys(hashes)
            seal_label_zarr(self._unfinished, made_of, " ".join(tables))
            replace_folder(self._unfinished, self.output, self._permit)
            replace_file(self.table, text, of_table)
        self._drop_parts()

    def _drop_parts(self) -> None:
        """Remove the blocks, which are not needed any more."""
        with suppress(OSError):
            for folder in self._beside(".parts").glob("plane*"):
                with suppress(DataError):
                    _clear(folder, PARTS)
            self._beside(".parts").rmdir()

    def _clear_unfinished(self) -> None:
        """Remove labels that were never finished, of this run and of others."""
        name = glob.escape(self._beside(UNFINISHED).name)
        for folder in self._place.parent.glob(f"{name}*"):
            with suppress(OSError):
                if _holds_only(folder, ZARR_PARTS):
                    shutil.rmtree(folder)

    def _check_table(self) -> Permit:
        """Permit for the table; raises unless it may be written."""
        permit = self._permit.for_table(self.output)
        permit.check(self.table)
        return permit

    def array(self) -> zarr.Array:
        """The array on disk, made when first asked for."""
        if self._labels is None:
            self._labels = create_label_zarr(
                self._unfinished, self._shape, **self._about
            )
        return self._labels

    def _beside(self, ending: str) -> Path:
        """A folder of ours beside the output, on the same disk."""
        return self._place.with_name(f".{self._place.name}{ending}")


class Within:
    """A plane of a store's labels, read and written by rows and columns."""

    def __init__(self, store: LabelStore, place: tuple[int, ...] = ()) -> None:
        self._store, self._place = store, place

    def __getitem__(self, where: tuple[Any, ...]) -> np.ndarray:
        return np.asarray(self._store.array()[(*self._place, *where)])

    def __setitem__(self, where: tuple[Any, ...], labels: np.ndarray) -> None:
        with writing(self._store.output):
            self._store.array()[(*self._place, *where)] = labels


def _clear(folder: Path, ours: re.Pattern[str]) -> None:
    """Remove a folder of ours that a run before has left.

    Raises
    ------
    DataError
        If it holds anything else.
    """
    if not os.path.lexists(folder):
        return
    if not _holds_only(folder, ours):
        raise DataError(
            f"{folder}: is in the way and holds what is not of napari-pmrnet. Move it, "
            "or choose another output."
        )
    shutil.rmtree(folder)


def _holds_only(folder: Path, ours: re.Pattern[str]) -> bool:
    """Tell whether a folder holds nothing but files and folders of these names."""
    return folder.is_dir() and all(ours.fullmatch(e.name) for e in folder.iterdir())


UNFINISHED = ".unfinished"
JOB = "job.json"
ZARR_PARTS = re.compile(r"\.zgroup|\.zattrs|\.zmetadata|0")
PARTS = re.compile(r"job\.json|block-.*\.npz|window-.*\.npy|\.pmrnet-.*\.tmp")
_DAMAGED = (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile)


class Parts:
    """A folder with one file a block.

    Parameters
    ----------
    folder : Path
        Made if it is not there. Emptied if it holds parts of another job.
    job : mapping
        All that the blocks depend on, ready for JSON.

    Raises
    ------
    DataError
        If the folder cannot be made or written to.
    """

    def __init__(self, folder: Path, job: Mapping[str, Any]) -> None:
        self.folder, self.job = folder, job
        text = json.dumps(job, sort_keys=True)
        if self._job() == text:
            return
        try:
            _clear(folder, PARTS)
            folder.mkdir(parents=True)
        except OSError as error:
            raise DataError(
                f"{folder}: cannot be made anew ({error.strerror or error}). Choose "
                "another folder."
            ) from error
        self._write(JOB, text.encode())

    def missing(self, grid: BlockGrid) -> list[tuple[int, int]]:
        """Row and column of the blocks that are not there."""
        return [place for place in grid.places() if not self._path(*place).is_file()]

    def save(self, block: BlockNuclei) -> None:
        """Keep a block, whole or not at all.

        Raises
        ------
        DataError
            If there is no room for it.
        """
        self._write(self._path(block.row, block.column).name, block.to_bytes())

    def load(self, row: int, column: int) -> BlockNuclei | None:
        """A block; None if it is not there or damaged, and then it is dropped."""
        path = self._path(row, column)
        try:
            return BlockNuclei.from_bytes(path.read_bytes())
        except FileNotFoundError:
            return None
        except _DAMAGED:
            path.unlink(missing_ok=True)
            return None

    def _job(self) -> str | None:
        """The job whose parts the folder holds."""
        with suppress(OSError, UnicodeDecodeError):
            return (self.folder / JOB).read_text()
        return None

    def _path(self, row: int, column: int) -> Path:
        return self.folder / f"block-{row}-{column}.npz"

    def _write(self, name: str, content: bytes) -> None:
        replace_file(self.folder / name, content, True)


def _drop(
    labels: Within, objects: pd.DataFrame, least: float, grid: BlockGrid, first: int
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


Fill = Callable[..., Generator[Progress, None, None]]

VERSION = 1
"""Of the way blocks are made; parts of another are not used."""


class LabelledPlane(NamedTuple):
    """Table of nuclei and measurements of a large plane, and notes for the user."""

    objects: pd.DataFrame
    stats: PlaneStats
    notes: tuple[str, ...]


def _job(
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
    parts: Parts,
    plane: Plane,
    model: Model,
    settings: Settings,
    stats: PlaneStats,
    grid: BlockGrid,
) -> Generator[Progress, None, None]:
    """Make the blocks that are not there yet, one after the other in this thread.

    Parameters
    ----------
    parts : Parts
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
    done = total - len(parts.missing(grid))
    store = TileStore(parts.folder)
    for row in range(grid.rows):
        columns = [c for r, c in parts.missing(grid) if r == row]
        row_steps = label_row(plane, model, settings, stats, grid, row, columns, store)
        for step in row_steps:
            if isinstance(step, BlockNuclei):
                parts.save(step)
                done += 1
                continue
            now = done + step.done / max(step.total, 1)
            message = f"block {done + 1} of {total}: {step.message}"
            yield Progress(round(100 * now), 100 * total, message)
        if row + 1 < grid.rows:
            _, tiles = grid_for(model, plane.shape, stats.scale)
            store.forget_before(grid.strip(row + 1)[0].start - tiles.tile[0] + 1)


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
