"""Chunks of images on disk: which cannot be read, and which are not there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.memory import check_room
from napari_pmrnet.io.reading import reading, words

if TYPE_CHECKING:
    import dask.array as da


class Chunks:
    """A Zarr array, of which a chunk that cannot be read is named.

    Parameters
    ----------
    array : zarr.Array
    path : Path
        Of the file or folder, for messages.
    libraries : sequence of str
        Distributions that read it.
    masked : bool
        Mask a chunk that cannot be read, rather than raise.
    """

    def __init__(
        self, array: Any, path: Path, libraries: Sequence[str], masked: bool = False
    ) -> None:
        self._array, self._path, self._libraries = array, path, tuple(libraries)
        self._masked = masked
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, index: tuple[Any, ...]) -> np.ndarray:
        """Pixels of one chunk."""
        told = partial(self._damaged, index)
        try:
            with reading(self._path, *self._libraries, damaged=told):
                return np.asarray(self._array[index])
        except DataError:
            if not self._masked:
                raise
            steps = zip(index, self.shape, strict=True)
            shape = [len(range(*part.indices(n))) for part, n in steps]
            return np.ma.masked_all(shape, self.dtype)

    def _damaged(self, index: tuple[Any, ...], error: Exception) -> str:
        """Tell the user which chunk cannot be read."""
        starts = (i.start or 0 if isinstance(i, slice) else int(i) for i in index)
        stored = stored_chunks(self._array)
        place = tuple(at // n for at, n in zip(starts, stored, strict=False))
        key = self._array.metadata.encode_chunk_key(place)
        name = "/".join(part for part in (self._array.path, key) if part)
        return (
            f"{self._path}: chunk {name} cannot be read ({words(error)}). Copy it "
            "again from its source, or segment what is left of it with "
            "'napari-pmrnet segment --mask-unreadable'."
        )


def stored_chunks(array: Any) -> tuple[int, ...]:
    """Shape of what a Zarr array stores under one key."""
    return tuple(array.shards or array.chunks)


def lazy_array(
    array: Any, path: Path, libraries: Sequence[str], masked: bool = False
) -> da.Array:
    """A Zarr array whose chunks are read when they are asked for; see `Chunks`.

    Raises
    ------
    TooLargeError
        If one chunk unpacks to more than the free memory.
    """
    import dask.array as da

    chunk = math.prod(map(min, stored_chunks(array), array.shape))
    check_room(path, chunk * array.dtype.itemsize)
    pixels = Chunks(array, path, libraries, masked)
    meta: Any = None
    if masked:
        meta = np.ma.MaskedArray(np.empty((0,) * array.ndim, array.dtype))
    return da.from_array(pixels, chunks=array.chunks, name=False, meta=meta)


def unreadable_notes(pixels: Any) -> tuple[str, ...]:
    """Note for the user on chunks of a masked `lazy_array` that cannot be read.

    All of them are read for it.
    """
    ones: Any = tuple((1,) * len(chunks) for chunks in pixels.chunks)
    lost = int(pixels.map_blocks(_is_lost, dtype=bool, chunks=ones).sum().compute())
    if not lost:
        return ()
    chunks = math.prod(map(len, pixels.chunks))
    return (f"{lost} of {chunks} chunks of the image cannot be read",)


def _is_lost(chunk: np.ndarray) -> np.ndarray:
    """One truth value in place of a chunk: whether it is masked."""
    return np.full((1,) * chunk.ndim, np.ma.is_masked(chunk))


def absent_notes(absent: int, chunks: int) -> tuple[str, ...]:
    """Note for the user on chunks of an image that are not stored."""
    if not absent:
        return ()
    return (f"{absent} of {chunks} chunks of the image are not stored, taken as empty",)
