"""Pixels of published images and masks, which come in many formats and scales.

Masks are drawn as black and white, but what is stored differs: 0 and 1, 0 and 255, a
palette, three equal channels, or a JPEG whose edges hold a dozen grey levels.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import IMAGES, Format
from napari_pmrnet.io.label_numbers import check_labels
from napari_pmrnet.io.pictures import open_picture, read_picture
from napari_pmrnet.io.tiff import open_tiff, read_tiff_array

FORMATS = (*IMAGES, Format.BMP)
"""Formats in which images and masks are published."""


def read_image(path: Path) -> np.ndarray:
    """Read a PNG, JPEG, BMP or TIFF image.

    Parameters
    ----------
    path : Path

    Returns
    -------
    numpy.ndarray
        uint8, (H, W) if its colours are all grey, else (H, W, 3); without alpha.

    Raises
    ------
    DataError
        If it cannot be read, or is not of 8 bits.
    """
    image = _pixels(path)
    if image.dtype != np.uint8:
        raise DataError(
            f"{path}: has pixels of type {image.dtype}. Convert it to 8 bits."
        )
    return grey_if_grey(image)


def grey_if_grey(image: np.ndarray) -> np.ndarray:
    """The image without alpha, and as one channel if its colours are all equal.

    Parameters
    ----------
    image : ndarray, shape (H, W), (H, W, 3) or (H, W, 4)

    Returns
    -------
    ndarray, shape (H, W) or (H, W, 3)
    """
    if image.ndim == 2:
        return image
    image = image[..., :3]
    if (image == image[..., :1]).all():
        return np.ascontiguousarray(image[..., 0])
    return np.ascontiguousarray(image)


def read_mask(path: Path) -> np.ndarray:
    """Read a mask: where it is brighter than half of its full scale.

    Parameters
    ----------
    path : Path

    Returns
    -------
    numpy.ndarray
        bool (H, W).

    Raises
    ------
    DataError
        If it cannot be read.
    """
    values = _brightest(path)
    return values > full_scale(values, path) / 2


def full_scale(values: np.ndarray, path: Path) -> int:
    """The value of white: 1, 255 or 65535, the least that holds all values.

    A JPEG is never a mask of 0 and 1: what an empty one holds is noise.
    """
    greatest = float(values.max()) if values.size else 0
    if greatest <= 1 and Format.of(path) is not Format.JPEG:
        return 1
    return 255 if greatest <= 255 else 65535


def greatest_value(path: Path) -> float:
    """The greatest value that is stored in a mask."""
    values = _brightest(path)
    return float(values.max()) if values.size else 0.0


def read_labels(path: Path) -> np.ndarray:
    """Read labels of objects, 0, 1..n, stored as numbers, palette or colours.

    Parameters
    ----------
    path : Path
        One channel or a palette: the stored numbers. Three equal channels: one of
        them. Three different ones: every colour but black is an object.

    Returns
    -------
    numpy.ndarray
        int32 (H, W).

    Raises
    ------
    DataError
        If it cannot be read.
    """
    values = _palette_indices(path)
    if values is None:
        values = grey_if_grey(_pixels(path))
    if values.ndim == 3:
        # Colours of 16 bits a channel are above what 32 bits hold.
        colours = values.astype(np.int64) @ np.array([1 << 32, 1 << 16, 1], np.int64)
        known = np.union1d(colours, 0)
        values = np.searchsorted(known, colours)
    check_labels(values, str(path))
    return values.astype(np.int32)


def unite(masks: Iterable[Path], shape: tuple[int, int]) -> np.ndarray:
    """All masks of an image as one label.

    Parameters
    ----------
    masks : iterable of Path
    shape : tuple of int
        (H, W) of the image.

    Returns
    -------
    numpy.ndarray
        int32 (H, W), 0 and 1.

    Raises
    ------
    DataError
        If a mask cannot be read or is of another shape.
    """
    united = np.zeros(shape, bool)
    for path in masks:
        mask = read_mask(path)
        require_shape(path, mask.shape, shape)
        united |= mask
    return united.astype(np.int32)


def require_shape(path: Path, found: tuple[int, ...], image: tuple[int, ...]) -> None:
    """Refuse a mask of another size than its image, by a `DataError`."""
    if found != image:
        raise DataError(
            f"{path}: has {found[0]} x {found[1]} pixels (height x width), its image "
            f"{image[0]} x {image[1]}. Copy both again from one source."
        )


def image_size(path: Path) -> tuple[int, int]:
    """(H, W) of a file, from its header where that is sound.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    if Format.of(path) is Format.TIFF:
        with open_tiff(path) as tiff:
            return _without_channels(tiff.series[0].shape)
    with open_picture(path) as picture:
        return picture.height, picture.width


def _pixels(path: Path) -> np.ndarray:
    """Pixels of a file: (H, W) or (H, W, C)."""
    if Format.of(path) is not Format.TIFF:
        return read_picture(path)
    pixels = read_tiff_array(path)
    if pixels.ndim == 3 and _channels_first(pixels.shape):
        pixels = np.moveaxis(pixels, 0, -1)
    if pixels.ndim == 3 and pixels.shape[-1] in (1, 2):
        pixels = pixels[..., 0]
    if pixels.ndim != (3 if pixels.shape[-1] in (3, 4) else 2):
        raise DataError(
            f"{path}: holds an array of shape {pixels.shape}, not one plane."
        )
    return pixels.astype(np.uint8) if pixels.dtype == bool else pixels


def _channels_first(shape: tuple[int, ...]) -> bool:
    return shape[0] <= 4 < shape[-1]


def _without_channels(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a TIFF's shape."""
    if len(shape) == 3:
        shape = shape[1:] if _channels_first(shape) else shape[:2]
    return shape[0], shape[-1]


def _brightest(path: Path) -> np.ndarray:
    """The brightest colour of every pixel, without alpha: (H, W)."""
    values = _pixels(path)
    return values[..., :3].max(axis=2) if values.ndim == 3 else values


def _palette_indices(path: Path) -> np.ndarray | None:
    """The numbers stored in a picture with a palette; None if it has none."""
    if Format.of(path) is Format.TIFF:
        return None
    with suppress(DataError), open_picture(path) as picture:
        return np.array(picture) if picture.mode == "P" else None
    return None
