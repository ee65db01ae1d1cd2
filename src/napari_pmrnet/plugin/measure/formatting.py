"""Counts, areas and heads of columns in words."""

from __future__ import annotations

from collections.abc import Mapping

from napari_pmrnet.proofreading.measure import INTENSITY, Range

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
}
_SQUARED, _PLAIN = ("area",), ("diameter", "centroid_y", "centroid_x")


def head_of(column: str, unit: str) -> tuple[str, str]:
    """Head of a column of measurements, with its unit, and what it means."""
    if column.startswith(INTENSITY):
        name = column.removeprefix(INTENSITY)
        return f"Mean {name}", f"Mean intensity of {name} in the nucleus"
    title, meaning = _HEADS.get(column, (column, ""))
    if column in _SQUARED:
        return f"{title} ({shown_unit(unit)}²)", meaning
    return (f"{title} ({shown_unit(unit)})" if column in _PLAIN else title), meaning


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
