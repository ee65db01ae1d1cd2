"""Intensity limits, once for a whole image, and the scaling to the network's range."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation.outliers import Upper, without_outliers
from napari_pmrnet.segmentation.tiles import Box

PERCENTILES = (1.0, 99.8)
MAX_SAMPLE = 4_000_000
SMALL, LARGE = 1e-30, 1e30
"""Largest numbers of an image for which single precision does."""
DIGITS = 4096
"""Steps between the limits that 64-bit whole numbers must have left as float64."""


def intensity_limits(
    image: np.ndarray,
    name: str = "image",
) -> tuple[float, float]:
    """Lower and upper intensity limit of a whole image.

    They are percentiles, of all pixels or of all but bright debris; see
    `without_outliers`. Large images are read on a regular subsample of at most four
    million values. All channels share the limits, which keeps the colours of a stained
    image. NaN and infinity do not count.

    Parameters
    ----------
    image : ndarray
        Any shape and any real dtype.
    name : str
        Name of the layer or file, for error messages.

    Returns
    -------
    tuple of float
        ``low < high``.

    Raises
    ------
    ImageError
        If the image holds no number, or has the same value everywhere.
    """
    stride = thinning(image.size)
    sample = plain(image[::stride, ::stride] if stride > 1 else image)
    low, upper = automatic_limits(sample, name)
    return low, upper.limit


def automatic_limits(sample: np.ndarray, name: str = "image") -> tuple[float, Upper]:
    """`intensity_limits` of an image of which this sample was taken, and its debris."""
    low, high = sample_limits(sample, name)
    return low, without_outliers(sample, low, high)


def sample_limits(sample: np.ndarray, name: str = "image") -> tuple[float, float]:
    """Percentiles `PERCENTILES` of a sample, or its extremes if they are equal."""
    values = known(sample)
    if not values.size:
        raise ImageError(
            f"'{name}' holds no numbers, only NaN, infinity or masked pixels. Check "
            "that the right layer and channel are chosen."
        )
    if values.min() == values.max():
        value = float(values.flat[0])
        raise ImageError(
            f"'{name}' has the same value ({value:g}) everywhere: there is nothing to "
            "segment. Check that the right layer and channel are chosen."
        )
    exact = values.astype(np.float64)
    extremes = float(exact.min()), float(exact.max())
    unit = _unit(extremes)
    low, high = np.percentile(exact / unit if unit != 1 else exact, PERCENTILES)
    low, high = float(low) * unit, float(high) * unit
    if high <= low:
        low, high = extremes
    wide = values.dtype.kind in "iu" and values.dtype.itemsize > 4
    if wide and high - low < DIGITS * np.spacing(max(abs(low), abs(high))):
        raise ImageError(
            f"'{name}' holds whole numbers above 2^53 that lie too close together to "
            "be told apart as floating-point numbers. Take the smallest one off, and "
            "convert them to 32 bits."
        )
    return low, high


def plain(pixels: np.ndarray) -> np.ndarray:
    """Pixels as an array without a mask: what was masked is NaN."""
    if isinstance(pixels, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(pixels)
        if not mask.any():
            return np.asarray(pixels.data)
        kind = np.result_type(pixels.dtype, np.float32)
        return np.where(mask, kind.type(np.nan), pixels.data.astype(kind))
    pixels = np.asarray(pixels)
    longer = pixels.dtype.kind == "f" and pixels.dtype.itemsize > 8
    return pixels.astype(np.float64) if longer else pixels


def known(pixels: np.ndarray) -> np.ndarray:
    """The numbers among pixels, without NaN and infinity; of all numbers, as it is."""
    if pixels.dtype.kind != "f":
        return pixels
    finite = np.isfinite(pixels)
    return pixels if finite.all() else pixels[finite]


def unknown_notes(unknown: np.ndarray | None) -> tuple[str, ...]:
    """Notes for the user on pixels that are not known, if there are any."""
    if unknown is None or not unknown.any():
        return ()
    return ("pixels that are NaN, infinite or masked count as background",)


def _unit(limits: tuple[float, float]) -> float:
    """What to divide extreme numbers by, so that their differences can be held."""
    largest = max(map(abs, limits))
    return 1.0 if not largest or SMALL <= largest <= LARGE else largest


def thinning(size: int) -> int:
    """Step along both axes that leaves at most `MAX_SAMPLE` of so many values."""
    return max(1, int(np.ceil((size / MAX_SAMPLE) ** 0.5)))


def normalise(image: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Scale ``limits`` to 0 and 1 and clip, as float32 of the same shape.

    The lower limit is taken off in the precision of the image, so that a weak signal on
    a high pedestal keeps all its digits.
    """
    low, high = limits
    unit = _unit(limits)
    if unit != 1:
        image = np.asarray(image, np.float64) / unit
        low, high = low / unit, high / unit
    exact = np.result_type(image.dtype, np.float32)
    above = np.subtract(image, exact.type(low), dtype=exact)
    scaled = np.divide(above, high - low, out=above).astype(np.float32, copy=False)
    return np.clip(scaled, 0.0, 1.0, out=scaled)


