"""The scale at which the network sees an image: nuclei of one range of sizes."""

from __future__ import annotations

import numpy as np

SMALL, LARGE = 20.0, 34.0
LEAST_SCALE, MOST_SCALE = 0.1, 3.0


def working_scale(diameter: float, small: float = SMALL, large: float = LARGE) -> float:
    """Pixels the network sees for each pixel of the image.

    Nuclei smaller than `small` pixels across are enlarged to that, those larger than
    `large` are shrunk; between them the image is left as it is.

    Parameters
    ----------
    diameter : float
        Of a typical nucleus, in pixels of the image.
    small, large : float
        ``working_diameters`` of the model card; by default those of training.

    Returns
    -------
    float
        Between `LEAST_SCALE` and `MOST_SCALE`.
    """
    scale = np.clip(diameter, small, large) / diameter
    return float(np.clip(scale, LEAST_SCALE, MOST_SCALE))


def typical_diameter(labels: np.ndarray) -> float | None:
    """Median diameter of nuclei: of the circle with the area of each.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)

    Returns
    -------
    float or None
        In pixels; None where there is no nucleus.
    """
    areas = np.bincount(labels.ravel())[1:]
    return median_diameter(areas[areas > 0])


def median_diameter(areas: np.ndarray) -> float | None:
    """`typical_diameter` of nuclei whose areas, in pixels, are known."""
    return float(np.sqrt(4 / np.pi * np.median(areas))) if len(areas) else None
