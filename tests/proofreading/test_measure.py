"""Measurements against shapes whose size is known."""

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import regionprops_table

from napari_pmrnet.errors import DataError
from napari_pmrnet.proofreading.intensities import Options
from napari_pmrnet.proofreading.measure import (
    at_place,
    count_pixels,
    measure,
    measure_boxes,
    measure_steps,
    totals,
    write_table,
)


def rectangles() -> np.ndarray:
    labels = np.zeros((30, 40), np.int32)
    labels[2:8, 4:24], labels[12:22, 10:20] = 4, 9
    return labels


def test_sizes_are_in_the_units_of_the_pixels() -> None:
    labels = rectangles()
    table = measure(labels, {"DAPI": labels * 10.0}, (0.5, 0.25))
    assert table.index.tolist() == [4, 9]
    assert table.loc[4, "area"] == 120 * 0.125
    assert table.loc[4, "diameter"] == pytest.approx(np.sqrt(4 / np.pi * 15))
    assert table.loc[4, "centroid_y"] == 4.5 * 0.5
    assert table.loc[4, "centroid_x"] == 13.5 * 0.25
    assert table["solidity"].tolist() == [1, 1]
    assert table["intensity DAPI"].tolist() == [40, 90]
    square = measure(labels, pixel_size=(1, 1)).loc[9, "eccentricity"]
    assert square == pytest.approx(0, abs=1e-6)
    assert measure(labels, pixel_size=(1, 2)).loc[9, "eccentricity"] > 0.5


def test_pixels_that_are_no_numbers_do_not_count() -> None:
    labels = rectangles()
    image = labels * 10.0
    image[2, 4:9], image[labels == 9] = np.nan, np.inf
    intensities = measure(labels, {"DAPI": image})["intensity DAPI"]
    assert intensities[4] == 40 and np.isnan(intensities[9])


def test_review_is_joined_by_label() -> None:
    review = pd.DataFrame({"certainty": [0.9, 0.2]}, index=[9, 4])
    assert measure(rectangles(), review=review)["certainty"].tolist() == [0.2, 0.9]


def test_another_shape_is_refused() -> None:
    with pytest.raises(DataError, match="'red' has"):
        measure(rectangles(), {"red": np.zeros((4, 4))})


def test_a_negative_label_is_refused() -> None:
    with pytest.raises(DataError, match="label -9 is negative"):
        measure(-rectangles())


def test_huge_labels_cost_no_memory() -> None:
    labels = rectangles().astype(np.int64) << 40
    assert measure(labels).index.tolist() == [4 << 40, 9 << 40]
    assert count_pixels(labels).to_dict() == {4 << 40: 120, 9 << 40: 100}


def test_boxes_give_what_the_whole_gives() -> None:
    labels = rectangles()
    labels[3, 22:30] = 9
    image = np.random.default_rng(0).random(labels.shape)
    boxes = [(9, np.s_[3:22, 10:30]), (4, np.s_[2:8, 4:24]), (7, np.s_[0:2, 0:2])]
    readers = {"DAPI": lambda box: image[box]}
    some = measure_boxes(labels, boxes, readers, (0.5, 0.25))
    whole = measure(labels, {"DAPI": image}, (0.5, 0.25))
    pd.testing.assert_frame_equal(some.sort_index(), whole)
    none = measure_boxes(labels, [], readers)
    assert none.empty and list(none) == list(whole)


def test_measuring_stops_on_the_way() -> None:
    labels = np.kron(np.arange(101), np.ones((3, 3), int))
    assert list(measure_steps(labels)) == [(50, 100), (100, 100)]


def test_no_nuclei_make_an_empty_table() -> None:
    table = measure(np.zeros((5, 5), np.int32), {"DAPI": np.zeros((5, 5))})
    assert table.empty and "intensity DAPI" in table


def test_totals_without_and_with_the_doubtful() -> None:
    table = pd.DataFrame(
        {
            "area": [10.0, 20.0, 40.0, 80.0],
            "certainty": [0.9, 0.4, 0.1, np.nan],
            "reviewed": [False, True, False, False],
        }
    )
    found = totals(table)
    assert found["count"] == (4, 2, 4) and found["area"] == (150, 30, 150)
    assert totals(table, doubtful=0.05)["count"].least == 3
    assert totals(table.drop(columns="reviewed"))["count"].least == 1


def test_the_table_says_its_units(tmp_path: Path) -> None:
    path = write_table(tmp_path / "nuclei", measure(rectangles()), "um")
    head, first, _ = path.read_text().splitlines()
    assert path.suffix == ".csv" and first.startswith("4,120,")
    assert head.startswith("label,area [um^2],diameter [um],eccentricity,solidity")
    back = pd.read_csv(path, index_col="label")
    assert back.loc[9, "centroid_x [um]"] == 14.5


def test_centroids_are_where_the_viewer_shows_them() -> None:
    table = measure(rectangles(), pixel_size=(0.5, 0.25))
    moved = at_place(table, (0.5, -0.25), (100, 50))
    assert moved["centroid_y"].tolist() == (100 + table["centroid_y"]).tolist()
    assert moved["centroid_x"].tolist() == (50 - table["centroid_x"]).tolist()
    rest = ["area", "diameter", "solidity"]
    pd.testing.assert_frame_equal(moved[rest], table[rest])


@pytest.mark.parametrize("size", [(0, 1), (-1, 1), (1, np.nan), (np.inf, 1)])
def test_a_pixel_without_an_area_is_refused(size: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="has no area"):
        measure(rectangles(), pixel_size=size)