TILE, TILES = 256, 3
BINS = 4096
SIGMAS = {0.042: 1.0, 0.06: 1.5}
"""Noise above which an image is smoothed, and by what sigma, in pixels."""

REACH = 4
"""Pixels that a smoothed one depends on, in sigma."""


def noise_level(shape: tuple[int, ...], cut: Callable[[Box], np.ndarray]) -> float:
    """Standard deviation of an image's noise where the image is bright.

    Measured is the median of what Immerkaer's difference operator [1]_ leaves, which
    takes out all that is straight in an image. The median does not see the edges of
    nuclei; it is weighted by brightness, for photon noise is strongest where there is
    light, and a dark background would hide it. Averaging 2 x 2 pixels halves white
    noise and leaves more of the image's own detail, so what has not fallen by half is
    not noise: the square of the level is 4/3 of the difference of the squares before
    and after. Sharp nuclei of a few pixels so count as none.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    cut : callable
        Hands out the intensities of a box, (h, w) or (h, w, 3), from 0 to 1. Asked for
        at most nine tiles of 256 pixels, evenly spread.

    Returns
    -------
    float
        0 where no noise is seen.

    References
    ----------
    .. [1] J. Immerkaer (1996), "Fast noise variance estimation", Computer Vision and
       Image Understanding 64(2), 300-302.
    """
    counts = np.zeros((2, BINS))
    for box in _tiles(shape):
        tile = cut(box)
        grey = tile if tile.ndim == 2 else tile.mean(axis=2)
        counts += [_differences(grey), _differences(_halved(grey))]
    if not counts.any(axis=1).all():
        return 0.0
    fine, coarse = (_deviation(of) for of in counts)
    return max(0.0, 4 / 3 * (fine**2 - coarse**2)) ** 0.5


def smoothing_for(noise: float) -> float:
    """Standard deviation, in pixels, of the Gaussian that an image is smoothed by.

    The network learns from images with little noise. Those above the limits of
    `SIGMAS`, which no image of its data set reaches, are smoothed; all others are left
    as they are.

    Parameters
    ----------
    noise : float
        Of `noise_level`.
    """
    return max((s for limit, s in SIGMAS.items() if noise > limit), default=0.0)


def noise_notes(smoothing: float) -> tuple[str, ...]:
    """Notes for the user on `smoothing_for`."""
    if not smoothing:
        return ()
    return (f"the image is noisy: smoothed with a sigma of {smoothing:g} pixels",)


def smooth(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth pixels (H, W) or (H, W, 3) by a Gaussian; as they are if `sigma` is 0."""
    if not sigma:
        return pixels
    along = (sigma, sigma, *[0] * (pixels.ndim - 2))
    return ndimage.gaussian_filter(pixels, along, truncate=REACH)


def with_rim(box: Box, shape: tuple[int, ...], sigma: float) -> tuple[Box, Box]:
    """The box that has to be read so that a box can be smoothed as in the whole image.

    Parameters
    ----------
    box : tuple of slice
        Rows and columns; may leave out ends, and have steps.
    shape : tuple of int
        Height and width of the image.
    sigma : float

    Returns
    -------
    read : tuple of slice
        In the image, without steps.
    kept : tuple of slice
        The box, in what was read.
    """
    reach = round(REACH * sigma)
    read, kept = [], []
    for wanted, n in zip(box, shape, strict=True):
        start, stop, step = wanted.indices(n)
        first, last = max(0, start - reach), min(n, stop + reach)
        read.append(slice(first, last))
        kept.append(slice(start - first, stop - first, step))
    return (read[0], read[1]), (kept[0], kept[1])


def _tiles(shape: tuple[int, ...]) -> list[Box]:
    """At most `TILES` x `TILES` boxes of at most `TILE` pixels, evenly spread."""
    starts = []
    for n in shape:
        count = min(TILES, -(-n // TILE))
        starts.append(np.linspace(0, max(0, n - TILE), count).round().astype(int))
    rows, columns = ([slice(int(s), int(s) + TILE) for s in along] for along in starts)
    return [(ys, xs) for ys in rows for xs in columns]


def _differences(grey: np.ndarray) -> np.ndarray:
    """Histogram of Immerkaer's operator, weighted by brightness, (`BINS`,).

    In the operator, 1 -2 1 along both axes, white noise grows sixfold.
    """
    if min(grey.shape) < 5:
        return np.zeros(BINS)
    left = np.abs(np.diff(np.diff(grey, 2, axis=0), 2, axis=1)) / 6
    bright = ndimage.uniform_filter(grey, 5)[1:-1, 1:-1]
    places = np.minimum((left * BINS).astype(int), BINS - 1)
    return np.bincount(places.ravel(), bright.ravel(), BINS)


def _deviation(counts: np.ndarray) -> float:
    """Standard deviation of white noise with this histogram: median by .6745."""
    reached = np.cumsum(counts)
    return float((np.searchsorted(reached, reached[-1] / 2) + 0.5) / BINS / 0.6745)


def _halved(grey: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels."""
    height, width = (n // 2 * 2 for n in grey.shape)
    rows = grey[:height:2, :width] + grey[1:height:2, :width]
    return (rows[:, ::2] + rows[:, 1::2]) / 4
