"""Arrays of NumPy and torch in one text: labels are computed where the maps are.

Where the network ran on a GPU its maps are followed, summed and measured there by
torch, elsewhere by NumPy, and torch is not imported for it. The two share most names:
code for both takes them from `library`, and from here what they do differently.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import expit

from napari_pmrnet._runtime import import_torch

FINE = 2.0**24
"""Steps in 1 that a GPU sums in: sums of them up to 2^29 are exact in any order."""

RADIUS = 4
"""Pixels that `blurred` reaches."""


def library(array: Any) -> Any:
    """NumPy or torch, whichever an array is of."""
    return np if isinstance(array, np.ndarray) else import_torch()


def host(array: Any) -> np.ndarray:
    """An array in NumPy."""
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()


def beside(array: Any, other: Any) -> Any:
    """An array in the library and on the device of another."""
    return library(other).asarray(array, device=other.device)


def sums(groups: Any, values: Any, count: int) -> Any:
    """Sum of the values of every group, as float64.

    A GPU adds them in an order that changes from run to run. So that sums do not, they
    are rounded to `FINE` there, which moves a mean by less than 1e-7.

    Parameters
    ----------
    groups : array of int, shape (n,)
        From 0 to ``count - 1``.
    values : array, shape (n,)
    count : int

    Returns
    -------
    array of float64, shape (count,)
    """
    if isinstance(groups, np.ndarray):
        return np.bincount(groups, values, count).astype(float)
    xp = library(groups)
    exact = xp.round(values.double() * FINE) / FINE
    total = xp.zeros(count, dtype=xp.float64, device=groups.device)
    return total.index_add_(0, groups, exact)


def minima(groups: Any, values: Any, count: int) -> Any:
    """Smallest value of every group, infinity of one without any; see `sums`."""
    if isinstance(groups, np.ndarray):
        least = np.full(count, np.inf)
        if len(values):
            order = np.argsort(groups, kind="stable")
            first = np.flatnonzero(np.diff(groups[order], prepend=-1))
            least[groups[order[first]]] = np.minimum.reduceat(values[order], first)
        return least
    least = values.new_full((count,), np.inf).double()
    return least.scatter_reduce_(0, groups.long(), values.double(), "amin")


def logistic(scores: Any) -> Any:
    """Logistic function of scores, of their type and shape."""
    return expit(scores) if isinstance(scores, np.ndarray) else scores.sigmoid()


def blurred(image: Any) -> Any:
    """Filter an image by a Gaussian with a standard deviation of one pixel.

    On a GPU the terms are those of ``scipy.ndimage.gaussian_filter``, added in its
    order, so that the two are equal.

    Parameters
    ----------
    image : array of float32, shape (H, W)

    Returns
    -------
    array of float32, shape (H, W)
    """
    if isinstance(image, np.ndarray):
        return ndimage.gaussian_filter(image, 1, radius=RADIUS)
    weights = np.exp(-0.5 * np.arange(-RADIUS, RADIUS + 1) ** 2)
    middle, *sides = (weights / weights.sum())[RADIUS:].tolist()
    for axis, length in enumerate(image.shape):
        around = np.pad(np.arange(length), RADIUS, mode="symmetric")
        wide = image.double().index_select(axis, beside(around, image))
        total = wide.narrow(axis, RADIUS, length) * middle
        for away, weight in reversed([*enumerate(sides, 1)]):
            before = wide.narrow(axis, RADIUS - away, length)
            after = wide.narrow(axis, RADIUS + away, length)
            total += (before + after) * weight
        image = total.float()
    return image
