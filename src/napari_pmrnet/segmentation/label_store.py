"""Labels on disk while they are made: the Zarr and its table."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
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
from napari_pmrnet.segmentation.block_files import NAMES, holds_only, remove_folder
from napari_pmrnet.segmentation.blocks import SIDE
from napari_pmrnet.segmentation.large_plane import (
    Fill,
    LabelledPlane,
    label_large_plane,
)
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    import zarr

    from napari_pmrnet.models import Model

UNFINISHED = ".unfinished"
"""Ending of a Zarr that is not whole yet; a part that is random follows it."""
ZARR_PARTS = re.compile(r"\.zgroup|\.zattrs|\.zmetadata|0")
"""Names in the folder of a label Zarr."""


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
        self._about: dict[str, Any] = {"name": self.output.stem}
        self._block, self._identity, self._fill = block, identity, fill
        self._labels: zarr.Array | None = None
        self._shape: tuple[int, ...] = ()
        self._fingerprint: str | None = None

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
        self._fingerprint = provenance.fingerprint
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
        folder = self._beside(".parts") / "-".join(["plane", *map(str, place)])
        with writing(self.output):
            return (
                yield from label_large_plane(
                    plane,
                    Within(self, place),
                    folder,
                    self._identity or {"fingerprint": self._fingerprint},
                    settings,
                    model,
                    block=self._block,
                    fill=None if self._fill is None else self._fill(place),
                    first=first,
                )
            )

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
                    remove_folder(folder, NAMES)
            self._beside(".parts").rmdir()

    def _clear_unfinished(self) -> None:
        """Remove labels that were never finished, of this run and of others."""
        name = glob.escape(self._beside(UNFINISHED).name)
        for folder in self._place.parent.glob(f"{name}*"):
            with suppress(OSError):
                if holds_only(folder, ZARR_PARTS):
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
