"""Pixel size, units and channel names, from what each kind of TIFF writes down."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tifffile

from napari_pmrnet.io.space import Space
from napari_pmrnet.io.units import MICROMETRES, PIXEL, canonical_unit

# A plain TIFF may carry the resolution of a printer. 2400 dots an inch are 10.6 um.
LARGEST_PLAIN_PIXEL = 10.0


MIRRORED = "pmrnet_mirrored"


@dataclass(frozen=True)
class Calibration:
    """Step and unit of each axis that a file tells of, and the channels' names.

    Attributes
    ----------
    steps : dict of str to (float, str)
        Lower-case axis letter to step and unit.
    channel_names : tuple of str
        Empty if the file names no channels.
    origins : dict of str to float
        Axis letter to the place of the first pixel, in the unit of the step.
    """

    steps: dict[str, tuple[float, str]] = field(default_factory=dict)
    channel_names: tuple[str, ...] = ()
    origins: dict[str, float] = field(default_factory=dict)

    def space(self, axes: Iterable[str]) -> Space:
        """Space of an array with these axes; one pixel where unknown.

        Height and width of a pixel are in one unit. Where one of them alone is known,
        neither is: the two would make areas of no unit.
        """
        axes = tuple(axes)
        known = {axis: self.steps[axis] for axis in axes if axis in self.steps}
        if len(known.keys() & set("yx")) == 1:
            known = {axis: step for axis, step in known.items() if axis not in "yx"}
        steps = [known.get(axis, (1.0, PIXEL)) for axis in axes]
        scale, units = zip(*steps, strict=True)
        # What is not known is counted in pixels, its place too.
        lost = self.steps.keys() - known.keys()
        places = (
            self.origins.get(a, 0.0) / (self.steps[a][0] if a in lost else 1.0)
            for a in axes
        )
        return Space.of(axes, scale, units, places).in_one_unit()


def plain_calibration(page: tifffile.TiffPage) -> Calibration:
    """Pixel size from the resolution tags of a TIFF without microscopy metadata.

    Parameters
    ----------
    page : tifffile.TiffPage
        First page.

    Returns
    -------
    Calibration
        Empty unless the tags give a pixel of at most `LARGEST_PLAIN_PIXEL` um, since
        larger ones are a printer's or a screen's.
    """
    unit_tag = page.tags.get("ResolutionUnit")
    unit = {2: "inch", 3: "cm"}.get(int(unit_tag.value) if unit_tag else 0)
    if unit is None:
        return Calibration()
    steps = {}
    for axis, tag in (("x", "XResolution"), ("y", "YResolution")):
        step = _pixel_step(page, tag) * MICROMETRES[unit]
        if not 0 < step <= LARGEST_PLAIN_PIXEL:
            return Calibration()
        steps[axis] = (step, "um")
    return Calibration(steps)


def imagej_calibration(
    page: tifffile.TiffPage, metadata: Mapping[str, Any]
) -> Calibration:
    """Pixel size, slice spacing and frame interval as ImageJ understands them.

    Parameters
    ----------
    page : tifffile.TiffPage
        First page.
    metadata : mapping
        `tifffile.TiffFile.imagej_metadata`.

    Returns
    -------
    Calibration
        Without a unit in the description, what `plain_calibration` gives.
    """
    steps: dict[str, tuple[float, str]] = {}
    if "unit" in metadata:
        told = {
            "x": _pixel_step(page, "XResolution"),
            "y": _pixel_step(page, "YResolution"),
            "z": _positive(metadata.get("spacing", 1.0)) or 1.0,
        }
        for axis, step in told.items():
            unit = canonical_unit(metadata.get(f"{axis}unit", metadata["unit"]))
            # A number of an unknown unit is no number of pixels.
            if step > 0 and unit != PIXEL:
                steps[axis] = (step, unit)
    else:
        steps.update(plain_calibration(page).steps)
    interval = _positive(metadata.get("finterval"))
    if interval:
        steps["t"] = (interval, canonical_unit(metadata.get("tunit", "sec")))
    mirrored = str(metadata.get(MIRRORED, ""))
    names = metadata.get("Labels") or ()
    channels = metadata.get("channels", 1)
    named = len(names) == channels > 1
    origins = {
        axis: -number * steps.get(axis, (1.0, PIXEL))[0]
        for axis in "xyz"
        if (number := _finite(metadata.get(f"{axis}origin")))
    }
    for axis in steps.keys() & set(mirrored):
        steps[axis] = -steps[axis][0], steps[axis][1]
    return Calibration(steps, tuple(map(str, names)) if named else (), origins)


def imagej_origin(space: Space) -> dict[str, float]:
    """Entries of ImageJ's description that say where a space begins, in pixels."""
    placed = zip(space.axes, space.translate, space.scale, strict=False)
    return {f"{a}origin": -place / abs(step) for a, place, step in placed if a in "xyz"}


