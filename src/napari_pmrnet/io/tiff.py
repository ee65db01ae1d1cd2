"""Opening TIFF files so that whatever goes wrong is said in one line."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.memory import check_room
from napari_pmrnet.io.provenance import Provenance, read_info, read_label_tag
from napari_pmrnet.io.reading import reading, words

LIBRARIES = ("tifffile", "imagecodecs", "numpy")
"""Libraries that read TIFF files."""
_NOT_JPEG = {
    tifffile.COMPRESSION.NONE,
    tifffile.COMPRESSION.LZW,
    tifffile.COMPRESSION.ADOBE_DEFLATE,
    tifffile.COMPRESSION.DEFLATE,
    tifffile.COMPRESSION.PACKBITS,
    tifffile.COMPRESSION.LZMA,
    tifffile.COMPRESSION.ZSTD,
}
LARGE = 50_000_000
"""Bytes of an image for which a look at what the file holds is worth while."""


@contextmanager
def open_tiff(path: str | Path) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file for reading, and no other file of a set that it names.

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
            tifffile.TiffFile(path, _multifile=False) as tiff,
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
        return read_pages(tiff.series[0], Path(path))


def read_pages(
    pages: tifffile.TiffPageSeries | tifffile.TiffPage | tifffile.TiffFrame, path: Path
) -> np.ndarray:
    """Pixels of a series or a page at its finest level, in native byte order.

    Raises
    ------
    TooLargeError
        If they are more than the free memory holds.
    DataError
        If a compressed piece cannot be read; it is named.
    """
    check_room(path, pages.nbytes)
    try:
        return native_order(pages.asarray())
    except MemoryError:
        raise
    except Exception as error:
        piece = _damaged_piece(pages)
        if piece is None:
            raise
        raise DataError(
            f"{path}: {piece} cannot be read ({words(error)}). Copy it again from its "
            "source."
        ) from error


def as_shown(pixels: Any, page: tifffile.TiffPage, intensities: bool) -> Any:
    """Pixels of a page or of many alike as other programs show them.

    Parameters
    ----------
    pixels : numpy.ndarray or dask.array.Array
        As stored.
    page : tifffile.TiffPage
    intensities : bool
        Whether numbers of colours are intensities, as ImageJ has them.

    Returns
    -------
    numpy.ndarray or dask.array.Array
        Inverted where 0 is white; of a palette, with the colours as one more axis; of
        inks and of luminance with two differences, red, green and blue.
    """
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        if pixels.dtype.kind == "u":
            return pixels.dtype.type(2**page.bitspersample - 1) - pixels
        return -pixels if pixels.dtype.kind == "f" else ~pixels
    to_colours = colours_of(page, intensities)
    if to_colours is None:
        return pixels
    if isinstance(pixels, np.ndarray):
        return to_colours(pixels)
    more = {"new_axis": pixels.ndim} if is_palette(page) else {}
    stacked = pixels.chunks if is_palette(page) else pixels.chunks[:-1]
    kind = np.dtype("u1") if is_palette(page) else pixels.dtype
    return pixels.map_blocks(to_colours, dtype=kind, chunks=(*stacked, (3,)), **more)


def colours_of(
    page: tifffile.TiffPage, intensities: bool
) -> Callable[[np.ndarray], np.ndarray] | None:
    """What makes red, green and blue of the pixels of a page; None if nothing has to.

    JPEG makes them itself.
    """
    table = page.colormap if is_palette(page) else None
    if table is not None:
        return None if intensities else partial(_of_palette, table)
    deep = page.dtype is not None and page.dtype.kind == "u" and page.axes[-1:] == "S"
    plain = page.compression in _NOT_JPEG and deep
    if plain and page.photometric == tifffile.PHOTOMETRIC.SEPARATED:
        return _of_inks if page.samplesperpixel == 4 else None
    if plain and page.photometric == tifffile.PHOTOMETRIC.YCBCR:
        return _of_luminance if page.samplesperpixel == 3 else None
    return None


def is_palette(page: tifffile.TiffPage) -> bool:
    """Tell whether the pixels of a page are numbers of colours."""
    palette = tifffile.PHOTOMETRIC.PALETTE
    return page.photometric == palette and page.colormap is not None


def _of_palette(table: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Colours (..., 3) by their numbers in a table (3, N), some of 8 bits only."""
    colours = np.asarray(table).T
    colours = colours >> 8 if colours.max(initial=0) > 255 else colours
    return colours.astype(np.uint8)[pixels.astype(np.intp)]


def _of_inks(pixels: np.ndarray) -> np.ndarray:
    """Colours (..., 3) of cyan, magenta, yellow and black (..., 4)."""
    most = np.iinfo(pixels.dtype).max
    light = most - pixels.astype(np.float64)
    return np.rint(light[..., :3] * light[..., 3:] / most).astype(pixels.dtype)


def _of_luminance(pixels: np.ndarray) -> np.ndarray:
    """Colours (..., 3) of Y, Cb and Cr (..., 3), by ITU-R BT.601 as TIFF 6.0 has it."""
    most = np.iinfo(pixels.dtype).max
    y, cb, cr = np.moveaxis(pixels.astype(np.float64), -1, 0)
    cb, cr = cb - (most + 1) // 2, cr - (most + 1) // 2
    colours = (y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb)
    return np.rint(np.clip(np.stack(colours, -1), 0, most)).astype(pixels.dtype)


def has_grey_alpha(page: tifffile.TiffPage) -> bool:
    """Tell whether the pixels of a page are grey, each with its opacity."""
    return page.samplesperpixel == 2 and page.extrasamples[:1] in ((1,), (2,))


def absent_pieces(
    pages: Iterable[tifffile.TiffPage | tifffile.TiffFrame | None],
) -> tuple[int, int]:
    """Number of strips or tiles of pages that are not stored, and of all."""
    counts = [page.databytecounts for page in pages if page is not None]
    return sum(c.count(0) for c in counts), sum(map(len, counts))


def labels_said(tiff: tifffile.TiffFile) -> Provenance | None:
    """What a file says of the labels of ours that it holds; None if it holds none.

    Labels that Fiji has saved anew are ours still: only the text on them is kept.
    """
    tag = read_label_tag(tiff.pages.first.description)
    if tag is not None:
        return tag.provenance
    return read_info((tiff.imagej_metadata or {}).get("Info"))


def native_order(array: np.ndarray) -> np.ndarray:
    """The array in this machine's byte order, which torch and Qt ask for."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _damaged_piece(pages: Any) -> str | None:
    """The first strip or tile that cannot be unpacked, in words."""
    every = getattr(pages, "pages", [pages])
    for number, page in enumerate((p for p in every if p is not None), start=1):
        read = count()
        try:
            for _ in page.segments(maxworkers=1):
                next(read)
        except Exception:  # noqa: BLE001  any decoder may raise anything
            kind = "tile" if page.keyframe.is_tiled else "strip"
            return f"{kind} {next(read) + 1} of page {number}"
    return None


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
