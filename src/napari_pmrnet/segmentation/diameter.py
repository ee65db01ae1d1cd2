"""Diameters of nuclei, and the scale at which the network knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_pmrnet.io.label_numbers import number_labels

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

SMALL, LARGE = 20.0, 34.0
"""Least and greatest diameter of nuclei in training, in pixels."""
LEAST_SCALE, MOST_SCALE = 0.1, 3.0


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
    numbered, _ = number_labels(labels)
    areas = np.bincount(numbered.ravel())[1:]
    return median_diameter(areas)


def median_diameter(areas: np.ndarray) -> float | None:
    """`typical_diameter` of nuclei whose areas (n,), in pixels, are known."""
    return float(np.sqrt(4 / np.pi * np.median(areas))) if len(areas) else None


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """Smallest of some values (n,) at which half of the weight (n,) is reached."""
    order = np.argsort(values)
    reached = np.cumsum(np.asarray(weights)[order])
    return float(np.asarray(values)[order][np.searchsorted(reached, reached[-1] / 2)])


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


def scale_for(model: Model, diameter: float | None) -> float:
    """Scale for nuclei of a diameter in pixels, 1 where it is not known."""
    working = model.card.working_diameters
    if working is None or diameter is None:
        return 1.0
    return working_scale(diameter, *working)


def needs_estimate(model: Model, diameter: float | None) -> bool:
    """Tell whether the scale can only be told from the image."""
    return diameter is None and model.card.working_diameters is not None
