"""Well and field of an image, from the names that microscopes give to files."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from napari_pmrnet.io.ome_plate import LAST_COLUMN, ROWS


class Position(NamedTuple):
    """Where on a plate an image was taken.

    Attributes
    ----------
    well : str
        Row letters and a column of two digits, such as ``"E01"``; empty if not known.
        Of a plate with other names, these with a slash between.
    field : str
        Number of the field or site in the well, without leading zeros; of an OME-Zarr
        plate as its metadata says.
    """

    well: str = ""
    field: str = ""


_WELL = r"(?P<row>[A-Za-z]|[Aa][A-Fa-f])(?P<column>\d{1,2})"
_START, _END = r"(?:^|(?<=[ _.-]))", r"(?=$|[ _.-])"
_PATTERNS = tuple(
    map(
        re.compile,
        (
            # Opera and Operetta with Harmony, such as r02c05f01p01-ch1sk1fk1fl1.tiff
            r"(?i:^|(?<=[ _.-]))r(?P<row>\d{2})c(?P<column>\d{2})f(?P<field>\d{1,4})"
            r"(?=$|p\d|[ _.-])",
            # CellVoyager, such as plate_A01_T0001F001L01A01Z01C01.tif
            rf"{_START}{_WELL}_T\d{{4}}F(?P<field>\d{{3,4}})L\d+A\d+Z\d+C\d+",
            # InCell, such as A - 01(fld 1 wv DAPI - DAPI).tif
            r"^(?P<row>[A-Za-z]|[Aa][A-Fa-f]) - (?P<column>\d{1,2})"
            r"\(fld (?P<field>\d{1,4})(?=[ )])",
            # ImageXpress and others, such as plate_A01_s1_w1.tif, well_E01_s3.png
            rf"{_START}{_WELL}_s(?P<field>\d{{1,4}})(?=$|_w\d|[ _.-])",
            rf"{_START}{_WELL}_w\d",
            rf"{_START}(?i:well)[ _-]?{_WELL}{_END}",
        ),
    )
)
# An image of an OME-Zarr plate in records that do not tell more: plate.zarr/A/1/0
_OF_ZARR = re.compile(
    r"\.zarr/(?P<row>[A-Z]|A[A-F])/(?P<column>\d{1,2})/(?P<field>\d{1,4})"
)


def position_of(file: str) -> Position:
    """Well and field that the name of a file tells.

    Parameters
    ----------
    file : str
        Path of an image file, or of an image in an OME-Zarr plate.

    Returns
    -------
    Position
        Empty unless the name is in one of the ways that Opera and Operetta (Harmony),
        ImageXpress, InCell and CellVoyager write it, or names a ``well``.

    Examples
    --------
    >>> position_of("plate 1/r02c05f01p01-ch1sk1fk1fl1.tiff")
    Position(well='B05', field='1')
    >>> position_of("cells_1.tif")
    Position(well='', field='')
    """
    path = file.replace("\\", "/")
    name = path.rsplit("/", 1)[-1]
    tries = [_OF_ZARR.search(path), *(pattern.search(name) for pattern in _PATTERNS)]
    for parts in (found.groupdict() for found in tries if found is not None):
        row, column = _row(parts["row"]), int(parts["column"])
        if row and 1 <= column <= LAST_COLUMN:
            field = parts.get("field")
            return Position(f"{row}{column:02d}", str(int(field)) if field else "")
    return Position()


def plate_of(file: str) -> str:
    """Name of the plate that an image is of: its folder, or the OME-Zarr plate."""
    parts = PurePosixPath(file.replace("\\", "/")).parent.parts
    zarr = next((i for i, p in enumerate(parts) if p.endswith(".zarr")), None)
    return plate_name("/".join(parts if zarr is None else parts[: zarr + 1]))


def plate_name(folder: str) -> str:
    """Name of a plate by its folder as seen from the results."""
    return "/".join(part for part in PurePosixPath(folder).parts if part != "..")


def _row(text: str) -> str:
    """Letters of a row that is named by letters or by its number; empty if none."""
    if not text.isdigit():
        return text.upper()
    return ROWS[int(text) - 1] if 1 <= int(text) <= len(ROWS) else ""
