"""Label images as TIFF files that Fiji opens with pixel size, unit, z and time.

ImageJ describes a stack in the text of its first page. tifffile writes that text for
8-bit, 16-bit and float pixels only, but ImageJ obeys it for 32-bit unsigned pixels
too, so every file here carries it, over pixels stored in one run as ImageJ expects.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.calibration import imagej_origin
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.label_numbers import check_labels
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.io.provenance import (
    METADATA_KEY,
    Provenance,
    Tag,
    array_hash,
    info_text,
    relative_name,
    software,
)
from napari_pmrnet.io.space import DEPTH, TIME, Space
from napari_pmrnet.io.units import MICROMETRES, SECONDS, canonical_unit
from napari_pmrnet.io.write import checked_target, replace_file

LARGEST_CLASSIC = 2**32 - 2**25
"""Bytes of pixels above which a file is a BigTIFF; the classic format ends at 4 GB."""
_LETTERS = "tzcyx"
_LARGEST_STORED = int(np.iinfo(np.uint32).max)
_AXIS_NAMES = {
    **dict.fromkeys(TIME, "t"),
    **dict.fromkeys(DEPTH, "z"),
    "plane": "z",
    "channel": "c",
}


def read_label_file(path: Path) -> tuple[np.ndarray, Space, Provenance]:
    """Labels of a file, where they lie and what made them.

    Parameters
    ----------
    path : Path
        Of a format that `read_image` reads.

    Returns
    -------
    ndarray of int32
    Space
    Provenance

    Raises
    ------
    DataError
        If the file cannot be read, or holds no labels.
    """
    (image,) = read_image(path, scene=0)
    labels = np.asarray(image.data)
    check_labels(labels, str(path))
    if image.rgb or image.channel_axis is not None:
        raise DataError(f"{path}: holds colours or channels, not labels.")
    made = Provenance.from_dict(image.metadata.get(METADATA_KEY) or {})
    return labels.astype(np.int32), image.space, made


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

    Examples
    --------
    >>> smallest_unsigned_dtype(np.array([[0, 1], [2, 300]]))
    dtype('uint16')
    """
    labels = np.asarray(labels)
    check_labels(labels, largest=_LARGEST_STORED)
    highest = int(labels.max(initial=0))
    return next(
        np.dtype(kind)
        for kind in (np.uint8, np.uint16, np.uint32)
        if highest <= np.iinfo(kind).max
    )


def write_labels(
    path: str | Path,
    labels: np.ndarray,
    space: Space | None = None,
    provenance: Provenance | None = None,
    *,
    overwrite: Overwrite = False,
    image: Path | None = None,
) -> Path:
    """Write labels as a TIFF file for ImageJ and Fiji.

    The file appears whole or not at all: it is written beside its place under another
    name and then renamed. Of more than 4 GB it is a BigTIFF, which Fiji opens with
    Bio-Formats.

    Parameters
    ----------
    path : str or Path
        File to write, ending in .tif or .tiff; without an ending .tif is added.
    labels : numpy.ndarray
        Whole numbers from 0, with a y, an x and at most a t, z and c axis.
    space : Space, optional
        Axes, steps, units and place. Of the names of axes t, z, c, y, x and words such
        as "time" are understood; the others become x, y, z and t from the last axis on.
        Axes are stored in the order t, z, c, y, x. By default steps are one pixel.
    provenance : Provenance, optional
        What made the labels, kept in the description.
    overwrite : bool or Permit
        Whether a file that is there may be replaced.
    image : Path, optional
        File that the labels were segmented from. It allows a later run on that image
        to replace them while they are as they are now: leave it out for labels that
        may have been corrected.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If the labels, their axes or the path cannot be written.

    Examples
    --------
    Write labels with their pixel size, and read them back:

    >>> import numpy as np
    >>> from napari_pmrnet.io.images import read_image
    >>> from napari_pmrnet.io.space import Space
    >>> labels = np.zeros((64, 64), np.int32)
    >>> labels[10:20, 10:20] = 1
    >>> path = write_labels("nuclei", labels, Space.of_plane((0.25, 0.25), "um"))
    >>> path.name
    'nuclei.tif'
    >>> (read,) = read_image(path)
    >>> int(read.data.sum()), read.space.pixel_size, read.space.unit, read.is_labels
    (100, (0.25, 0.25), 'um', True)
    """
    target = checked_target(path, Format.TIFF, overwrite)
    try:
        stored = np.asarray(labels)
        stored = stored.astype(smallest_unsigned_dtype(stored), copy=False)
        checked = _checked_space(space or Space(), stored.ndim)
        if stored.size == 0:
            raise DataError("the labels are empty. Choose a layer that has pixels.")
    except DataError as error:
        raise DataError(f"{target}: not written, {error}") from None
    order = sorted(range(stored.ndim), key=lambda i: _LETTERS.index(checked.axes[i]))
    stored = np.ascontiguousarray(stored.transpose(order))
    tag = Tag(checked.of_axes(order), provenance or Provenance())
    if image is not None:
        place = Path(os.path.realpath(target)).parent
        made_of, digest = relative_name(image, place), array_hash(stored)
        tag = tag._replace(made_of=made_of, sha256=digest)
    replace_file(target, lambda stream: _write_tiff(stream, stored, tag), overwrite)
    return target


