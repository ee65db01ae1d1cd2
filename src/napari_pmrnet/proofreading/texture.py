"""Texture of nuclei: grey-level co-occurrence, by scikit-image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import entr
from skimage.feature import graycomatrix, graycoprops

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.units import MICROMETRES, PIXEL

FEATURES = ("contrast", "homogeneity", "correlation", "entropy")
LEVELS = 32
"""Grey levels: as many as a nucleus of a few hundred pixels can fill."""
_DIRECTIONS = np.arange(4) * np.pi / 4


class Distance(NamedTuple):
    """A length and its unit.

    Attributes
    ----------
    length : float
    unit : str
    """

    length: float
    unit: str = PIXEL

    @property
    def text(self) -> str:
        """As it stands in heads, such as ``"0.5 um"``."""
        return f"{self.length:.10g} {self.unit}"

    def in_unit(self, unit: str) -> Distance:
        """The same length in another unit.

        Raises
        ------
        DataError
            If one of the units is pixels and the other is not.
        """
        if unit == self.unit:
            return self
        try:
            length = self.length * MICROMETRES[self.unit] / MICROMETRES[unit]
        except KeyError:
            raise DataError(
                f"texture was asked for at {self.text}, but lengths of these labels "
                f"are in {unit}. Choose the distance in {unit}."
            ) from None
        return Distance(float(f"{length:.10g}"), unit)


def steps_at(
    distance: float, pixel_size: tuple[float, float]
) -> list[tuple[float, float]]:
    """Steps from a pixel to those at a distance, in four directions.

    Parameters
    ----------
    distance : float
    pixel_size : (float, float)
        Height and width of a pixel, in the same unit.

    Returns
    -------
    list of (float, float)
        Of each direction length and angle, in pixels, as `graycomatrix` takes them.

    Raises
    ------
    DataError
        If the distance is less than a pixel.
    """
    if distance < max(pixel_size) * (1 - 1e-9):
        height, width = (f"{side:.4g}" for side in pixel_size)
        raise DataError(
            f"texture at a distance of {distance:.4g} is within a pixel of {height} x "
            f"{width}. Choose a distance of at least {max(pixel_size):.4g}."
        )
    rows = np.round(np.sin(_DIRECTIONS) * distance / pixel_size[0])
    columns = np.round(np.cos(_DIRECTIONS) * distance / pixel_size[1])
    pairs = zip(np.hypot(rows, columns), np.arctan2(rows, columns), strict=True)
    return [(float(length), float(angle)) for length, angle in pairs]


def texture(
    values: np.ndarray, inside: np.ndarray, steps: Sequence[tuple[float, float]]
) -> np.ndarray:
    """Measure the texture of one nucleus.

    Parameters
    ----------
    values : ndarray, shape (H, W)
        Of the box of the nucleus.
    inside : ndarray of bool, shape (H, W)
        Pixels of the nucleus; NaN and infinity do not count. Of a pair both must be
        inside.
    steps : sequence of (float, float)
        Of `steps_at`.

    Returns
    -------
    ndarray of float, shape (4,)
        `FEATURES`, NaN without a pair: the means over the directions of contrast,
        homogeneity (inverse difference moment) and correlation as `graycoprops` has
        them, and of the entropy in bits. Pairs count both ways. See Haralick et al.,
        Textural features for image classification, 1973,
        https://doi.org/10.1109/TSMC.1973.4309314. Grey levels are `LEVELS` equal steps
        from the least to the largest value of the nucleus, so that neither brightness
        nor other nuclei count (fixed bin number of the IBSI,
        https://doi.org/10.1148/radiol.2020191145).
    """
    inside = inside & np.isfinite(values)
    known = values[inside].astype(float)
    if not known.size:
        return np.full(len(FEATURES), np.nan)
    low, span = known.min(), np.ptp(known)
    grey = np.zeros(inside.shape, np.uint8)
    share = (known - low) / span if span > 0 else np.zeros_like(known)
    grey[inside] = 1 + np.minimum(share * LEVELS, LEVELS - 1).astype(np.uint8)
    # Level 0 is all that does not count: its pairs are left out.
    matrices = [
        graycomatrix(grey, [length], [angle], LEVELS + 1, symmetric=True)[1:, 1:]
        for length, angle in steps
    ]
    pairs = np.concatenate(matrices, axis=3)
    pairs = pairs[..., pairs.sum(axis=(0, 1, 2)) > 0]
    if not pairs.size:
        return np.full(len(FEATURES), np.nan)
    by_name = [graycoprops(pairs, name) for name in FEATURES[:-1]]
    chances = pairs / pairs.sum(axis=(0, 1), keepdims=True)
    entropy = entr(chances).sum(axis=(0, 1)) / np.log(2)
    return np.array([np.mean(feature) for feature in (*by_name, entropy)])
