"""The few units of length and time that microscopy files use, under one name each."""

from __future__ import annotations

from collections.abc import Iterable

PIXEL = "pixel"

MICROMETRES = {
    "pm": 1e-6,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "um": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "inch": 25400.0,
}
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "hour": 3600.0}
OME_UNITS = {
    "pm": "picometer",
    "angstrom": "angstrom",
    "nm": "nanometer",
    "um": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
    "inch": "inch",
    "us": "microsecond",
    "ms": "millisecond",
    "s": "second",
    "min": "minute",
    "hour": "hour",
}
"""Names of the units in OME-Zarr."""


def _names(unit: str, others: Iterable[str]) -> dict[str, str]:
    """Other names of a unit, each leading to it."""
    return dict.fromkeys((unit, *others), unit)


_CANONICAL = {
    **_names("pm", ["picometer", "picometre", "picometers", "picometres"]),
    **_names("angstrom", ["å", "ångström"]),
    **_names("nm", ["nanometer", "nanometre", "nanometers", "nanometres"]),
    **_names(
        "um",
        [
            *("µm", "μm", "micron", "microns", "micrometer", "micrometers"),
            *("micrometre", "micrometres"),
        ],
    ),
    **_names("mm", ["millimeter", "millimetre", "millimeters", "millimetres"]),
    **_names("cm", ["centimeter", "centimetre", "centimeters", "centimetres"]),
    **_names("m", ["meter", "metre", "meters", "metres"]),
    **_names("inch", ["in", "inches"]),
    **_names("us", ["µs", "μs", "microsecond"]),
    **_names("ms", ["msec", "millisecond", "milliseconds"]),
    **_names("s", ["sec", "secs", "second", "seconds"]),
    **_names("min", ["mins", "minute", "minutes"]),
    **_names("hour", ["h", "hr", "hours"]),
}


def canonical_unit(name: object) -> str:
    """The one name of a unit, readable by pint.

    Parameters
    ----------
    name : object
        A unit or its name as found in a file or a layer, e.g. ``"micron"``, ``"µm"``.

    Returns
    -------
    str
        A key of `MICROMETRES` or `SECONDS`, or ``"pixel"`` for anything else.
    """
    text = str(name).strip().lower().replace("\\u00b5", "µ")
    return _CANONICAL.get(text, PIXEL)
