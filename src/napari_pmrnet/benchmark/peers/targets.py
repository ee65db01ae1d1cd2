"""Maps that networks are trained to predict, made from true labels."""

from __future__ import annotations

import numpy as np
from scipy import ndimage as ndi


def star(labels: np.ndarray, rays: int, grid: int) -> np.ndarray:
    """Distance from every pixel of a nucleus to its rim, along rays.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    rays : int
        Number of rays, at equal angles, the first one along x.
    grid : int
        Every how many pixels in both directions.

    Returns
    -------
    ndarray of float32, shape (ceil(H / grid), ceil(W / grid), rays)
        In pixels, 0 outside.
    """
    found = np.zeros((*labels[::grid, ::grid].shape, rays), np.float32)
    at = np.argwhere(labels[::grid, ::grid])
    here = labels[tuple(grid * at.T)]
    last = np.array(labels.shape) - 1
    for ray, angle in enumerate(2 * np.pi * np.arange(rays) / rays):
        step = np.array([np.sin(angle), np.cos(angle)])
        going, length = np.arange(len(at)), 0
        while len(going):
            length += 1
            where = np.rint(grid * at[going] + length * step).astype(int)
            within = ((where >= 0) & (where <= last)).all(axis=1)
            where = np.clip(where, 0, last)
            on = within & (labels[tuple(where.T)] == here[going])
            found[(*at[going[~on]].T, ray)] = length
            going = going[on]
    return found


def to_centre(labels: np.ndarray) -> np.ndarray:
    """Vectors from every pixel of a nucleus to its centroid.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)

    Returns
    -------
    ndarray of float32, shape (2, H, W)
        Rows and columns, in pixels; 0 outside.
    """
    names = np.arange(labels.max() + 1)
    centres = np.array(ndi.center_of_mass(labels > 0, labels, names[1:]))
    offsets = np.zeros((2, *labels.shape), np.float32)
    inside = np.nonzero(labels)
    which = labels[inside] - 1
    for axis in (0, 1):
        offsets[axis][inside] = centres[which, axis] - inside[axis]
    return offsets
