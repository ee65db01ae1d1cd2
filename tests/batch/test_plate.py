"""Wells and fields in the names that microscopes give to files."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.batch.plate import Position, position_of

ROWS = [*string.ascii_uppercase, *(f"A{letter}" for letter in "ABCDEF")]
ROW, COLUMN = st.integers(1, 32), st.integers(1, 48)
FIELD, CHANNEL = st.integers(1, 999), st.integers(1, 9)
WAYS = {
    "plain": "{prefix}{row}{column:02d}_s{field}.tif",
    "well": "{prefix}well_{row}{column:02d}_s{field}.png",
    "ImageXpress": "{prefix}{row}{column:02d}_s{field}_w{channel}.TIF",
    "ImageXpress with GUID": "{prefix}{row}{column:02d}_s{field}_w{channel}0FA4-9C.tif",
    "Harmony": "r{number:02d}c{column:02d}f{field:02d}p01-ch{channel}sk1fk1fl1.tiff",
    "Harmony, short": "{prefix}r{number:02d}c{column:02d}f{field:02d}.tif",
    "InCell": "{row} - {column:02d}(fld {field} wv DAPI - DAPI).tif",
    "InCell, padded": "{row} - {column}(fld {field:02d} wv Cy3 - Cy3 z 1).tif",
    "CellVoyager": "{prefix}{row}{column:02d}_T0001F{field:03d}L01A02Z03C04.tif",
    "OME-Zarr": "plates/one.zarr/{row}/{column}/{field}",
}
PREFIX = st.sampled_from(["", "plate_", "2026-11-29_AB12_plate 7_", "AssayPlate_X_"])


@pytest.mark.parametrize("way", WAYS)
@given(
    number=ROW,
    column=COLUMN,
    field=FIELD,
    channel=CHANNEL,
    prefix=PREFIX,
    data=st.data(),
)
def test_every_well_and_field_is_read(
    way: str, number: int, column: int, field: int, channel: int, prefix: str, data
) -> None:
    row = ROWS[number - 1]
    told = WAYS[way].format(
        row=row,
        number=number,
        column=column,
        field=field,
        channel=channel,
        prefix=prefix,
    )
    folder = data.draw(st.sampled_from(["", "../images/", "C:\\plates\\r09c09f09\\"]))
    if way != "OME-Zarr":
        told = folder + told
    assert position_of(told) == Position(f"{row}{column:02d}", str(field)), told


@given(st.text())
def test_of_any_name_there_is_a_well_or_none(name: str) -> None:
    well, field = position_of(name)
    assert re.fullmatch(r"(A?[A-Z]\d\d)?", well) and re.fullmatch(r"[0-9]*", field)
    assert well or not field


@pytest.mark.parametrize(
    "name",
    [
        *("cells.tif", "C05_treated.png", "image_s3.tif", "r2_control.tif", "a1.png"),
        *("r00c05f01.tif", "r33c05f01.tif", "plate_A00_s1.tif", "plate_A49_s1.tif"),
        *("colour02c05f01.tif", "rubber02c05f01x.tif", "sA01_s1x.tif", "AG01_s1.tif"),
        *("welling E.tif", "A - 01.tif", "slide.zarr/0", "plate.zarr/labels/0"),
    ],
)
def test_other_names_tell_nothing(name: str) -> None:
    assert position_of(name) == Position()


@pytest.mark.parametrize(
    ("name", "well", "field"),
    [
        ("well E1.tif", "E01", ""),
        ("Well_h12_treated.tif", "H12", ""),
        ("plate_B03_w2.tif", "B03", ""),
        ("r02c05f01", "B05", "1"),
        ("A - 01(fld 1 wv DAPI - DAPI).tif", "A01", "1"),
        ("R02C05F0012p02-ch1.tiff", "", ""),
    ],
)
def test_some_names(name: str, well: str, field: str) -> None:
    assert position_of(name) == (well, field)
