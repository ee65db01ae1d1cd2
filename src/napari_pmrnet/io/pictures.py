"""PNG and JPEG pictures as arrays; what cannot be read is said in one line.

The format of a file is told from its first bytes, and only the decoders of `_DECODERS`
ever see it: others of Pillow's start programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.memory import check_room
from napari_pmrnet.io.reading import reading, words

_DECODERS: dict[bytes, Callable[..., Image.Image]] = {
    b"\x89PNG\r\n\x1a\n": PngImagePlugin.PngImageFile,
    b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
    b"BM": BmpImagePlugin.BmpImageFile,
}
_DIRECT_MODES = {"L", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "I", "F"}
_DEEP = 16
"""Bits a sample of PNG files that Pillow cuts to 8 bits unless they are plain grey."""
_COLOURS = {2: 3, 4: 2, 6: 4}
"""Samples a pixel of PNG files by their colour type; 4 is grey with alpha."""


def read_picture(path: str | Path) -> np.ndarray:
    """Read a PNG, JPEG or BMP file.

    Parameters
    ----------
    path : str or Path
        The file. Of an animated file the first frame is read. Pixels stay as they are
        stored, as in Fiji: a camera's note on how to turn them is not followed.

    Returns
    -------
    numpy.ndarray
        (H, W), (H, W, 3) or (H, W, 4); uint8, or uint16 for 16 bits a sample. Palette
        and CMYK pictures become RGB, black-and-white and grey with alpha become grey.

    Raises
    ------
    DataError
        If the file is missing, damaged, no picture, or larger than the free memory.
    SoftwareError
        If the decoder does not fit or does not load.
    """
    path = Path(path)
    with open_picture(path) as picture:
        deep = _deep_samples(path)
        width, height = picture.size
        depth = 4 if deep else len(picture.getbands())
        check_room(path, 2 * width * height * depth, "Save it as a tiled TIFF")
        if deep:
            data = _read_deep(path)
        else:
            plain = picture.mode in _DIRECT_MODES
            data = np.array(picture if plain else picture.convert(_plain_mode(picture)))
    if data.dtype == np.int32 and data.size and 0 <= data.min() <= data.max() < 65536:
        data = data.astype(np.uint16)
    return np.ascontiguousarray(data)


@contextmanager
def open_picture(path: Path) -> Iterator[Image.Image]:
    """Open a PNG, JPEG or BMP file, whatever its name, without reading its pixels.

    Yields
    ------
    PIL.Image.Image

    Raises
    ------
    DataError
        If the file is of another format or damaged, or reading from it in the block
        fails.
    SoftwareError
        If that is for want of a library, or for one that does not fit.
    """
    libraries = ("pillow", "imagecodecs", "numpy")
    try:
        with (
            reading(path, *libraries, damaged=partial(_damaged, path)),
            path.open("rb") as stream,
            _opened(stream, path) as picture,
        ):
            yield picture
    except MemoryError:
        raise DataError(
            f"{path}: too large for this computer's memory. Save it as TIFF and open "
            "that."
        ) from None


def _opened(stream: BinaryIO, path: Path) -> Image.Image:
    """An open file as a picture of the format that its first bytes name."""
    first = stream.read(8)
    stream.seek(0)
    for mark, decoder in _DECODERS.items():
        if first.startswith(mark):
            with suppress(SyntaxError):
                return decoder(stream, str(path))
    raise DataError(
        f"{path}: not a {_kind(path)} image, or its header is damaged. Copy it again "
        "from its source, or export it as TIFF."
    )


def _deep_samples(path: Path) -> int:
    """Samples a pixel of a PNG whose depth Pillow does not keep; 0 for all others."""
    with path.open("rb") as stream:
        head = stream.read(26)
    if not head.startswith(b"\x89PNG") or len(head) < 26 or head[24] != _DEEP:
        return 0
    return _COLOURS.get(head[25], 0)


def _read_deep(path: Path) -> np.ndarray:
    """Pixels of a PNG of 16 bits a sample, without the alpha of grey ones."""
    import imagecodecs

    data = imagecodecs.png_decode(path.read_bytes())
    return data[..., 0] if data.shape[-1] == 2 else data


def _damaged(path: Path, error: Exception) -> str:
    """Tell the user of a picture that the decoder cannot make sense of."""
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