def test_places_far_from_the_origin_keep_their_digits(tmp_path: Path) -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[4:9, 5:13] = 1
    table = at_place(measure(labels, pixel_size=(0.1, 0.1)), (1, 1), (123456.7, 98765))
    read = pd.read_csv(write_table(tmp_path / "a", table, "um"), index_col="label")
    assert read["centroid_y [um]"].item() == pytest.approx(123457.3, abs=1e-6)
    assert read["centroid_x [um]"].item() == pytest.approx(98765.85, abs=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.sampled_from([0.1, 1.0, 3.7]), st.sampled_from([0.1, 1.0])),
)
def test_shapes_are_those_of_scikit_image(seed: int, size: tuple) -> None:
    """Of labels that touch, have holes and pieces, lie at the border, are a pixel."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 5, (9, 11)) * (rng.random((9, 11)) < 0.8)
    labels = np.kron(labels, np.ones(rng.integers(1, 4, 2), int))
    found = measure(labels, pixel_size=size)
    names = {
        "area": "area",
        "eccentricity": "eccentricity",
        "solidity": "solidity",
        "centroid_y": "centroid-0",
        "centroid_x": "centroid-1",
        "major_axis": "axis_major_length",
        "minor_axis": "axis_minor_length",
        "feret": "feret_diameter_max",
    }
    columns = {name.split("-")[0] for name in names.values()}
    table = regionprops_table(labels, spacing=size, properties=("label", *columns))
    assert found.index.tolist() == table["label"].tolist()
    for name, other in names.items():
        assert found[name].to_numpy() == pytest.approx(table[other], abs=1e-9), name


def test_a_long_label_takes_no_memory() -> None:
    labels = np.zeros((4, 6000), np.int32)
    labels[1:3, 5:5990] = 1
    tracemalloc.start()
    table = measure(labels)
    assert tracemalloc.get_traced_memory()[1] < 1 << 26
    tracemalloc.stop()
    assert table["feret"].item() == pytest.approx(5985, rel=1e-3)


@pytest.mark.parametrize("kind", [complex, object, "U3", "datetime64[s]"])
def test_channels_without_a_mean_are_refused(kind: object) -> None:
    labels = np.ones((4, 5), np.int32)
    with pytest.raises(DataError, match="channel 'odd' has values of type"):
        measure(labels, {"odd": np.zeros((4, 5)).astype(kind)})


def bar(angle: float, size: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """A bar of 40 x 8 units, turned counter-clockwise by an angle in degrees."""
    half = 30
    y, x = np.meshgrid(
        np.arange(-half, half, size[0]), np.arange(-half, half, size[1]), indexing="ij"
    )
    turn = np.radians(angle)
    along = x * np.cos(turn) - y * np.sin(turn)
    across = x * np.sin(turn) + y * np.cos(turn)
    return ((abs(along) <= 20) & (abs(across) <= 4)).astype(np.int32)


@pytest.mark.parametrize("angle", [0, 20, 45, 90, 110, 179])
@pytest.mark.parametrize("size", [(1.0, 1.0), (0.5, 0.5), (0.5, 1.0)])
def test_a_turned_bar(angle: float, size: tuple[float, float]) -> None:
    found = measure(bar(angle, size), pixel_size=size).iloc[0]
    off = (found["orientation"] - angle + 90) % 180 - 90
    assert abs(off) < 2 and 0 <= found["orientation"] < 180
    assert found["feret"] == pytest.approx(np.hypot(40, 8), rel=0.06)
    assert found["major_axis"] == pytest.approx(4 * 40 / np.sqrt(12), rel=0.06)
    assert found["minor_axis"] == pytest.approx(4 * 8 / np.sqrt(12), rel=0.2)
    assert found["perimeter"] == pytest.approx(96, rel=0.1)
    formed = 4 * np.pi * found["area"] / found["perimeter"] ** 2
    assert found["circularity"] == pytest.approx(formed)


def test_a_disc_is_a_circle_at_any_size() -> None:
    for radius in (3, 6, 15, 40):
        y, x = np.ogrid[-50:51, -50:51]
        disc = (y**2 + x**2 <= (radius + 0.5) ** 2).astype(int)
        assert measure(disc)["circularity"].item() == pytest.approx(1, abs=0.06)


def test_an_orientation_is_as_a_mirrored_layer_shows_it() -> None:
    table = measure(bar(20))
    once, twice = at_place(table, (-1, 1), (0, 0)), at_place(table, (-1, -1), (0, 0))
    assert once["orientation"].item() == pytest.approx(160, abs=1)
    assert twice["orientation"].item() == pytest.approx(20, abs=1)


def test_a_nucleus_of_one_pixel_is_measured() -> None:
    one = np.zeros((5, 5), int)
    one[2, 2] = 7
    found = measure(one, {"DAPI": one * 3.0}, options=Options(ring=1)).loc[7]
    assert np.isfinite(found.to_numpy(float)).all()
    assert found["sd intensity DAPI"] == 0 and found["ring 1 px intensity DAPI"] == 0


def test_columns_of_before_keep_their_place_and_new_ones_follow() -> None:
    image = {"DAPI": np.random.default_rng(0).random((30, 40))}
    table = measure(rectangles(), image, options=Options(2, True))
    assert list(table)[:6] == [
        *("area", "diameter", "eccentricity", "solidity"),
        *("centroid_y", "centroid_x"),
    ]
    plain = measure(rectangles(), image)["intensity DAPI"]
    base = np.median(image["DAPI"][rectangles() == 0])
    corrected = table["intensity DAPI minus background"]
    pd.testing.assert_series_equal(corrected, plain - base, check_names=False)


def test_every_length_and_angle_has_its_unit_in_the_file(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a", measure(rectangles()), "um")
    head = path.read_text().splitlines()[0].split(",")
    for name in ("perimeter", "major_axis", "minor_axis", "feret"):
        assert f"{name} [um]" in head
    assert "orientation [deg]" in head and "circularity" in head
