"""Opening TIFF files so that whatever goes wrong is said in one line."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.reading import reading, words

LIBRARIES = ("tifffile", "imagecodecs", "numpy")
"""Libraries that read TIFF files."""
LARGE = 50_000_000
"""Bytes of an image for which a look at what the file holds is worth while."""


@contextmanager
def open_tiff(path: str | Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file for reading.

    Parameters
    ----------
    path : str or Path
        The file.

    Yields
    ------
    tifffile.TiffFile
        The open file, with one series or more.

    Raises
    ------
    DataError
        If opening the file, or reading from it in the block, fails.
    SoftwareError
        If that is for want of a library, or for one that does not fit.
    """
    path = Path(path)
    try:
        with (
            reading(path, *LIBRARIES, damaged=partial(_damaged, path)),
            tifffile.TiffFile(path) as tiff,
        ):
            if not tiff.series:
                raise DataError(f"{path}: holds no image. Export it again.")
            _refuse_cut_chain(tiff, path)
            _refuse_empty_giants(tiff, path)
            yield tiff
    except MemoryError:
        raise DataError(
            f"{path}: too large for this computer's memory, or its header is damaged. "
            "Open a smaller part of it."
        ) from None


def read_tiff_array(path: str | Path) -> np.ndarray:
    """Pixels of the first series of a TIFF file, in native byte order.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    numpy.ndarray
        The array as stored.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    with open_tiff(path) as tiff:
        return native_order(tiff.series[0].levels[0].asarray())


def native_order(array: np.ndarray) -> np.ndarray:
    """The array in this machine's byte order, which torch and Qt ask for."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _refuse_cut_chain(tiff: tifffile.TiffFile, path: Path) -> None:
    """Refuse a file whose last page names a next one beyond the file's end.

    tifffile logs such a file and silently gives the pages before the cut.
    """
    layout, stream = tiff.tiff, tiff.filehandle
    start = tiff.pages[-1].offset
    stream.seek(start)
    (tags,) = struct.unpack(layout.tagnoformat, stream.read(layout.tagnosize))
    stream.seek(start + layout.tagnosize + tags * layout.tagsize)
    (following,) = struct.unpack(layout.offsetformat, stream.read(layout.offsetsize))
    if following >= stream.size:
        raise DataError(
            f"{path}: cut short after {len(tiff.pages)} pages. Copy it again from its "
            "source."
        )


def _refuse_empty_giants(tiff: tifffile.TiffFile, path: Path) -> None:
    """Refuse a large image that a damaged header names and the file does not hold.

    tifffile makes the array and fills it with zeros, which takes minutes.
    """
    page = tiff.pages.first
    bits = math.prod(page.shape) * page.bitspersample
    if bits < 8 * LARGE:
        return
    pieces, held = math.prod(page.chunked), sum(page.databytecounts)
    # A sparse file leaves pieces out, but names all of them: with no bytes.
    whole = page.compression != tifffile.COMPRESSION.NONE or 0 in page.databytecounts
    if len(page.dataoffsets) < pieces or not (whole or 16 * held >= bits):
        raise DataError(
            f"{path}: its header is damaged, it names {page.shape} pixels and holds "
            f"{held} bytes. Copy it again from its source."
        )


def _damaged(path: Path, error: Exception) -> str:
    """Tell the user of a file that the decoder cannot make sense of."""
    return (
        f"{path}: cannot be read, the file is no TIFF or is damaged ("
        f"{words(error)}). "
        "Copy it again from its source, or export it again as TIFF."
    )
