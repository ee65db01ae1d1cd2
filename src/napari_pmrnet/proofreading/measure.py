"""Measurements of nuclei in the image's own units, and what doubt does to totals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from skimage.measure import regionprops_table

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.atomic import checked_target, replace_file
from napari_pmrnet.io.units import PIXEL

DOUBTFUL = 0.5
_SHAPE = {
    "area": "area",
    "equivalent_diameter_area": "diameter",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
    "centroid-0": "centroid_y",
    "centroid-1": "centroid_x",
}
_POWERS = {"area": 2, "diameter": 1, "centroid_y": 1, "centroid_x": 1}


def measure(
    labels: np.ndarray,
    channels: Mapping[str, np.ndarray] | None = None,
    pixel_size: tuple[float, float] = (1.0, 1.0),
    review: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Measure shape and intensity of every nucleus with scikit-image.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        0 is background.
    channels : mapping of ndarray, each (H, W), optional
        Images by name; the mean of each is taken.
    pixel_size : (float, float)
        Height and width of a pixel, in the unit wanted.
    review : DataFrame, optional
        Indexed by label, with ``certainty``, ``reviewed`` and ``edited``.

    Returns
    -------
    DataFrame
        Indexed by ``label``: ``area``, ``diameter`` (of the circle of that area) and
        centroid in units of `pixel_size`, the middle of the first pixel being 0;
        ``eccentricity``; ``solidity``; ``intensity NAME`` of every channel; and the
        columns of `review`.

    Raises
    ------
    DataError
        If a channel has another shape than the labels.
    """
    channels = dict(channels or {})
    for name, image in channels.items():
        if image.shape != labels.shape:
            raise DataError(
                f"the labels have shape {labels.shape}, channel '{name}' has "
                f"{image.shape}. Choose the image the labels were made from."
            )
    wanted = ("label", "area", "equivalent_diameter_area", "eccentricity")
    wanted += ("solidity", "centroid")
    table = pd.DataFrame(
        regionprops_table(labels, properties=wanted, spacing=tuple(pixel_size))
    )
    table = table.rename(columns=_SHAPE).set_index("label")
    table.index = table.index.astype(int)
    counts = np.bincount(labels.ravel())
    for name, image in channels.items():
        totals = np.bincount(labels.ravel(), np.asarray(image, float).ravel())
        table[f"intensity {name}"] = totals[table.index] / counts[table.index]
    return table if review is None else table.join(review)


class Range(NamedTuple):
    """A total, and what it is without and with every doubtful nucleus."""

    value: float
    least: float
    most: float


def totals(table: pd.DataFrame, doubtful: float = DOUBTFUL) -> dict[str, Range]:
    """Count and total area, with the range that doubt leaves them.

    A nucleus that was reviewed is not doubtful.

    Parameters
    ----------
    table : DataFrame
        With ``area``, ``certainty`` and, optionally, ``reviewed``.
    doubtful : float
        Certainty below which a nucleus is doubtful; one without certainty is.

    Returns
    -------
    dict
        ``count`` and ``area``: the `Range` of each. ``value`` is that of the labels as
        they are, which is also the most.
    """
    sure = table["certainty"].ge(doubtful)
    if "reviewed" in table:
        sure |= table["reviewed"].astype(bool)
    area = table["area"]
    return {
        "count": Range(len(table), int(sure.sum()), len(table)),
        "area": Range(float(area.sum()), float(area[sure].sum()), float(area.sum())),
    }


def write_table(path: str | Path, table: pd.DataFrame, unit: str = PIXEL) -> Path:
    """Write measurements as CSV, with the unit in the head of each column.

    Parameters
    ----------
    path : str or Path
        File to write; without an ending .csv is added.
    table : DataFrame
        Of `measure`.
    unit : str
        Unit of the pixel size.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    target = checked_target(path, (".csv",))
    heads = {
        name: f"{name} [{unit}{'^2' if power == 2 else ''}]"
        for name, power in _POWERS.items()
    }
    text = table.rename(columns=heads).to_csv(float_format="%.6g", lineterminator="\n")
    replace_file(target, lambda stream: stream.write(text.encode()))
    return target
