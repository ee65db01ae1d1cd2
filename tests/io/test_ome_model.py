"""Metadata of OME-Zarr: what is written the models read, what is read fits them."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.io.ome_model import (
    axes_in_file,
    image_attributes,
    image_of,
    label_attributes,
    labels_attributes,
    natural,
    plate_attributes,
    plate_of,
    well_attributes,
    well_of,
)
from napari_pmrnet.io.space import Space

yaozarrs = pytest.importorskip("yaozarrs")

SPACES = st.sampled_from(["yx", "zyx", "tyx", "tzyx"])
STEPS = st.floats(0.01, 100)


@given(
    st.lists(
        st.tuples(st.sampled_from("ABZ"), st.integers(1, 48).map(str)),
        min_size=1,
        max_size=9,
    )
)
def test_what_is_written_is_what_the_model_reads(places) -> None:
    paths = [f"{row}/{column}" for row, column in places]
    plate = yaozarrs.v04.Plate.model_validate(plate_attributes("p", paths)).plate
    assert [well.path for well in plate.wells] == list(dict.fromkeys(paths))
    for well in plate.wells:
        row, column = plate.rows[well.rowIndex].name, plate.columns[well.columnIndex]
        assert well.path == f"{row}/{column.name}"
    numbers = [int(column.name) for column in plate.columns]
    assert numbers == sorted(numbers)


@given(SPACES, st.data())
def test_an_image_that_is_written_is_read_again(axes: str, data) -> None:
    """Attributes of labels are those of an image, and more."""
    steps = data.draw(st.tuples(*[STEPS] * len(axes)))
    units = ["s" if axis == "t" else "um" for axis in axes]
    space = Space.of(axes, steps, units, [1.5] * len(axes))
    for about in (
        image_attributes("a", "labels/a/0", space),
        label_attributes("a", "labels/a/0", space, "../../"),
    ):
        given = copy.deepcopy(about)
        model = image_of(about, axes_in_file(about, lambda _: 0))
        assert about == given, "what is read stays as it is"
        (image,) = model.multiscales
        assert [axis.name for axis in image.axes] == list(axes)
        scale, translation = image.datasets[0].coordinateTransformations
        assert tuple(scale.scale) == space.scale
        assert tuple(translation.translation) == space.translate
        assert image.datasets[0].path == "labels/a/0"


def test_plates_and_wells_that_are_written_are_read_again() -> None:
    plate = plate_of(plate_attributes("p", ["B/2", "A/10"]))
    assert [row.name for row in plate.rows] == ["A", "B"]
    assert [column.name for column in plate.columns] == ["2", "10"]
    well = well_of(well_attributes(["0", "1"]))
    assert [one.path for one in well.images] == ["0", "1"]
    assert labels_attributes(["nuclei"]) == {"labels": ["nuclei"]}


@pytest.mark.parametrize("version", ["0.9", "1", "0.55", "7"])
def test_versions_that_are_not_known_are_said_before_all_else(version: str) -> None:
    for about in (
        {"multiscales": [{"version": version}]},
        {"version": version, "multiscales": [{}]},
    ):
        with pytest.raises(ValueError, match="is not known, 0.1 to 0.5 are"):
            axes_in_file(about, lambda _: 2)


@pytest.mark.parametrize("version", ["0.1", "0.4-dev", "0.5.1", "0.5", None])
def test_versions_that_differ_in_the_last_place_are_read(version) -> None:
    about = {"multiscales": [{"version": version, "axes": ["y", "x"]}]}
    assert [axis["type"] for axis in axes_in_file(about, lambda _: 2)] == ["space"] * 2


def test_rows_and_columns_are_sorted_as_people_do() -> None:
    names = ["AA", "B", "10", "2", "A"]
    assert sorted(names, key=natural) == ["2", "10", "A", "B", "AA"]