def _write_tiff(stream: BinaryIO, labels: np.ndarray, tag: Tag) -> None:
    """Write labels and their description to an open stream."""
    steps = dict(zip(tag.space.axes, _imagej_steps(tag.space), strict=True))
    big = labels.nbytes > LARGEST_CLASSIC
    with tifffile.TiffWriter(stream, bigtiff=big, byteorder=">") as tiff:
        tiff.write(
            labels,
            photometric="minisblack",
            planarconfig=None,
            description=_description(labels, tag, steps),
            metadata=None,
            resolution=(1 / steps["x"][0], 1 / steps["y"][0]),
            resolutionunit="NONE",
            rowsperstrip=labels.shape[-2],
            software=software(),
            extratags=tifffile.imagej_metadata_tag(
                {"Info": info_text(tag.provenance)}, ">"
            ),
        )


def _description(
    labels: np.ndarray, tag: Tag, steps: dict[str, tuple[float, str]]
) -> str:
    """ImageJ's description of the stack, and ours as one more line of it."""
    extra: dict[str, Any] = {"unit": steps["x"][1]}
    if "z" in steps and steps["z"][1] == steps["x"][1]:
        extra["spacing"] = steps["z"][0]
    if "t" in steps and steps["t"][1] == "s":
        extra.update(finterval=steps["t"][0], tunit="sec")
    extra |= imagej_origin(tag.space)
    extra[METADATA_KEY] = json.dumps(tag.as_dict())
    return tifffile.imagej_description(
        labels.shape,
        axes="".join(tag.space.axes).upper(),
        rgb=False,
        min=0.0,
        max=float(max(labels.max(), 1)),
        **extra,
    )


def _imagej_steps(space: Space) -> list[tuple[float, str]]:
    """Steps in the one unit of length that ImageJ has, that of x, and in seconds."""
    wanted = space.units[space.axes.index("x")]
    steps = []
    for step, unit in zip(space.scale, space.units, strict=True):
        step = abs(step)
        if unit in MICROMETRES and wanted in MICROMETRES:
            steps.append((step * MICROMETRES[unit] / MICROMETRES[wanted], wanted))
        elif unit in SECONDS:
            steps.append((step * SECONDS[unit], "s"))
        else:
            steps.append((step, unit))
    return steps


def _checked_space(space: Space, ndim: int) -> Space:
    """Letters of all axes, steps that are finite and not zero, units by one name."""
    letters, filled = axis_letters(space.axes, ndim), space.filled(ndim)
    steps, units = tuple(map(float, filled.scale)), filled.units
    if len(steps) != ndim or not all(math.isfinite(s) and s != 0 for s in steps):
        raise DataError(
            f"pixel size {steps} does not fit {ndim} axes. Give one number above 0 for "
            "each."
        )
    if len(units) != ndim:
        raise DataError(f"{len(units)} units are given, but the labels have {ndim}.")
    if len(filled.translate) not in (0, ndim) or not all(
        map(math.isfinite, filled.translate)
    ):
        raise DataError(
            f"place {filled.translate} of the first pixel does not fit {ndim} axes."
        )
    return Space.of(letters, steps, map(canonical_unit, units), filled.translate)


def axis_letters(axes: Sequence[str], ndim: int) -> list[str]:
    """One letter of t, z, c, y, x for each axis of labels.

    Parameters
    ----------
    axes : sequence of str
        Names, as for `write_labels`; none where they are not known.
    ndim : int
        Number of axes.

    Raises
    ------
    DataError
        If there are more than letters, or none is y or x.
    """
    if ndim < 2:
        raise DataError(f"labels must have a y and an x axis, not {ndim} axes.")
    if axes and len(axes) != ndim:
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
        raise DataError(f"none of the axes {tuple(axes)} is y or x. Rename them.")
    return [str(letter) for letter in letters]
