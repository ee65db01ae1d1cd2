"""PNG and JPEG pictures as arrays; what cannot be read is said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.reading import reading, words

_DIRECT_MODES = {"L", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "I", "F"}


def read_picture(path: str | Path) -> np.ndarray:
    """Read a PNG, JPEG or BMP file.

    Parameters
    ----------
    path : str or Path
        The file. Of an animated file the first frame is read.

    Returns
    -------
    numpy.ndarray
        (H, W), (H, W, 3) or (H, W, 4); uint8, or uint16 for 16-bit grey. Palette and
        CMYK pictures become RGB, black-and-white and grey with alpha become grey.

    Raises
    ------
    DataError
        If the file is missing, damaged, no picture, or too large for the decoder.
    SoftwareError
        If the decoder does not fit or does not load.
    """
    path = Path(path)
    try:
        with (
            _any_size(),
            reading(path, "pillow", "numpy", damaged=partial(_damaged, path)),
            Image.open(path) as picture,
        ):
            plain = picture.mode in _DIRECT_MODES
            data = np.array(picture if plain else picture.convert(_plain_mode(picture)))
    except MemoryError:
        raise DataError(
            f"{path}: too large for this computer's memory. Save it as TIFF and open "
            "that."
        ) from None
    if data.dtype == np.int32 and data.size and 0 <= data.min() <= data.max() < 65536:
        data = data.astype(np.uint16)
    return np.ascontiguousarray(data)


@contextmanager
def _any_size() -> Iterator[None]:
    """Read as many pixels as the user's file has: Pillow's limit is for web servers."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _damaged(path: Path, error: Exception) -> str:
    """Tell the user of a picture that the decoder cannot make sense of."""
    if isinstance(error, UnidentifiedImageError):
        return (
            f"{path}: not a {_kind(path)} image, or its header is damaged. Copy it "
            "again from its source, or export it as TIFF."
        )
    return (
        f"{path}: cannot be read, the file may be damaged or cut short "
        f"({words(error)}). Copy it again from its source."
    )


def _kind(path: Path) -> str:
    """Kind that a file should be of, by its name."""
    return "BMP" if Format.of(path) is Format.BMP else "PNG or JPEG"


def _plain_mode(picture: Image.Image) -> str:
    """Mode to which a palette, CMYK or black-and-white picture is converted."""
    if picture.mode in {"1", "LA", "La"}:
        return "L"
    return "RGBA" if "transparency" in picture.info else "RGB"
