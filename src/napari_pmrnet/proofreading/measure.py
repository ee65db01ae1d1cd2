"""Measurements of nuclei in the image's own units, and what doubt does to totals."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage.measure import find_contours, regionprops

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.label_numbers import check_countable, number_labels
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.io.units import PIXEL
from napari_pmrnet.io.write import checked_target, replace_file
from napari_pmrnet.proofreading.crofton import perimeters
from napari_pmrnet.proofreading.intensities import (
    TEXTURES,
    Head,
    Options,
    intensities,
)
from napari_pmrnet.proofreading.texture import steps_at, texture
from napari_pmrnet.segmentation.objects import DOUBT_LIMIT
from napari_pmrnet.segmentation.tiles import Box

CENTROID = ("centroid_y", "centroid_x")
LENGTHS = ("diameter", *CENTROID, "perimeter", "major_axis", "minor_axis", "feret")
SHAPE = (
    "area",
    "diameter",
    "eccentricity",
    "solidity",
    *CENTROID,
    "perimeter",
    "circularity",
    "major_axis",
    "minor_axis",
    "orientation",
    "feret",
)
WITHOUT_UNIT = ("eccentricity", "solidity", "circularity")
"""Those of `SHAPE` whose heads say no unit."""
_BATCH = 50
DIGITS = 10
"""Of numbers in tables: less than rounding errors show, more than a centroid needs."""


def measure(
    labels: np.ndarray,
    channels: Mapping[str, np.ndarray] | None = None,
    pixel_size: tuple[float, float] = (1.0, 1.0),
    review: pd.DataFrame | None = None,
    options: Options = Options(),  # noqa: B008  frozen
) -> pd.DataFrame:
    """Measure shape and intensity of every nucleus with scikit-image.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        0 is background.
    channels : mapping of ndarray, each (H, W), optional
        Images by name; NaN and infinity do not count.
    pixel_size : (float, float)
        Height and width of a pixel, in the unit wanted.
    review : DataFrame, optional
        Indexed by label, with ``certainty``, ``reviewed`` and ``edited``.
    options : Options
        Rings, background, texture; its distance is in the unit of `pixel_size`.

    Returns
    -------
    DataFrame
        Indexed by ``label``. In units of `pixel_size`: ``area``, ``diameter`` (of the
        circle of that area), centroid, the middle of the first pixel being 0,
        ``perimeter`` (see `perimeters`), ``major_axis`` and ``minor_axis`` of the
        ellipse with the same second moments, ``feret`` (the largest distance between
        two of its points). ``orientation`` of the major axis in degrees, from 0 along
        x, counter-clockwise as the image is shown, below 180. ``eccentricity``,
        ``solidity``, ``circularity`` (4 pi area / perimeter^2: 1 for a disc; of few
        pixels it may be above). Of every channel ``intensity NAME``, the mean, and
        what else `intensities` gives, and `texture` if asked for; and the columns of
        `review`.

    Raises
    ------
    DataError
        If a channel has another shape than the labels, labels are no whole numbers
        from 0, or the pixel size is not above 0.
    """
    steps = measure_steps(labels, channels, pixel_size, options=options)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value if review is None else end.value.join(review)


def measure_steps(
    labels: np.ndarray,
    channels: Mapping[str, np.ndarray] | None = None,
    pixel_size: tuple[float, float] = (1.0, 1.0),
    name: str = "",
    options: Options = Options(),  # noqa: B008  frozen
) -> Generator[tuple[int, int], None, pd.DataFrame]:
    """Measure as `measure` does, stopping now and then.

    Parameters
    ----------
    labels, channels, pixel_size, options
        As for `measure`.
    name : str
        The layer or file of the labels, for messages.

    Yields
    ------
    (int, int)
        Nuclei measured so far and in all, those of texture once a channel.
    """
    channels = dict(channels or {})
    _check(labels, channels, pixel_size, name)
    numbered, names = number_labels(np.asarray(labels))
    regions, rows = regionprops(numbered, spacing=tuple(pixel_size)), []
    around = perimeters(numbered, len(names), pixel_size)
    total = len(regions) * (1 if options.texture is None else 1 + len(channels))
    for region in regions:
        rows.append(_shape(region, float(around[region.label]), pixel_size))
        if len(rows) % _BATCH == 0:
            yield len(rows), total
    table = pd.DataFrame(
        np.array(rows, float).reshape(-1, len(SHAPE)),
        columns=list(SHAPE),
        index=pd.Index(names[1:].astype(int), name="label"),
    )
    columns = dict(intensities(numbered, len(names), channels, options))
    columns |= yield from _textures(regions, channels, options, pixel_size)
    return pd.concat([table, pd.DataFrame(columns, table.index)], axis=1)


def _textures(
    regions: Sequence[Any],
    channels: Mapping[str, np.ndarray],
    options: Options,
    pixel_size: tuple[float, float],
) -> Generator[tuple[int, int], None, dict[str, np.ndarray]]:
    """Columns of texture, of one region of scikit-image after the other."""
    if options.texture is None:
        return {}
    steps = steps_at(options.texture.length, pixel_size)
    found = np.zeros((len(channels), len(regions), len(TEXTURES)))
    done, total = len(regions), len(regions) * (1 + len(channels))
    for turn, image in enumerate(channels.values()):
        for place, region in enumerate(regions):
            found[turn, place] = texture(image[region.slice], region.image, steps)
            done += 1
            if done % _BATCH == 0:
                yield done, total
    heads = [[Head(k, name, options).text for k in TEXTURES] for name in channels]
    pairs = zip(heads, found, strict=True)
    return {h: column for own, of in pairs for h, column in zip(own, of.T, strict=True)}


def _shape(
    region: Any, perimeter: float, pixel_size: tuple[float, float]
) -> tuple[float, ...]:
    """The measurements `SHAPE` of a region of scikit-image."""
    return (
        region.area,
        region.equivalent_diameter_area,
        region.eccentricity,
        region.solidity,
        *region.centroid,
        perimeter,
        4 * np.pi * region.area / perimeter**2,
        region.axis_major_length,
        region.axis_minor_length,
        # scikit-image turns from the rows' axis, which points down.
        (np.degrees(region.orientation) + 90) % 180,
        _feret(region, pixel_size),
    )


def _feret(region: Any, pixel_size: tuple[float, float]) -> float:
    """Largest distance between two points of a region.

    That of scikit-image, which compares all points of its outline: of a large region
    these are pairs by the billion, where the corners of the hull are few.
    """
    padded = np.pad(region.image_convex, 2)
    outline = np.vstack(find_contours(padded, 0.5, fully_connected="high"))
    points = outline * pixel_size
    return float(pdist(points[ConvexHull(points).vertices]).max())


def measure_boxes(
    labels: np.ndarray,
    boxes: Iterable[tuple[int, Box]],
    readers: Mapping[str, Callable[[Box], np.ndarray]],
    pixel_size: tuple[float, float] = (1.0, 1.0),
) -> pd.DataFrame:
    """Measure some nuclei as `measure` does, looking at their boxes only.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    boxes : iterable of (int, tuple of slice)
        Labels, each with a box that holds all of it.
    readers : mapping of callable
        Give the pixels of a channel in a box.
    pixel_size : (float, float)

    Returns
    -------
    DataFrame
        Indexed by ``label``; see `measure`.
    """
    tables = []
    for label, box in boxes:
        own = np.asarray(labels[box]) == label
        parts = {name: read(box) for name, read in readers.items()}
        table = measure(own.astype(np.uint8), parts, pixel_size)
        table.index = pd.Index([label] * len(table), name="label")
        table["centroid_y"] += box[0].start * pixel_size[0]
        table["centroid_x"] += box[1].start * pixel_size[1]
        tables.append(table)
    if tables:
        return pd.concat(tables)
    return measure(np.zeros((1, 1), np.uint8), dict.fromkeys(readers, np.zeros((1, 1))))


def at_place(
    table: pd.DataFrame, scale: tuple[float, float], origin: tuple[float, float]
) -> pd.DataFrame:
    """Measurements of labels that do not begin at the origin, or are mirrored.

    Parameters
    ----------
    table : DataFrame
        Of `measure` or `measure_boxes`.
    scale : (float, float)
        Step along y and x; its sign counts.
    origin : (float, float)
        Place of the middle of the first pixel, in the unit of the table.

    Returns
    -------
    DataFrame
        With the centroids where a viewer shows them, and the orientation as it does.
    """
    moved = {
        name: start + np.sign(step) * table[name]
        for name, step, start in zip(CENTROID, scale, origin, strict=True)
    }
    if scale[0] * scale[1] < 0:
        moved["orientation"] = (180 - table["orientation"]) % 180
    return table.assign(**moved)


def count_pixels(labels: np.ndarray, name: str = "") -> pd.Series:
    """Pixels of every label but 0, by label.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
    name : str
        The layer or file they are of, for messages.

    Raises
    ------
    DataError
        If labels are no whole numbers from 0.
    """
    check_countable(labels, name)
    numbered, names = number_labels(labels)
    pixels = pd.Series(np.bincount(numbered.ravel(), minlength=len(names)), names)
    return pixels.drop(0)


def heads(unit: str = PIXEL) -> dict[str, str]:
    """Heads of the columns that have a unit, such as ``"area [um^2]"``."""
    lengths = {name: f"{name} [{unit}]" for name in LENGTHS}
    return {"area": f"area [{unit}^2]", "orientation": "orientation [deg]", **lengths}


def _check(
    labels: np.ndarray,
    channels: Mapping[str, np.ndarray],
    pixel_size: tuple[float, float],
    name: str,
) -> None:
    """Raise unless the labels can be measured on the channels."""
    for channel, image in channels.items():
        if image.shape != labels.shape:
            raise DataError(
                f"the labels have shape {labels.shape}, channel '{channel}' has "
                f"{image.shape}. Choose the image the labels were made from."
            )
        if image.dtype.kind not in "biuf":
            raise DataError(
                f"channel '{channel}' has values of type {image.dtype}, which have no "
                "mean intensity. Convert it to whole or floating-point numbers first."
            )
    check_countable(labels, name)
    if not all(np.isfinite(step) and step > 0 for step in pixel_size):
        raise DataError(
            f"a pixel of {pixel_size[0]} x {pixel_size[1]} has no area. Give a height "
            "and a width above 0."
        )


class Range(NamedTuple):
    """A total, and what it is without and with every doubtful nucleus."""

    value: float
    least: float
    most: float


def totals(table: pd.DataFrame, doubtful: float = DOUBT_LIMIT) -> dict[str, Range]:
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
    sure = table.loc[:, "certainty"].ge(doubtful)
    if "reviewed" in table:
        sure |= table["reviewed"].astype(bool)
    area = table.loc[:, "area"]
    return {
        "count": Range(len(table), int(sure.sum()), len(table)),
        "area": Range(float(area.sum()), float(area[sure].sum()), float(area.sum())),
    }


def as_csv(table: pd.DataFrame, index: bool = True) -> str:
    """A table with `DIGITS` digits: places on a stage are large, nuclei are small."""
    return table.to_csv(float_format=f"%.{DIGITS}g", lineterminator="\n", index=index)


def write_table(
    path: str | Path,
    table: pd.DataFrame,
    unit: str = PIXEL,
    *,
    overwrite: Overwrite = False,
) -> Path:
    """Write measurements as CSV, with the unit in the head of each column.

    Parameters
    ----------
    path : str or Path
        File to write; without an ending .csv is added.
    table : DataFrame
        Of `measure`.
    unit : str
        Unit of the pixel size.
    overwrite : bool or Permit
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    return write_summary(path, table.rename(columns=heads(unit)), overwrite=overwrite)


def write_summary(
    path: str | Path, table: pd.DataFrame, *, overwrite: Overwrite = False
) -> Path:
    """Write a table as CSV under the heads that it has; see `write_table`."""
    target = checked_target(path, Format.CSV, overwrite)
    replace_file(target, as_csv(table).encode(), overwrite)
    return target
