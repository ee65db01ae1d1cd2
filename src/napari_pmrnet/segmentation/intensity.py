"""Intensity limits, once for a whole image, and the scaling to the network's range."""

from __future__ import annotations

import numpy as np

from napari_pmrnet.errors import ImageError

PERCENTILES = (1.0, 99.8)
MAX_SAMPLE = 4_000_000


def intensity_limits(
    image: np.ndarray,
    percentiles: tuple[float, float] = PERCENTILES,
    name: str = "image",
) -> tuple[float, float]:
    """Lower and upper intensity limit of a whole image.

    Large images are read on a regular subsample of at most four million values. All
    channels share the limits, which keeps the colours of a stained image.

    Parameters
    ----------
    image : ndarray
        Any shape and any real dtype.
    percentiles : tuple of float
        Percentages that give the two limits.
    name : str
        Name of the layer or file, for error messages.

    Returns
    -------
    tuple of float
        ``low < high``.

    Raises
    ------
    ImageError
        If the image holds NaN or infinity, or has the same value everywhere.
    """
    stride = thinning(image.size)
    sample = np.asarray(image[::stride, ::stride] if stride > 1 else image)
    return sample_limits(sample, percentiles, name)


def sample_limits(
    sample: np.ndarray,
    percentiles: tuple[float, float] = PERCENTILES,
    name: str = "image",
) -> tuple[float, float]:
    """`intensity_limits` of an image of which this sample was taken."""
    low, high = np.percentile(sample.astype(np.float64), percentiles)
    if high <= low:
        low, high = float(sample.min()), float(sample.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(
            f"'{name}' holds NaN or infinite values. Replace them first, for example "
            "with numpy.nan_to_num."
        )
    if high <= low:
        raise ImageError(
            f"'{name}' has the same value ({low:g}) everywhere: there is nothing to "
            "segment. Check that the right layer and channel are chosen."
        )
    return float(low), float(high)


def thinning(size: int) -> int:
    """Step along both axes that leaves at most `MAX_SAMPLE` of so many values."""
    return max(1, int(np.ceil((size / MAX_SAMPLE) ** 0.5)))


def normalise(image: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Scale ``limits`` to 0 and 1 and clip, as float32 of the same shape.

    The lower limit is taken off in the precision of the image, so that a weak signal on
    a high pedestal keeps all its digits.
    """
    low, high = limits
    exact = np.result_type(image.dtype, np.float32)
    above = np.subtract(image, exact.type(low), dtype=exact)
    scaled = np.divide(above, high - low, out=above).astype(np.float32, copy=False)
    return np.clip(scaled, 0.0, 1.0, out=scaled)
