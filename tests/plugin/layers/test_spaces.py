"""Mirrored, moved and turned layers: measured and written with their place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.map_stack import write_stack
from napari_pmrnet.plugin.layers.axes import shown_plane
from napari_pmrnet.plugin.layers.label_export import export, export_arguments, unkept
from napari_pmrnet.plugin.layers.pixel_size import pixel_size, write_size
from napari_pmrnet.plugin.layers.shapes import region_of, region_polygons
from napari_pmrnet.plugin.layers.spaces import is_turned, placed, plane_space
from napari_pmrnet.plugin.measure.kept import (
    keep,
    measured_of,
)
from napari_pmrnet.plugin.measure.snapshot import (
    Specimen,
)
from napari_pmrnet.plugin.reader import read_layers
from napari_pmrnet.plugin.writer import write_labels_layer
from napari_pmrnet.proofreading.measure import measure
from napari_pmrnet.proofreading.saved_review import (
    SavedReview,
    load_review,
    save_review,
)

MIRRORED = {"scale": (-0.5, 0.25), "translate": (100, 50), "units": ("um", "um")}


def labels() -> np.ndarray:
    """Two nuclei that are not symmetric."""
    image = np.zeros((40, 50), np.int32)
    image[4:10, 5:13], image[20:30, 30:40] = 2, 5
    return image


def measured(layer: Labels, viewer: ViewerModel) -> pd.DataFrame:
    """What the dock measures of a layer."""
    steps = Specimen.of(layer, viewer.layers, viewer.dims).measuring(layer.data)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_a_mirrored_layer_is_measured_as_it_is_seen(signs: tuple[int, int]) -> None:
    viewer = ViewerModel()
    scale = tuple(np.multiply(signs, (0.5, 0.25)))
    layer = viewer.add_labels(labels(), scale=scale, translate=(100, 50))
    table, plain = measured(layer, viewer), measure(labels(), pixel_size=(0.5, 0.25))
    for column in ("area", "diameter", "eccentricity", "solidity"):
        assert (
            np.array_equal(table[column], plain[column]) and (table["area"] > 0).all()
        )
    for label, row in table.iterrows():
        middle = np.argwhere(labels() == label).mean(axis=0)
        world = layer.data_to_world(middle)
        assert (row["centroid_y"], row["centroid_x"]) == pytest.approx(world)
    keep(layer, table, "um", (0.5, 0.25))
    assert layer.features["area"].tolist() == [48, 100]
    found = measured_of(layer)
    assert found is not None and (found[0]["area"] > 0).all()


def test_the_pixel_size_of_a_mirrored_layer_is_corrected_in_place() -> None:
    layer = Image(np.zeros((4, 6)), **MIRRORED)
    assert pixel_size(layer) == (0.5, 0.25)
    write_size([layer], (2.0, 1.0), "micrometer")
    assert layer.scale.tolist() == [-2, 1] and layer.translate.tolist() == [400, 200]


@pytest.mark.parametrize("scale", [(1, 1), (-0.5, 0.25), (0.5, -0.25)])
def test_planes_and_shapes_of_a_mirrored_layer(scale: tuple[float, float]) -> None:
    viewer = ViewerModel()
    data = np.arange(3 * 40 * 50).reshape(3, 40, 50)
    image = viewer.add_image(data, scale=(-2, *scale), axis_labels=("z", "y", "x"))
    for number in range(3):
        point = image.data_to_world((number, 0, 0))
        assert np.array_equal(shown_plane(image, point).read(), data[number])
    corners = np.array([[4, 5], [4, 12], [9, 12], [9, 5]])
    world = [image.data_to_world((0, *corner))[-2:] for corner in corners]
    shapes = viewer.add_shapes([np.array(world)], shape_type="polygon")
    region = region_of(region_polygons(shapes, image), (40, 50))
    box = tuple(
        slice(start, start + length)
        for start, length in zip(region.origin, region.inside.shape, strict=True)
    )
    inside = np.zeros((40, 50), bool)
    inside[box] = region.inside
    assert inside[5:9, 6:12].all() and inside.sum() <= 6 * 8


@pytest.mark.parametrize("axes", [("y", "x"), ("t", "y", "x")])
def test_labels_come_back_in_their_place(tmp_path: Path, axes: tuple[str, ...]) -> None:
    stacked = len(axes) == 3
    data = np.stack([labels()] * 2) if stacked else labels()
    layer = Labels(
        data,
        axis_labels=axes,
        scale=(3, -0.5, 0.25) if stacked else (-0.5, 0.25),
        translate=(6, 100, 50) if stacked else (100, 50),
        units=("s", "um", "um") if stacked else ("um", "um"),
    )
    array, keywords = export_arguments(layer)
    first = export(tmp_path / "a.tif", array, keywords)
    data, meta, _ = layer.as_layer_data_tuple()
    (second,) = write_labels_layer(str(tmp_path / "b.tif"), data, meta)
    for path in (first, second):
        ((data, meta, kind),) = read_layers(str(path))
        again = Labels(data, **meta)
        assert kind == "labels" and np.array_equal(again.data, layer.data)
        assert np.allclose(again.affine.affine_matrix, layer.affine.affine_matrix)
        assert np.allclose(again.scale, layer.scale)
        assert np.allclose(again.translate, layer.translate)


def test_a_saved_review_and_its_maps_keep_their_place(tmp_path: Path) -> None:
    layer = Labels(labels(), **MIRRORED)
    space = plane_space(layer)
    save_review(tmp_path / "r", SavedReview(labels(), labels(), space=space))
    again = Labels(labels(), **placed(load_review(tmp_path / "r").space))
    assert np.allclose(again.scale, layer.scale)
    assert np.allclose(again.translate, layer.translate)
    (image,) = read_image(write_stack(tmp_path / "m.tif", {"a": labels()}, space))
    assert image.space.translate == (100, 50) and image.space.pixel_size == (0.5, 0.25)


def test_what_files_do_not_keep_is_known() -> None:
    assert not is_turned(Labels(labels(), **MIRRORED))
    assert is_turned(Labels(labels(), rotate=30))
    assert is_turned(Labels(labels(), shear=[0.5]))
    assert is_turned(Labels(labels(), affine=np.diag([2, 2, 1])))
    assert "rotation" in unkept(Labels(labels(), rotate=30))
    assert unkept(Labels(labels(), **MIRRORED)) == ""
