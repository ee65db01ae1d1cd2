"""Counts, areas and heads of columns in words."""

from __future__ import annotations

from collections.abc import Mapping

from napari_pmrnet.plugin.qt import there
from napari_pmrnet.proofreading.classes import is_class_head
from napari_pmrnet.proofreading.intensities import MEAN, RING, SPREAD, TEXTURES, Head
from napari_pmrnet.proofreading.measure import LENGTHS, Range

_UNITS = {"um": "µm", "pixel": "px", "angstrom": "Å"}
_COARSER = {"nm": ("um", 1e3), "um": ("mm", 1e3), "mm": ("cm", 10.0)}
_LARGE = 1e5
_HEADS = {
    "label": ("Label", "Number of the nucleus in the layer"),
    "certainty": ("Certainty", "Estimated probability that the label is right"),
    "reviewed": ("Reviewed", "Whether it was accepted or edited"),
    "edited": ("Edited", "Whether its pixels are not those that were found"),
    "area": ("Area", "Area of the nucleus"),
    "diameter": ("Diameter", "Diameter of the circle of the same area"),
    "eccentricity": (
        "Eccentricity",
        "Of the ellipse with the same second moments: 0 for a circle, towards 1 for a "
        "line",
    ),
    "solidity": ("Solidity", "Area over the area of the convex hull"),
    "centroid_y": ("Centre y", "Centroid, from the middle of the first pixel"),
    "centroid_x": ("Centre x", "Centroid, from the middle of the first pixel"),
    "perimeter": ("Perimeter", "By Crofton's formula in four directions"),
    "circularity": (
        "Circularity",
        "Form factor, 4 pi area over the square of the perimeter: 1 for a disc, less "
        "for other shapes",
    ),
    "major_axis": ("Major axis", "Of the ellipse with the same second moments"),
    "minor_axis": ("Minor axis", "Of the ellipse with the same second moments"),
    "orientation": (
        "Orientation",
        "Of the major axis, from 0 along x, counter-clockwise",
    ),
    "feret": ("Feret", "Largest distance between two points of the nucleus"),
}
_INTENSITIES = {
    MEAN: ("Mean", "Mean"),
    "integrated": ("Integrated", "Sum over the pixels"),
    "min": ("Min", "Least"),
    "max": ("Max", "Largest"),
    "median": ("Median", "Median"),
    SPREAD: ("SD", "Standard deviation over the pixels"),
    RING: ("Ring", "Mean"),
}
_TEXTURES = dict(
    zip(
        TEXTURES,
        (
            ("Contrast", "mean square of the difference of grey levels"),
            ("Homogeneity", "1 for equal grey levels, towards 0 for different ones"),
            ("Correlation", "correlation of grey levels"),
            ("Entropy", "entropy in bits of grey levels"),
        ),
        strict=True,
    )
)
TEXTURE = "Texture"
CLASS = "Class"
_UNITS_OF = {"area": "{}²", "orientation": "°", **dict.fromkeys(LENGTHS, "{}")}


def head_of(column: str, unit: str) -> tuple[str, str]:
    """Head of a column of measurements, with its unit, and what it means."""
    of_channel = Head.of(column)
    if of_channel is not None:
        is_texture = of_channel.kind in TEXTURES
        return (_head_of_texture if is_texture else _head_of_intensity)(of_channel)
    if is_class_head(column):
        return CLASS, column
    title, meaning = _HEADS.get(column, (column, ""))
    if column not in _UNITS_OF:
        return title, meaning
    return f"{title} ({_UNITS_OF[column].format(shown_unit(unit))})", meaning


def _head_of_intensity(head: Head) -> tuple[str, str]:
    """Head of a column of intensities, and what it means."""
    title, what = _INTENSITIES[head.kind]
    where = "in the nucleus"
    if head.kind == RING:
        where = f"in a ring of {head.options.ring} pixels around the nucleus"
    meaning = f"{what} intensity of {head.channel} {where}"
    if head.options.background:
        meaning += ", minus the median of the pixels outside all nuclei"
    corrected = " - bg" if head.options.background else ""
    return f"{title} {head.channel}{corrected}", meaning


def _head_of_texture(head: Head) -> tuple[str, str]:
    """Head of a column of texture, and what it means."""
    title, what = _TEXTURES[head.kind]
    distance = there(head.options.texture)
    apart = f"{distance.length:g} {shown_unit(distance.unit)} apart"
    meaning = f"Texture: {what} of {head.channel} at pixels {apart}"
    return f"{title} {head.channel}", meaning


def group_of(column: str) -> str:
    """What a column is chosen by: its title, for those of channels that of all."""
    of_channel = Head.of(column)
    if of_channel is not None and of_channel.kind in TEXTURES:
        return TEXTURE
    if of_channel is not None:
        return f"{_INTENSITIES[of_channel.kind][0]} intensity"
    return CLASS if is_class_head(column) else _HEADS.get(column, (column, ""))[0]


_SELDOM = ("perimeter", "major_axis", "minor_axis", "orientation", "feret")
_SELDOM_OF_CHANNELS = ("integrated", "min", "max", "median", SPREAD)
USUALLY_HIDDEN = {group_of(column) for column in _SELDOM} | {
    group_of(Head(kind, "any").text) for kind in _SELDOM_OF_CHANNELS
}
"""Groups of columns that the table has only if asked for."""


def shown_unit(unit: str) -> str:
    """A unit as people write it."""
    return _UNITS.get(unit, unit)


def summary(found: Mapping[str, Range], unit: str, known: bool) -> str:
    """Totals in words: ``"312 nuclei (291 to 312), 0.420 mm² (0.400 to 0.420)"``.

    Parameters
    ----------
    found : mapping
        Of `totals`.
    unit : str
        Unit of a length.
    known : bool
        Whether the certainty of any nucleus is known; else no range is given.
    """
    count, area = found["count"], found["area"]
    while unit in _COARSER and area.value >= _LARGE:
        unit, step = _COARSER[unit]
        area = Range(*(value / step**2 for value in area))
    nuclei = f"{count.value:,} " + ("nucleus" if count.value == 1 else "nuclei")
    size = f"{_number(area.value)} {shown_unit(unit)}²"
    if known and count.least != count.most:
        nuclei += f" ({count.least:,} to {count.most:,})"
        size += f" ({_number(area.least)} to {_number(area.most)})"
    return f"{nuclei}, {size}"


def listed(names: list[str]) -> str:
    """Names as a list in words."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _number(value: float) -> str:
    """Three digits, more of a large number."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}".rstrip(".")
