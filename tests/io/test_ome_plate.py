"""Plates: wells and fields by their metadata, whatever is damaged on the way."""

from __future__ import annotations

import shutil
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plates import FIELDS, STEP, change, say, write_plate

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.images import open_image, read_image
from napari_pmrnet.io.ome_model import plate_attributes, well_attributes
from napari_pmrnet.io.ome_plate import fields_of

pytest.importorskip("yaozarrs")
pytest.importorskip("zarr")

NAMES = st.text(string.ascii_letters + string.digits, min_size=1, max_size=3)
PLACES = st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=8, unique=True)


def found(path: Path) -> list[tuple[str, str, str]]:
    """Wells, names of fields, and paths in the plate."""
    return [
        (one.well, one.name, one.path.relative_to(one.plate).as_posix())
        for one in fields_of(path, {})
    ]


def test_wells_and_fields_are_those_of_the_metadata(tmp_path) -> None:
    plate = write_plate(tmp_path / "p.zarr")
    expected = [("A01", "0", "A/1/0"), ("A01", "1", "A/1/1"), ("B12", "0", "B/12/0")]
    assert found(plate) == expected
    assert found(plate / "A" / "1") == expected[:2]
    assert found(plate / "B" / "12" / "0") == expected[2:]
    assert found(plate / "A") == expected[:2]
    assert found(plate / "C") == [] == found(tmp_path)


def test_the_finest_level_is_read_lazily_with_its_pixel_size(tmp_path) -> None:
    plate = write_plate(
        tmp_path / "p.zarr", pixels=lambda n: np.full((9, 8), n + 1, np.uint16)
    )
    (image,) = open_image(plate / "A" / "1" / "1")
    assert not isinstance(image.data, np.ndarray) and image.data.shape == (9, 8)
    assert image.space.scale == (STEP, STEP) and image.space.units == ("um", "um")
    assert [level.shape for level in image.coarser] == [(5, 4)]
    assert read_image(plate / "B" / "12" / "0")[0].data.max() == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=PLACES, images=st.integers(1, 3))
def test_any_names_of_rows_and_columns_stay_apart(tmp_path, places, images) -> None:
    place = tmp_path / "p.zarr"
    shutil.rmtree(place, ignore_errors=True)
    paths = [f"{row}/{column}" for row, column in places]
    say(place, plate_attributes("p", paths))
    # Where names differ in case only, a file system may hold one of them.
    for path in paths:
        say(place / path, well_attributes(map(str, range(images))))
    wells = [well for well, _, _ in found(place)]
    assert len(wells) == images * len(paths) and len(set(wells)) == len(paths)
    for well, (row, column) in zip(wells[::images], places, strict=True):
        assert well in (
            f"{row}/{column}",
            f"{row}{int(column):02d}" if column.isdigit() else "",
        )


def test_plates_of_the_first_formats_are_read(tmp_path) -> None:
    """Wells have no more than a path, acquisitions other names."""
    plate = {
        "version": "0.1",
        "acquisitions": [{"path": "0"}],
        "rows": [{"name": "A"}, {"name": "B"}],
        "columns": [{"name": "1"}, {"name": "2"}],
        "wells": [{"path": "B/2"}],
    }
    say(tmp_path / "p.zarr", {"plate": plate})
    well = {"version": "0.1", "images": [{"path": "0", "acquisition": 7}]}
    say(tmp_path / "p.zarr" / "B" / "2", {"well": well})
    assert found(tmp_path / "p.zarr") == [("B02", "0", "B/2/0")]


def test_names_of_fields_that_are_no_numbers_are_kept(tmp_path) -> None:
    say(tmp_path / "p.zarr", plate_attributes("p", ["A/1"]))
    say(tmp_path / "p.zarr" / "A" / "1", well_attributes(["left_2.b"]))
    assert found(tmp_path / "p.zarr") == [("A01", "left_2.b", "A/1/left_2.b")]


def remove_wells(about: dict) -> None:
    del about["plate"]["wells"]


def set_version(about: dict) -> None:
    about["version"] = "0.9"


def point_outside(about: dict) -> None:
    about["plate"]["wells"][0]["rowIndex"] = 7


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (remove_wells, "wells: Value should have at least 1 item"),
        (set_version, r"OME-Zarr 0\.9 is not known, 0\.1 to 0\.5 are"),
        (point_outside, "rowIndex 7"),
    ],
)
def test_a_damaged_plate_is_refused_in_a_line(tmp_path, edit, reason) -> None:
    plate = write_plate(tmp_path / "p.zarr")
    change(plate, edit)
    for read in (lambda: fields_of(plate, {}), lambda: read_image(plate)):
        with pytest.raises(DataError, match=reason) as told:
            read()
        assert str(plate) in str(told.value) and "\n" not in str(told.value)


def test_a_damaged_well_is_named_and_the_others_are_there(tmp_path) -> None:
    plate = write_plate(tmp_path / "p.zarr")
    change(plate / "A" / "1", set_version)
    assert found(plate) == [("A01", "", "A/1"), ("B12", "0", "B/12/0")]
    with pytest.raises(DataError, match=r"0\.9 is not known"):
        read_image(plate / "A" / "1")
    shutil.rmtree(plate / "A" / "1")
    assert found(plate) == [("A01", "", "A/1"), ("B12", "0", "B/12/0")]
    with pytest.raises(DataError, match="there is no such file or folder"):
        read_image(plate / "A" / "1")


def test_all_fields_of_the_test_plates_are_listed(tmp_path) -> None:
    listed = [path for _, _, path in found(write_plate(tmp_path / "p.zarr"))]
    assert listed == ["/".join(field) for field in FIELDS]
