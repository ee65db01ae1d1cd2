"""Plates of OME-Zarr: which images they hold, and in which wells.

Wells and fields are named by the plate's metadata. What is not as the metadata says is
found when the image is read, so that the others are read all the same.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.io.formats import image_name, safe_name
from napari_pmrnet.io.ome_model import about_of, plate_of, well_of
from napari_pmrnet.io.ome_zarr import import_ome_zarr, is_zarr, outer_zarr, readable

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ROWS = (*LETTERS, *(f"A{letter}" for letter in "ABCDEF"))
"""Letters of the rows of plates of up to 1536 wells."""
LAST_COLUMN = 48


class Field(NamedTuple):
    """An image of a plate.

    Attributes
    ----------
    path : Path
        Of the image; of a well that cannot be read, of the well.
    plate : Path
    well : str
        Row and column as in ``"A01"``; other names than those of usual plates with a
        slash between them.
    name : str
        Of the image in the well; empty where it is not known.
    """

    path: Path
    plate: Path
    well: str
    name: str

    @property
    def title(self) -> str:
        """Plate, well and name as a part of the name of a file: ``plate_A01_0``."""
        parts = (safe_name(part) for part in (self.well, self.name) if part)
        return "_".join((image_name(self.plate), *parts))


def field_at(path: Path) -> Field | None:
    """The field of a plate that a path is; None if it is none, or cannot be known."""
    path = Path(os.path.abspath(path))
    try:
        found = fields_of(path, {})
    except PMRNetError:
        return None
    return next((one for one in found if one.path == path), None)


def name_in_zarr(path: Path) -> str:
    """Name of an image in a Zarr folder, by what that and its place there are called.

    Parameters
    ----------
    path : Path
        Of an image in an outer Zarr folder; of another, or a file, it is `image_name`.

    Returns
    -------
    str
        A name that a file can have, such as ``plate_A01_0`` of a field of a plate.
    """
    path = Path(os.path.abspath(path))
    outer = outer_zarr(path)
    if outer is None or outer == path:
        return image_name(path)
    field = field_at(path)
    if field is not None:
        return field.title
    return "_".join((image_name(outer), *path.relative_to(outer).parts))


def is_plate(path: Path) -> bool:
    """Tell whether a folder says that it is a plate; not whether it is a whole one."""
    return is_zarr(path) and "plate" in _about(path)


def fields_of(path: Path, known: dict[Path, dict[str, str]]) -> list[Field]:
    """Images of a plate, or of a row or well of one, in the order of its metadata.

    Parameters
    ----------
    path : Path
        Of a plate, of one of its rows, wells or images, or of any other folder.
    known : dict
        Wells of plates that were looked at before; those of others are added.

    Returns
    -------
    list of Field
        With absolute paths. Empty for what is no plate and lies in none.

    Raises
    ------
    DataError
        If the metadata of the plate is damaged or of a version that is not known.
    SoftwareError
        If what reads OME-Zarr is missing or does not fit.
    """
    path = Path(os.path.abspath(path))
    if is_plate(path):
        wells = _wells(path, known).items()
        return [one for well, name in wells for one in _images(path, well, name)]
    for plate in list(path.parents)[:3]:
        if plate in known or is_plate(plate):
            well = path.relative_to(plate).parts
            wells = _wells(plate, known)
            if len(well) == 1:
                row = {w: n for w, n in wells.items() if w.startswith(f"{well[0]}/")}
                return [one for w, n in row.items() for one in _images(plate, w, n)]
            name = wells.get("/".join(well[:2]))
            if name is None:
                return []
            if len(well) == 3:
                return [Field(path, plate, name, well[2])]
            return _images(plate, "/".join(well), name)
    return []


def _about(path: Path) -> Any:
    """What a group says of itself; nothing if it cannot be read."""
    zarr = import_ome_zarr(path)
    try:
        with readable(path):
            return about_of(dict(zarr.open_group(path, mode="r").attrs))
    except DataError:
        return {}


def _wells(plate: Path, known: dict[Path, dict[str, str]]) -> dict[str, str]:
    """Names of the wells by their paths."""
    if plate not in known:
        with readable(plate):
            told = plate_of(_about(plate))
        parts = {
            w.path: (told.rows[w.rowIndex].name, told.columns[w.columnIndex].name)
            for w in told.wells
        }
        usual = {path: _usual_name(*names) for path, names in parts.items()}
        often = Counter(usual.values())
        known[plate] = {
            path: name if name and often[name] == 1 else "/".join(parts[path])
            for path, name in usual.items()
        }
    return known[plate]


def _usual_name(row: str, column: str) -> str:
    """Name of a well as the names of files have it; empty if it is none."""
    if row not in ROWS or not (column.isascii() and column.isdigit()):
        return ""
    return f"{row}{int(column):02d}" if 1 <= int(column) <= LAST_COLUMN else ""


def _images(plate: Path, well: str, name: str) -> list[Field]:
    """Images of a well; the well itself if it cannot be read."""
    place = plate / well
    try:
        with readable(place):
            images = well_of(_about(place)).images
    except DataError:
        return [Field(place, plate, name, "")]
    return [Field(place / one.path, plate, name, one.path) for one in images]
