"""Labels on disk while they are made: the Zarr, the blocks that are done, the table."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_pmrnet.io.atomic import checked_folder, replace_file, unwritable
from napari_pmrnet.io.label_zarr import ENDING, create_label_zarr
from napari_pmrnet.large.blocks import SIDE
from napari_pmrnet.large.label import Fill, LabelledPlane, label_plane
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.settings import Settings

if TYPE_CHECKING:
    import zarr

    from napari_pmrnet.large.plane import LargePlane
    from napari_pmrnet.pretrained import Model

LARGE_PLANE = 16_777_216
"""Pixels of a plane above which it is segmented block by block: 4096 x 4096."""


def is_large(shape: Sequence[int]) -> bool:
    """Whether a plane is to be segmented block by block."""
    return int(np.prod(shape)) > LARGE_PLANE


class LabelStore:
    """A label Zarr that takes its place, with its table, when it is whole.

    Parameters
    ----------
    output : str or Path
        Folder to make or replace, ending in ``.zarr``. Beside it lies the table, with
        the same name and the ending ``.csv``.
    axes : sequence of str
        Letters of the axes, y and x last.
    scale : sequence of float, optional
        Step along each axis, in `units`.
    units : sequence of str, optional
        Unit of each axis.
    settings : Settings, optional
    weights_hash : str, optional
        Kept with the labels.
    block : int
        Most pixels along a side of a block; memory grows with its square.
    identity : mapping, optional
        As for `label_plane`.
    fill : callable, optional
        Gives the ``fill`` of `label_plane` for the plane at a place.

    Raises
    ------
    DataError
        If the output cannot be what it is to be.
    """

    def __init__(
        self,
        output: str | Path,
        axes: Sequence[str] = ("y", "x"),
        scale: Sequence[float] | None = None,
        units: Sequence[str] | None = None,
        settings: Settings | None = None,
        weights_hash: str | None = None,
        block: int = SIDE,
        identity: Mapping[str, Any] | None = None,
        fill: Callable[[tuple[int, ...]], Fill] | None = None,
    ) -> None:
        self.output = checked_folder(output, ENDING)
        self._about = {
            "name": self.output.stem,
            "axes": axes,
            "scale": scale,
            "units": units,
            "settings": settings,
            "weights_hash": weights_hash,
        }
        self._block, self._identity, self._fill = block, identity, fill
        self._labels: zarr.Array | None = None
        self._shape: tuple[int, ...] = ()

    @property
    def table(self) -> Path:
        """The CSV with one row a nucleus."""
        return self.output.with_suffix(".csv")

    def create(self, shape: Sequence[int]) -> Within:
        """The labels to fill, all zero; nothing is made before something is written."""
        self._shape = tuple(shape)
        return Within(self)

    def label(
        self,
        plane: LargePlane,
        place: tuple[int, ...],
        settings: Settings,
        model: Model,
        first: int = 0,
    ) -> Generator[Progress, None, LabelledPlane]:
        """Segment a plane block by block; see `label_plane`."""
        name = "-".join(["plane", *map(str, place)])
        with self._writing():
            return (
                yield from label_plane(
                    plane,
                    Within(self, place),
                    self._beside(".parts") / name,
                    settings,
                    model,
                    self._block,
                    self._identity,
                    None if self._fill is None else self._fill(place),
                    first,
                )
            )

    def finish(self, objects: pd.DataFrame) -> None:
        """Write the table and put the labels in their place.

        Raises
        ------
        DataError
            If there is no room, or the place is taken by what cannot be removed.
        """
        text = objects.round(4).to_csv(index=False)
        with self._writing():
            self.array()
            replace_file(self.table, lambda stream: stream.write(text.encode()))
            if self.output.exists():
                shutil.rmtree(self.output)
            os.replace(self._beside(".unfinished"), self.output)
        shutil.rmtree(self._beside(".parts"), ignore_errors=True)

    def array(self) -> zarr.Array:
        """The array on disk, made when first asked for."""
        if self._labels is None:
            folder = self._beside(".unfinished")
            self._labels = create_label_zarr(folder, self._shape, **self._about)
        return self._labels

    def _beside(self, ending: str) -> Path:
        """A folder of ours beside the output, on the same disk."""
        return self.output.with_name(f".{self.output.name}{ending}")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say which folder could not be written when the system refuses."""
        try:
            yield
        except OSError as error:
            raise unwritable(self.output, error) from error


class Within:
    """A plane of a store's labels, read and written by rows and columns."""

    def __init__(self, store: LabelStore, place: tuple[int, ...] = ()) -> None:
        self._store, self._place = store, place

    def __getitem__(self, where: tuple[Any, ...]) -> np.ndarray:
        return self._store.array()[(*self._place, *where)]

    def __setitem__(self, where: tuple[Any, ...], labels: np.ndarray) -> None:
        self._store.array()[(*self._place, *where)] = labels
