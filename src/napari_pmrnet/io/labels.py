"""Label images as TIFF files that Fiji opens with pixel size, unit, z and time.

ImageJ describes a stack in the text of its first page. tifffile writes that text for
8-bit, 16-bit and float pixels only, but ImageJ obeys it for 32-bit unsigned pixels
too, so every file here carries it, over pixels stored in one run as ImageJ expects.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.provenance import TAG, LabelTag
from napari_pmrnet.io.tiff import TIFF_ENDINGS
from napari_pmrnet.io.units import MICROMETRES, PIXEL, SECONDS, canonical_unit
from napari_pmrnet.io.write import checked_target, replace_file

if TYPE_CHECKING:
    from napari_pmrnet.settings import Settings

_LETTERS = "tzcyx"
_AXIS_NAMES = {
    "time": "t",
    "frame": "t",
    "depth": "z",
    "slice": "z",
    "plane": "z",
    "channel": "c",
}


def smallest_unsigned_dtype(labels: np.ndarray) -> np.dtype:
    """Smallest unsigned integer type that holds the labels.

    Parameters
    ----------
    labels : numpy.ndarray
        Whole numbers from 0, of any shape and integer or boolean type.

    Returns
    -------
    numpy.dtype
        uint8, uint16 or uint32.

    Raises
    ------
    DataError
        If a label is negative, above 4294967295 or no whole number.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub":
        raise DataError(
            f"labels must be whole numbers, not {labels.dtype}. Convert them to an "
            "integer type first."
        )
    lowest, highest = (labels.min(), labels.max()) if labels.size else (0, 0)
    if lowest < 0:
        raise DataError(
            f"labels must not be negative, but {lowest} is among them. Use 0 for the "
            "background and positive numbers for nuclei."
        )
    for dtype in (np.uint8, np.uint16, np.uint32):
        if highest <= np.iinfo(dtype).max:
            return np.dtype(dtype)
    raise DataError(f"label {highest} is above 4294967295. Renumber the labels from 1.")


def write_labels(
    path: str | Path,
    labels: np.ndarray,
    *,
    axes: Sequence[str] | None = None,
    scale: Sequence[float] | None = None,
    units: Sequence[str] | None = None,
    settings: Settings | dict[str, Any] | None = None,
    weights_hash: str | None = None,
) -> Path:
    """Write labels as a TIFF file for ImageJ and Fiji.

    The file appears whole or not at all: it is written beside its place under another
    name and then renamed.

    Parameters
    ----------
    path : str or Path
        File to write, ending in .tif or .tiff; without an ending .tif is added.
    labels : numpy.ndarray
        Whole numbers from 0, with a y, an x and at most a t, z and c axis.
    axes : sequence of str, optional
        Names of the axes. t, z, c, y, x and words such as "time" are understood; the
        others become x, y, z and t from the last axis on. Axes are stored in the order
        t, z, c, y, x.
    scale : sequence of float, optional
        Step along each axis, in `units`. By default 1.
    units : sequence of str, optional
        Unit of each axis, e.g. "um" or "s". By default pixels.
    settings : Settings or dict, optional
        Settings that made the labels, kept in the description.
    weights_hash : str, optional
        SHA-256 of the weights that made the labels, kept in the description.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If the labels, their axes or the path cannot be written.
    """
    target = checked_target(path, TIFF_ENDINGS)
    try:
        stored = np.asarray(labels)
        stored = stored.astype(smallest_unsigned_dtype(stored))
        letters = _axis_letters(axes, stored.ndim)
        steps = _checked_scale(scale, stored.ndim)
        names = _checked_units(units, stored.ndim)
        if stored.size == 0:
            raise DataError("the labels are empty. Choose a layer that has pixels.")
    except DataError as error:
        raise DataError(f"{target}: not written, {error}") from None
    order = sorted(range(stored.ndim), key=lambda i: _LETTERS.index(letters[i]))
    plain = settings is None or isinstance(settings, dict)
    as_dict = settings if plain else settings.as_dict()
    tag = LabelTag(
        tuple(letters[i] for i in order),
        tuple(steps[i] for i in order),
        tuple(names[i] for i in order),
        {"settings": as_dict, "weights_hash": weights_hash},
    )
    stored = np.ascontiguousarray(stored.transpose(order))
    replace_file(target, lambda stream: _write_tiff(stream, stored, tag))
    return target


