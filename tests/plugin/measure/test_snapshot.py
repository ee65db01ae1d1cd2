"""What is measured is a copy, and the features of a layer keep what was found."""

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_pmrnet.plugin.measure.kept import (
    keep,
    measured_of,
)
from napari_pmrnet.plugin.measure.snapshot import (
    Specimen,
    by_place,
    labels_on_show,
    measuring_all,
)
from napari_pmrnet.segmentation.predict import run_to_end


@pytest.fixture
def viewer() -> ViewerModel:
    viewer = ViewerModel()
    labels = np.zeros((20, 30), np.int32)
    labels[2:6, 2:7], labels[10:14, 10:13] = 3, 8
    viewer.add_image(10.0 * labels, name="cells", scale=(0.5, 0.25), units=("um", "um"))
    viewer.add_labels(
        labels, name="cells nuclei", scale=(0.5, 0.25), units=("um", "um")
    )
    return viewer


def measured(viewer: ViewerModel) -> tuple[Labels, pd.DataFrame, str]:
    layer = viewer.layers["cells nuclei"]
    specimen = Specimen.of(layer, viewer.layers, viewer.dims).frozen()
    steps = specimen.measuring(specimen.labels.read())
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            return layer, ended.value, specimen.unit


def test_a_specimen_is_a_copy_of_what_is_on_show(viewer) -> None:
    layer = viewer.layers["cells nuclei"]
    specimen = Specimen.of(layer, viewer.layers, viewer.dims).frozen()
    layer.data_setitem((np.array([0]), np.array([0])), 99)
    viewer.layers["cells"].data[:] = 0
    assert not (specimen.labels.read() == 99).any()
    assert specimen.channels["cells"].read().max() == 80
    assert (specimen.unit, specimen.pixel_size) == ("um", (0.5, 0.25))
    assert specimen.fault == "" and specimen.plane == "" and not specimen.maps


def test_measurements_are_in_the_units_of_the_layer(viewer) -> None:
    _, table, unit = measured(viewer)
    assert unit == "um" and list(table.index) == [3, 8]
    assert table["area"].tolist() == pytest.approx([20 / 8, 12 / 8])
    assert table["intensity cells"].tolist() == [30, 80]
    assert not table["reviewed"].any() and table["certainty"].isna().all()


def test_of_a_stack_the_plane_on_show_is_measured() -> None:
    stack = np.zeros((5, 8, 9), np.int32)
    stack[3] = 7
    layer = Labels(stack, scale=(2, 1, 1))
    assert labels_on_show(layer, (6, 0, 0)).place == (3,)
    assert (labels_on_show(layer, (6, 0, 0)).read() == 7).all()
    assert labels_on_show(layer, (99, 0, 0)).place == (4,)


def test_all_planes_of_a_stack_are_measured() -> None:
    stack = np.zeros((3, 20, 30), np.int32)
    stack[0, 2:6, 2:7], stack[0, 10:14, 10:13], stack[2, 4:9, 4:9] = 1, 2, 1
    known = pd.DataFrame({"index": [1, 2], "certainty": [0.9, 0.8]})
    viewer = ViewerModel()
    names = ("z", "y", "x")
    viewer.add_image(stack * [[[1.0]], [[2.0]], [[3.0]]], name="s", axis_labels=names)
    layer = viewer.add_labels(stack, name="s nuclei", features=known, axis_labels=names)
    every = Specimen.of_all(layer, viewer.layers, viewer.dims)
    frozen = {place: one.frozen() for place, one in every.items()}
    layer.data[:] = 5
    table = run_to_end(measuring_all(frozen))
    assert table.index.tolist() == [1, 2, 1]
    assert table["axis 0"].tolist() == [0, 0, 2]
    assert table["area"].tolist() == [20, 12, 25]
    assert table["intensity s"].tolist() == [1, 2, 3]
    assert table["certainty"].tolist() == [0.9, 0.8, 0.9]
    keep(layer, table, "pixel", (1.0, 1.0))
    assert measured_of(layer)[0] is table and layer.features.equals(known)
    assert [part.index.tolist() for part in by_place(table).values()] == [[1, 2], [1]]


def test_height_and_width_in_two_units_make_an_area_of_one() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[2:6, 2:7] = 3
    place = {"scale": (500, 0.5), "units": ("nm", "um"), "translate": (2000, 3)}
    viewer = ViewerModel()
    viewer.add_labels(labels, name="cells nuclei", **place)
    _, table, unit = measured(viewer)
    assert unit == "um" and table["area"].tolist() == pytest.approx([20 / 4])
    assert table["centroid_y"].tolist() == pytest.approx([2 + 3.5 / 2])
    assert table["centroid_x"].tolist() == pytest.approx([3 + 4 / 2])
