"""Bright debris in an image, which must not set the upper intensity limit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

TOP = 99.8
"""Percentile that is the upper limit, of all pixels or of all but debris."""
MOST = 0.05
"""Share of the pixels above which bright ones are nuclei, not debris."""
BRIGHTER = 5.0
"""Debris is so many times brighter than the limit that the rest has."""
GAP = 2.0
"""Between debris and the rest no brightness occurs, up to such a factor."""
CONTRAST = 15.0
"""What the rest has to show, in standard deviations of its noise; see `_contrast`.

Sparse nuclei in a dark image are bright and few as well: what is left there, haze and
noise, has less than 7 (one image 12), also where it is blurred or enlarged; nuclei
beside debris mostly have more than 16.
"""
FILLED = 0.008
"""Share of the rest that has to reach half of its limit: nuclei fill an area, haze and
the rims of bright nuclei fall off."""
HALVINGS = 16
BRIGHTEST = 1e6
"""Brightness, in that of the limit, that no pixel need exceed to be debris."""
NEAR, AROUND = 3, 12
"""Pixels around debris that do not count: around all, and around more than specks."""
FINE, COARSE = 1.5, 49
"""Sigma of a Gaussian and side of a square, in pixels, that nuclei lie between."""
LAGS = (1, 2, 4, 8)
"""Distances of the pixels whose differences tell the noise: where a picture was blurred
or enlarged it is alike in neighbours, so that these alone tell of too little."""


class Upper(NamedTuple):
    """Upper intensity limit, and the share of the pixels that it leaves out."""

    limit: float
    outliers: float = 0.0


def without_outliers(sample: np.ndarray, low: float, high: float) -> Upper:
    """Upper limit without debris, if a few pixels are far brighter than the nuclei.

    Pixels count as debris if they are few, far brighter than all that does not lie
    around them, and if what is left still shows nuclei.

    Parameters
    ----------
    sample : ndarray, shape (H, W) or (H, W, C)
        Pixels of an image. NaN counts as dark.
    low, high : float
        Intensity limits by percentiles.

    Returns
    -------
    Upper
        `high` itself where there is no debris.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        above = np.subtract(sample, low, dtype=np.float64) / (high - low)
    above = np.nan_to_num(np.minimum(above, BRIGHTEST), neginf=0).astype(np.float32)
    grey = above if above.ndim == 2 else above.max(axis=2)
    rounding = (1 / 12) ** 0.5 / (high - low) if sample.dtype.kind in "iu" else 0.0
    upper = cut = 1.0
    outliers = 0.0
    for _ in range(HALVINGS):
        cut /= 2
        bright = grey > cut
        share = float(bright.mean())
        if share > MOST:
            break
        spots = ndimage.binary_opening(bright, np.ones((3, 3), bool))
        rest = ~_around(bright, spots)
        if rest.mean() < MOST:
            break
        left = float(np.percentile(above[rest], TOP))
        if left <= 0:
            break
        apart = cut >= GAP * left and upper >= BRIGHTER * left
        if not (apart and _filled(grey[rest])):
            continue
        # Nothing is so thin in a picture that was blurred or enlarged.
        contrast = _contrast(grey, rest, rounding, maybe_smooth=bool(spots.any()))
        if contrast >= CONTRAST:
            upper, outliers, cut = left, share, min(cut, left)
    return Upper(low + upper * (high - low) if outliers else high, outliers)


def _around(bright: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """Bright pixels and those around them, which optics light up, wide ones more."""
    wide = ndimage.maximum_filter(spots, 2 * AROUND + 1)
    return np.logical_or(ndimage.maximum_filter(bright, 2 * NEAR + 1), wide)


def _filled(values: np.ndarray) -> bool:
    """Tell whether many of the values reach half of what the brightest do."""
    dark, bright = np.percentile(values, (50, TOP))
    return float((values > (dark + bright) / 2).mean()) >= FILLED


def _contrast(
    grey: np.ndarray, rest: np.ndarray, least: float, maybe_smooth: bool
) -> float:
    """Contrast at the size of nuclei, in standard deviations of the noise.

    In a picture that was blurred or enlarged, or has little noise to begin with, haze
    stands out from the noise too. So the contrast counts for less by as much as the
    noise of neighbours is below that of pixels apart. In the dark noise is rounded
    away; `least` is what rounding makes of it.
    """
    weights, values = rest.astype(np.float32), np.where(rest, grey, 0)
    seen = ndimage.gaussian_filter(weights, FINE)
    fine = ndimage.gaussian_filter(values, FINE) / np.maximum(seen, 1e-6)
    coarse = ndimage.uniform_filter(values, COARSE) / np.maximum(
        ndimage.uniform_filter(weights, COARSE), 1e-6
    )
    between = (fine - coarse)[rest & (seen > 0.3)]
    ground = rest & (coarse <= np.median(coarse[rest]))
    near, *apart = (max(_noise(grey, ground, lag), least) for lag in LAGS)
    noise = max(near, *apart)
    if not between.size or noise <= 0:
        return 0.0
    dark, bright = np.percentile(between, (1, 99))
    contrast = float(bright - dark) / noise
    return contrast * near / noise if maybe_smooth else contrast


def _noise(grey: np.ndarray, ground: np.ndarray, lag: int) -> float:
    """Standard deviation of the noise of some pixels, by those so far apart."""
    both = ground[:, lag:] & ground[:, :-lag]
    steps = np.abs(grey[:, lag:] - grey[:, :-lag])[both]
    return float(steps.mean()) * (np.pi / 4) ** 0.5 if steps.size else 0.0