def _write_tiff(stream: BinaryIO, labels: np.ndarray, tag: LabelTag) -> None:
    """Write labels and their description to an open stream."""
    steps = dict(zip(tag.axes, _imagej_steps(tag), strict=True))
    info = json.dumps(tag.origin, indent=1)
    with tifffile.TiffWriter(stream, byteorder=">") as tiff:
        tiff.write(
            labels,
            photometric="minisblack",
            planarconfig=None,
            description=_description(labels, tag, steps),
            metadata=None,
            resolution=(1 / steps["x"][0], 1 / steps["y"][0]),
            resolutionunit="NONE",
            rowsperstrip=labels.shape[-2],
            software=_software(),
            extratags=tifffile.imagej_metadata_tag(
                {"Info": f"Labels of nuclei by {_software()}\n{info}\n"}, ">"
            ),
        )


def _description(
    labels: np.ndarray, tag: LabelTag, steps: dict[str, tuple[float, str]]
) -> str:
    """ImageJ's description of the stack, and ours as one more line of it."""
    extra: dict[str, Any] = {"unit": steps["x"][1]}
    if "z" in steps and steps["z"][1] == steps["x"][1]:
        extra["spacing"] = steps["z"][0]
    if "t" in steps and steps["t"][1] == "s":
        extra.update(finterval=steps["t"][0], tunit="sec")
    return tifffile.imagej_description(
        labels.shape,
        axes="".join(tag.axes).upper(),
        rgb=False,
        min=0.0,
        max=float(max(labels.max(), 1)),
        **extra,
        **{TAG: tag.as_text()},
    )


def _imagej_steps(tag: LabelTag) -> list[tuple[float, str]]:
    """Steps in the one unit of length that ImageJ has, that of x, and in seconds."""
    wanted = tag.units[tag.axes.index("x")]
    steps = []
    for step, unit in zip(tag.scale, tag.units, strict=True):
        step = abs(step)
        if unit in MICROMETRES and wanted in MICROMETRES:
            steps.append((step * MICROMETRES[unit] / MICROMETRES[wanted], wanted))
        elif unit in SECONDS:
            steps.append((step * SECONDS[unit], "s"))
        else:
            steps.append((step, unit))
    return steps


def _axis_letters(axes: Sequence[str] | None, ndim: int) -> list[str]:
    """One letter of t, z, c, y, x for each axis."""
    if ndim < 2:
        raise DataError(f"labels must have a y and an x axis, not {ndim} axes.")
    if axes is not None and len(axes) != ndim:
        raise DataError(f"{len(axes)} axes are named, but the labels have {ndim}.")
    letters: list[str | None] = []
    for name in axes or [""] * ndim:
        letter = _AXIS_NAMES.get(name.lower(), name.lower())
        known = letter in set(_LETTERS) and letter not in letters
        letters.append(letter if known else None)
    free = [letter for letter in "xyzt" if letter not in letters]
    for i in reversed(range(ndim)):
        if letters[i] is None:
            if not free:
                raise DataError(
                    f"{ndim} axes are more than a label TIFF holds (t, z, y, x). "
                    "Export one part at a time."
                )
            letters[i] = free.pop(0)
    if "y" not in letters or "x" not in letters:
        raise DataError(f"none of the axes {tuple(axes or ())} is y or x. Rename them.")
    return [str(letter) for letter in letters]


def _checked_scale(scale: Sequence[float] | None, ndim: int) -> list[float]:
    """One step for each axis, finite and not zero."""
    steps = [1.0] * ndim if scale is None else [float(step) for step in scale]
    if len(steps) != ndim or not all(math.isfinite(s) and s != 0 for s in steps):
        raise DataError(
            f"pixel size {tuple(steps)} does not fit {ndim} axes. Give one number "
            "above 0 for each."
        )
    return steps


def _checked_units(units: Sequence[str] | None, ndim: int) -> list[str]:
    """One unit for each axis, under its one name."""
    names = [PIXEL] * ndim if units is None else [canonical_unit(u) for u in units]
    if len(names) != ndim:
        raise DataError(f"{len(names)} units are given, but the labels have {ndim}.")
    return names


def _software() -> str:
    """Name and version of this program."""
    try:
        return f"napari-pmrnet {version('napari-pmrnet')}"
    except PackageNotFoundError:
        return "napari-pmrnet"