def imagej_mirroring(space: Space) -> dict[str, str]:
    """Entry of ImageJ's description, which ImageJ passes over, on mirrored axes."""
    steps = zip(space.axes, space.scale, strict=False)
    mirrored = "".join(axis for axis, step in steps if step < 0)
    return {MIRRORED: mirrored} if mirrored else {}


def ome_calibrations(ome_xml: str) -> list[Calibration]:
    """Calibration of every image of an OME-XML text.

    Parameters
    ----------
    ome_xml : str
        `tifffile.TiffFile.ome_metadata`.

    Returns
    -------
    list of Calibration
        In the order of the images; empty if the text is malformed.
    """
    parse = tifffile.xml2dict
    try:
        images = _listed(parse(ome_xml)["OME"]["Image"])
        return [_ome_calibration(image["Pixels"]) for image in images]
    except (SyntaxError, LookupError, TypeError, ValueError, AttributeError):
        return []


def _ome_calibration(pixels: Mapping[str, Any]) -> Calibration:
    """Calibration of one OME Pixels element."""
    steps = {}
    for axis in "xyz":
        step = _positive(pixels.get(f"PhysicalSize{axis.upper()}"))
        unit = canonical_unit(pixels.get(f"PhysicalSize{axis.upper()}Unit", "um"))
        if step and unit != PIXEL:
            steps[axis] = (step, unit)
    interval = _positive(pixels.get("TimeIncrement"))
    if interval:
        steps["t"] = (interval, canonical_unit(pixels.get("TimeIncrementUnit", "s")))
    # tifffile makes a text of an element without attributes.
    channels = (
        channel if isinstance(channel, Mapping) else {}
        for channel in _listed(pixels.get("Channel", []))
    )
    names = (channel.get("Name") or channel.get("Fluor") for channel in channels)
    return Calibration(steps, names_of_channels(names))


def names_of_channels(told: Iterable[object]) -> tuple[str, ...]:
    """Names of all channels, with numbers for those of which a file tells nothing.

    Parameters
    ----------
    told : iterable of object
        One a channel; what is false is no name.

    Returns
    -------
    tuple of str
        Empty if it names none.
    """
    names = [str(name) if name else "" for name in told]
    if not any(names):
        return ()
    return tuple(name or f"channel {n}" for n, name in enumerate(names))


def _pixel_step(page: tifffile.TiffPage, tag_name: str) -> float:
    """Size of a pixel in the file's unit, 0 where the tag is absent or absurd."""
    tag = page.tags.get(tag_name)
    if tag is None:
        return 0.0
    try:
        numerator, denominator = tag.value
        return _positive(denominator / numerator) or 0.0
    except (AttributeError, TypeError, ValueError, ZeroDivisionError):
        return 0.0


def _positive(value: Any) -> float | None:
    """The value as a positive finite float, or None."""
    number = _finite(value)
    return number if number is not None and number > 0 else None


def _finite(value: Any) -> float | None:
    """The value as a finite float, or None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _listed(value: Any) -> list[Any]:
    """A list, also of a single element that stands alone."""
    return value if isinstance(value, list) else [value]
