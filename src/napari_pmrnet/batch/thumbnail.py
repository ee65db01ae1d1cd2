"""A small picture of an image with the outlines of its nuclei drawn over."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from scipy import ndimage

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation.normalise import intensity_limits, normalise
from napari_pmrnet.segmentation.objects import DOUBT_LIMIT

SIDE = 256
LARGEST = 20_480
"""Bytes of a thumbnail: a thousand of them make 28 MB of base64."""
SURE_COLOUR, DOUBTFUL_COLOUR = (0, 214, 190), (255, 140, 0)
_GAMMA = 0.7
_QUALITIES = (85, 75, 65, 50, 35)


def thumbnail(pixels: np.ndarray, labels: np.ndarray, certainties: np.ndarray) -> bytes:
    """Draw a thumbnail.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, 3)
        Any real dtype.
    labels : ndarray of int, shape (H, W)
        Numbered 1 to n.
    certainties : ndarray of float, shape (n,)
        Of nucleus 1 to n; those below `DOUBT_LIMIT` are outlined in another colour.

    Returns
    -------
    bytes
        JPEG of at most `SIDE` pixels a side and `LARGEST` bytes.
    """
    picture = np.asarray(_small(_as_bytes(pixels))).copy()
    height, width = picture.shape[:2]
    rows = (np.arange(height) + 0.5) * labels.shape[0] / height
    columns = (np.arange(width) + 0.5) * labels.shape[1] / width
    small = labels[np.ix_(rows.astype(int), columns.astype(int))]
    edge = _edges(small)
    doubtful = np.concatenate([[False], certainties < DOUBT_LIMIT])[small]
    picture[edge & ~doubtful] = SURE_COLOUR
    picture[edge & doubtful] = DOUBTFUL_COLOUR
    return _encode(Image.fromarray(picture))


def _edges(labels: np.ndarray) -> np.ndarray:
    """Outermost pixels of every label."""
    lowest = ndimage.minimum_filter(labels, 3, mode="nearest")
    highest = ndimage.maximum_filter(labels, 3, mode="nearest")
    return (labels > 0) & (lowest != highest)


def _as_bytes(pixels: np.ndarray) -> np.ndarray:
    """Colours as they are, other pixels between their intensity limits; uint8 RGB."""
    if pixels.ndim == 3 and pixels.dtype == np.uint8:
        return pixels
    try:
        scaled = np.nan_to_num(normalise(pixels, intensity_limits(pixels)))
    except ImageError:
        scaled = np.zeros(pixels.shape, np.float32)
    dark = pixels.ndim == 2 and np.median(scaled) < 0.5
    grey = (255 * scaled ** (_GAMMA if dark else 1.0)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2) if grey.ndim == 2 else grey


def _small(pixels: np.ndarray) -> Image.Image:
    """The picture at the size of a thumbnail."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    factor = SIDE / max(picture.size)
    width, height = (max(1, round(n * factor)) for n in picture.size)
    # Enlarged pixels stay square; what shrinks is averaged.
    how = Image.Resampling.BOX if factor < 1 else Image.Resampling.NEAREST
    return picture.resize((width, height), how)


def _encode(picture: Image.Image) -> bytes:
    """JPEG with full colour resolution, which thin outlines need, and a size limit."""
    while True:
        for quality in _QUALITIES:
            stream = io.BytesIO()
            picture.save(stream, "JPEG", quality=quality, subsampling=0, optimize=True)
            if stream.tell() <= LARGEST:
                return stream.getvalue()
        picture = picture.reduce(2)
