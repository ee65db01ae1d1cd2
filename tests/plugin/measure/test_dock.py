"""Measuring and exporting in a real viewer; files are read back by other libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import roifile
import tifffile
from mouse import click, drag
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog

from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.layers.overlay import rims
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.results import Results
from napari_pmrnet.plugin.layers.review_session import ReviewSession
from napari_pmrnet.plugin.measure import snapshot
from napari_pmrnet.plugin.measure.classes import ABOVE, BELOW, classes_of
from napari_pmrnet.plugin.measure.dock import OUTLINE
from napari_pmrnet.plugin.measure.export import FORMATS, TRACKS, proposed_path
from napari_pmrnet.plugin.measure.formatting import head_of, listed, summary
from napari_pmrnet.plugin.measure.kept import (
    keep,
    measured_of,
    with_flags,
)
from napari_pmrnet.plugin.measure.panel import MeasurePanel
from napari_pmrnet.plugin.measure.snapshot import (
    Specimen,
)
from napari_pmrnet.plugin.measure.table import MeasurementsView, cell_text
from napari_pmrnet.proofreading import journal as journal_module
from napari_pmrnet.proofreading.classes import Classes
from napari_pmrnet.proofreading.intensities import Options
from napari_pmrnet.proofreading.measure import Range, measure
from napari_pmrnet.proofreading.origin import begin_review

from ..review.conftest import found

SHIFT = Qt.KeyboardModifier.ShiftModifier
MICRON = {"scale": (0.5, 0.5), "units": ("um", "um")}


def squares() -> np.ndarray:
    """Nuclei 2 and 5 of 6 x 8 and 10 x 10 pixels."""
    labels = np.zeros((40, 50), np.int32)
    labels[4:10, 5:13], labels[20:30, 30:40] = 2, 5
    return labels


def channels_of(viewer: ViewerModel, layer: Labels) -> dict[str, np.ndarray]:
    specimen = Specimen.of(layer, viewer.layers, viewer.dims)
    return {name: pixels.read() for name, pixels in specimen.channels.items()}


@pytest.fixture
def aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where journals of images without a file go."""
    monkeypatch.setattr(journal_module, "user_data_path", lambda name: tmp_path / name)
    return tmp_path


@pytest.fixture
def open_dock(make_napari_viewer_proxy, manifest, qtbot):
    """Open the dock in a viewer that `fill` has put layers into."""

    def open_(fill: Any, **options: Any) -> tuple[Any, Any]:
        viewer = make_napari_viewer_proxy(**options)
        fill(viewer)
        _, dock = viewer.window.add_plugin_dock_widget(
            "napari-pmrnet", "Measure nuclei"
        )
        qtbot.waitUntil(lambda: settled(dock.panel))
        return viewer, dock

    return open_


def settled(panel: MeasurePanel) -> bool:
    """Whether nothing is under way in a panel."""
    busy = panel._counter._runner.is_running or panel._working.is_running
    return not busy and not panel._timer.isActive()


def run(panel: MeasurePanel, qtbot: Any) -> None:
    """Press Measure and wait for the end."""
    panel.button.click()
    qtbot.waitUntil(lambda: settled(panel))


def plain_labels(viewer: Any) -> None:
    viewer.add_image(squares() * 10.0, name="cells", **MICRON)
    viewer.add_labels(squares(), name="cells truth", **MICRON)


def test_channels_of_every_kind_of_image() -> None:
    values = np.arange(2000, dtype=np.float32).reshape(40, 50)
    viewer = ViewerModel()
    labels = viewer.add_labels(squares(), name="nuclei")
    assert (
        "There is no image layer"
        in Specimen.of(labels, viewer.layers, viewer.dims).fault
    )
    viewer.add_image(values, name="DAPI")
    assert list(channels_of(viewer, labels)) == ["DAPI"]

    viewer = ViewerModel()
    rgb = np.stack([values, values + 1, values + 2, values], axis=-1).astype(np.uint8)
    viewer.add_image(rgb, rgb=True)
    labels = viewer.add_labels(squares())
    found = channels_of(viewer, labels)
    assert list(found) == ["red", "green", "blue"]
    assert (found["green"] == rgb[..., 1]).all()

    viewer = ViewerModel()
    stack = np.stack([values, values * 2, values * 3])
    viewer.add_image(stack, axis_labels=("c", "y", "x"))
    labels = viewer.add_labels(squares())
    found = channels_of(viewer, labels)
    assert list(found) == ["channel 0", "channel 1", "channel 2"]
    assert (found["channel 2"] == stack[2]).all()


def test_an_image_of_another_shape_is_named_and_shape_is_still_measured() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((7, 9)), name="other")
    labels = viewer.add_labels(squares(), name="nuclei")
    specimen = Specimen.of(labels, viewer.layers, viewer.dims)
    assert specimen.channels == {}
    assert "No image layer has the shape of 'nuclei' (40 x 50)" in specimen.fault


def test_one_plane_of_a_stack_and_the_finest_level() -> None:
    viewer = ViewerModel()
    planes = np.stack([squares(), squares().T.copy().reshape(40, 50)])
    viewer.add_image(planes * 3.0, name="stack", axis_labels=("z", "y", "x"))
    stack = viewer.add_labels(planes, name="stack nuclei", axis_labels=("z", "y", "x"))
    viewer.dims.set_point(0, 1)
    specimen = Specimen.of(stack, viewer.layers, viewer.dims)
    assert specimen.plane == "z=1"
    assert (specimen.labels.read() == planes[1]).all()
    assert (specimen.channels["stack"].read() == planes[1] * 3).all()

    levels = viewer.add_labels([squares(), squares()[::2, ::2]], multiscale=True)
    specimen = Specimen.of(levels, viewer.layers, viewer.dims)
    assert (specimen.labels.read() == squares()).all()


def test_a_snapshot_is_not_painted_into() -> None:
    viewer = ViewerModel()
    layer = viewer.add_labels(squares())
    frozen = Specimen.of(layer, viewer.layers, viewer.dims).frozen()
    layer.data_setitem((np.array([0]), np.array([0])), 9)
    assert (frozen.labels.read() == squares()).all()


def test_features_keep_columns_of_others() -> None:
    layer = Labels(squares(), **MICRON)
    layer.features = pd.DataFrame({"index": [5, 2, 7], "class": ["b", "a", "c"]})
    flags = pd.DataFrame({"certainty": [0.25]}, index=[5])
    table = with_flags(measure(squares(), pixel_size=(0.5, 0.5)), flags)
    for _ in range(2):
        keep(layer, table, "um", (0.5, 0.5))
    features = layer.features
    assert features.columns[0] == "index" and features["index"].tolist() == [2, 5]
    assert features["class"].tolist() == ["a", "b"]
    assert features["area"].tolist() == [48, 100]
    assert features["area [um^2]"].tolist() == [12, 25]
    assert not features["reviewed"].any()
    again, unit = measured_of(layer)
    assert unit == "um"
    pd.testing.assert_frame_equal(again, table, check_names=False)
    keep(layer, table, "nm", (0.5, 0.5))
    assert "area [um^2]" not in layer.features and measured_of(layer)[1] == "nm"


def test_totals_in_words() -> None:
    totals = {
        "count": Range(312, 291, 312),
        "area": Range(420000.0, 400000.0, 420000.0),
    }
    words = "312 nuclei (291 to 312), 0.420 mm² (0.400 to 0.420)"
    assert summary(totals, "um", True) == words
    assert summary(totals, "um", False) == "312 nuclei, 0.420 mm²"
    assert summary(totals, "pixel", False) == "312 nuclei, 420,000 px²"
    one = {"count": Range(1, 1, 1), "area": Range(12.5, 12.5, 12.5)}
    assert summary(one, "um", True) == "1 nucleus, 12.5 µm²"
    assert head_of("area", "um")[0] == "Area (µm²)"
    assert head_of("intensity red", "um")[0] == "Mean red"
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"
    assert [cell_text(v) for v in (np.True_, 3, np.nan, 12.0, 4095.5)] == [
        "yes",
        "3",
        "-",
        "12.00",
        "4096",
    ]


def test_labels_made_elsewhere_are_measured(open_dock, qtbot) -> None:
    viewer, dock = open_dock(plain_labels)
    panel = dock.panel
    assert panel.totals.text() == "2 nuclei, 37.0 µm²"
    assert "certainty of these nuclei is not known" in panel.hint.text()
    assert dock.table.measurements.rowCount() == 0
    run(panel, qtbot)
    features = viewer.layers["cells truth"].features
    assert features["index"].tolist() == [2, 5]
    assert features["intensity cells"].tolist() == [20, 50]
    assert features["centroid_x [um]"].tolist() == [4.25, 17.25]
    assert features["certainty"].isna().all()
    assert "Measured 2 nuclei." in dock.status.text.text()
    assert "mean of cells" in panel.hint.text()

    viewer.layers["cells truth"].data_setitem((np.array([0]), np.array([0])), 8)
    qtbot.waitUntil(lambda: panel.totals.text().startswith("3 nuclei"))
    assert "measure again" in panel.hint.text()


def test_a_turned_layer_is_said_to_be_measured_in_its_own_axes(
    open_dock, qtbot
) -> None:
    def fill(viewer: Any) -> None:
        viewer.add_labels(squares(), name="turned", affine=np.diag([0.5, 0.5, 1]))

    viewer, dock = open_dock(fill)
    run(dock.panel, qtbot)
    assert viewer.layers["turned"].features["area [pixel^2]"].tolist() == [48, 100]
    assert "without the rotation, shear or affine" in dock.status.text.text()


def test_the_table_sorts_and_leads_to_a_nucleus(open_dock, qtbot) -> None:
    viewer, dock = open_dock(plain_labels)
    run(dock.panel, qtbot)
    model, layer = dock.table.measurements, viewer.layers["cells truth"]
    zoom = camera_of(viewer).zoom
    dock.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert [model.label(row) for row in range(2)] == [5, 2]
    dock.table.selectRow(0)
    assert layer.selected_label == 5
    assert camera_of(viewer).center[-2:] == pytest.approx((24.5 * 0.5, 34.5 * 0.5))
    assert camera_of(viewer).zoom == zoom
    layer.selected_label = 2
    assert dock.table.currentIndex().row() == 1
    dock.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert dock.table.currentIndex().row() == 0 and layer.selected_label == 2


def test_many_rows_sort_with_missing_values_last(qtbot) -> None:
    view = MeasurementsView()
    qtbot.addWidget(view)
    certainty = np.random.default_rng(0).random(10_000)
    certainty[17] = np.nan
    view.show_table(pd.DataFrame({"certainty": certainty}, np.arange(1, 10_001)))
    for order in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
        view.sortByColumn(1, order)
        assert view.measurements.label(9_999) == 18
    assert view.measurements.label(0) == int(np.nanargmax(certainty)) + 1


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != TRACKS])
def test_exports_are_read_back(kind, open_dock, qtbot, tmp_path, monkeypatch) -> None:
    labels = found().labels

    def fill(viewer: Any) -> None:
        image = viewer.add_image(found().maps["probability"], name="cells", **MICRON)
        list(Results(viewer).show(image, "", found()))

    viewer, dock = open_dock(fill)
    asked = []

    def answer(parent: Any, title: str, name: str, files: str) -> tuple[str, str]:
        asked.append(name)
        return str(tmp_path / Path(name).name), files

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    dock.panel.format.setCurrentIndex(dock.panel.format.findData(kind))
    dock.panel.export_button.click()
    qtbot.waitUntil(lambda: settled(dock.panel))
    path = tmp_path / f"cells_{FORMATS[kind].suffix}"
    assert asked == [str(Path.home() / path.name)]
    assert dock.status.text.text() == f"Written to {path}"
    read = {"table": as_csv, "rois": as_rois, "geojson": as_geojson}
    read["counts"] = as_counts
    read |= {"stack": as_stack, "labels": as_label_image}
    read[kind](path, labels)
    assert proposed_path(viewer.layers["cells nuclei"], kind, tmp_path) == path


def as_csv(path: Path, labels: np.ndarray) -> None:
    table = pd.read_csv(path, index_col="label")
    pixels = np.bincount(labels.ravel())[table.index]
    assert table.index.tolist() == [1, 2]
    assert table["area [um^2]"].tolist() == (pixels * 0.25).tolist()
    assert table["intensity cells"].tolist() == pytest.approx([0.9, 0.9])
    assert table["certainty"].tolist() == [0.9, 0.9]
    assert not table["edited"].any()


def as_counts(path: Path, labels: np.ndarray) -> None:
    (row,) = pd.read_csv(path).to_dict("records")
    assert (row["of"], row["file"], row["nuclei"]) == ("image", "cells", 2)
    assert row["certainty"] == pytest.approx(0.9)


def as_rois(path: Path, labels: np.ndarray) -> None:
    rois = {int(roi.name): roi for roi in roifile.roiread(path)}
    assert set(rois) == {1, 2}
    for label, roi in rois.items():
        rows, columns = np.nonzero(labels == label)
        assert (roi.top, roi.left) == (rows.min(), columns.min())
        assert (roi.bottom, roi.right) == (rows.max() + 1, columns.max() + 1)


def as_geojson(path: Path, labels: np.ndarray) -> None:
    nuclei = json.loads(path.read_text())["features"]
    assert [one["properties"]["name"] for one in nuclei] == ["1", "2"]
    measured = nuclei[0]["properties"]["measurements"]
    assert measured["area [um^2]"] == (labels == 1).sum() * 0.25
    assert measured["certainty"] == 0.9 and measured["reviewed"] == 0


def as_stack(path: Path, labels: np.ndarray) -> None:
    with tifffile.TiffFile(path) as tiff:
        assert tiff.imagej_metadata["Labels"] == ["labels", "certainty", "boundary"]
        pages = tiff.asarray()
    assert (pages[0] == labels).all()
    assert (pages[1] == found().maps["certainty"]).all()


def as_label_image(path: Path, labels: np.ndarray) -> None:
    assert (tifffile.imread(path) == labels).all()


def test_a_stack_of_labels_made_elsewhere_says_what_is_missing(
    open_dock, qtbot, tmp_path
) -> None:
    _, dock = open_dock(plain_labels)
    dock.panel.export(tmp_path / "pages.tif", "stack")
    qtbot.waitUntil(lambda: settled(dock.panel))
    assert "without certainty and boundary" in dock.status.text.text()
    assert (tifffile.imread(tmp_path / "pages.tif").squeeze() == squares()).all()


def test_a_file_that_cannot_be_written_is_said(open_dock, qtbot, tmp_path) -> None:
    _, dock = open_dock(plain_labels)
    dock.panel.export(tmp_path / "nuclei.png", "rois")
    qtbot.waitUntil(lambda: settled(dock.panel))
    assert "choose a name that ends in .zip" in dock.status.text.text()
    assert dock.status.text.property("tone") == "error"
    assert dock.panel.export_button.isEnabled()


def test_measuring_can_be_stopped(open_dock, qtbot, monkeypatch) -> None:
    viewer, dock = open_dock(plain_labels)

    def forever(*_: Any) -> Any:
        while True:
            yield 1, 2

    monkeypatch.setattr(snapshot, "measure_steps", forever)
    dock.panel.button.click()
    assert dock.panel.button.text() == "Stop"
    dock.panel.button.click()
    qtbot.waitUntil(lambda: settled(dock.panel))
    assert dock.status.text.text() == "Stopped."
    assert dock.panel.button.text() == "Measure"
    assert measured_of(viewer.layers["cells truth"]) is None


def test_a_removed_layer_empties_the_panel(open_dock, qtbot) -> None:
    viewer, dock = open_dock(plain_labels)
    run(dock.panel, qtbot)
    viewer.layers.remove("cells truth")
    assert dock.panel.layer is None and not dock.panel.button.isEnabled()
    assert dock.panel.totals.text() == "No labels to measure."
    qtbot.waitUntil(lambda: "was removed" in dock.status.text.text())
    assert dock.table.measurements.rowCount() == 0 and dock.layers.combo.count() == 0


def test_features_follow_edits_and_undo_while_reviewed(
    make_napari_viewer_proxy, manifest, qtbot, aside
) -> None:
    viewer = make_napari_viewer_proxy()
    image = viewer.add_image(found().maps["probability"] * 100, name="c", **MICRON)
    list(Results(viewer).show(image, "", found()))
    _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Review nuclei")
    qtbot.waitUntil(lambda: dock.session is not None)
    session, panel = dock.session, dock.measure
    layer = session.layer
    assert panel.totals.text() == "2 nuclei (1 to 2), 169 µm² (112 to 169)"
    run(panel, qtbot)
    before = layer.features.copy()
    assert before["area [um^2]"].tolist() == [450 / 4, 225 / 4]

    session.apply(session.now.split(1, [(12, 10), (12, 30)]))
    qtbot.waitUntil(lambda: settled(panel) and len(layer.features) == 3)
    assert_measured(layer, image)
    assert layer.features.set_index("index").loc[3, "edited"]
    assert panel.totals.text().startswith("3 nuclei (2 to 3)")
    session.apply(session.now.delete([2]))
    qtbot.waitUntil(lambda: settled(panel) and len(layer.features) == 2)
    assert_measured(layer, image)
    session.undo()
    session.undo()
    qtbot.waitUntil(lambda: settled(panel) and len(layer.features) == 2)
    qtbot.waitUntil(lambda: not session._describing.isActive())
    pd.testing.assert_frame_equal(layer.features, before, check_dtype=False)
    session.accept(("nucleus", 2))
    qtbot.waitUntil(lambda: panel.totals.text() == "2 nuclei, 169 µm²")


def assert_measured(layer: Labels, image: Any) -> None:
    """The features are what measuring everything anew gives."""
    kept, _ = measured_of(layer)
    fresh = measure(layer.data, {"c": np.asarray(image.data)}, (0.5, 0.5))
    pd.testing.assert_frame_equal(
        kept[list(fresh)], fresh, check_names=False, check_dtype=False
    )


def test_a_review_that_begins_later_is_followed(
    make_napari_viewer_proxy, qtbot
) -> None:
    viewer = make_napari_viewer_proxy()
    layer = viewer.add_labels(found().labels, name="nuclei")
    panel = MeasurePanel(viewer)
    qtbot.addWidget(panel)
    panel.set_layer(layer)
    qtbot.waitUntil(lambda: settled(panel))
    run(panel, qtbot)
    session = ReviewSession(layer, begin_review(layer.data))
    session.apply(session.now.delete([1]))
    qtbot.waitUntil(lambda: settled(panel) and "1 nucleus" in panel.totals.text())
    assert layer.features["index"].tolist() == [2]
    assert "measure again" not in panel.hint.text()
    session.release()
    panel.release()


def test_the_image_is_asked_for_where_it_is_not_certain(open_dock, qtbot) -> None:
    def fill(viewer: Any) -> None:
        for number, name in enumerate(("cell1", "cell10"), start=1):
            viewer.add_image(squares() * float(number), name=name)
        viewer.add_labels(squares(), name="mine")

    viewer, dock = open_dock(fill)
    assert dock.images.value() is None
    run(dock.panel, qtbot)
    assert "not certain which image 'mine' is of" in dock.status.text.text()
    assert not [name for name in viewer.layers["mine"].features if "intens" in name]
    dock.images.set_value(viewer.layers["cell10"])
    dock.images.activated.emit()
    run(dock.panel, qtbot)
    assert "intensity cell10" in viewer.layers["mine"].features
    viewer.add_labels(squares(), name="cell10_labels")
    dock.choose(viewer.layers["cell10_labels"])
    assert dock.images.value() == viewer.layers["cell10"]


def test_what_is_said_is_of_the_labels_that_are_chosen(open_dock, qtbot) -> None:
    def fill(viewer: Any) -> None:
        plain_labels(viewer)
        viewer.add_labels(squares(), name="others")

    viewer, dock = open_dock(fill)
    said = dock.status.text.text
    dock.choose(viewer.layers["cells truth"])
    run(dock.panel, qtbot)
    assert said() == "Measured 2 nuclei."
    dock.choose(viewer.layers["others"])
    assert said() == ""
    dock.panel.button.click()
    dock.choose(viewer.layers["cells truth"])
    qtbot.waitUntil(lambda: settled(dock.panel))
    assert said().startswith("Measured 2 nuclei of 'others'.")


def test_that_there_is_no_image_or_no_labels_is_said_until_there_are(
    open_dock, qtbot
) -> None:
    viewer, dock = open_dock(lambda viewer: None)
    said = dock.status.text.text
    assert said() == "Segment an image first, or open labels."
    viewer.add_labels(squares(), name="cells labels")
    qtbot.waitUntil(lambda: dock.layer is not None and settled(dock.panel))
    assert said() == ""
    run(dock.panel, qtbot)
    assert "There is no image layer" in said()
    viewer.add_image(squares() * 10.0, name="cells")
    assert "There is no image layer" not in said()
    viewer.layers.remove("cells labels")
    qtbot.waitUntil(lambda: dock.layer is None)
    assert said().startswith("'cells labels' was removed.")


def test_choosing_a_row_and_no_file_is_answered(open_dock, qtbot, monkeypatch) -> None:
    viewer, dock = open_dock(plain_labels)
    run(dock.panel, qtbot)
    dock.table.selectRow(1)
    assert dock.status.text.text().startswith("Nucleus 5 is selected")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    dock.panel.export_button.click()
    assert dock.status.text.text() == "Nothing was written: no file was chosen."


def marked(viewer: Any) -> np.ndarray:
    """The lines that outline a nucleus, sorted."""
    (layer,) = [one for one in viewer.layers if one.name == OUTLINE]
    lines = np.asarray(layer.data)
    return lines[np.lexsort(lines.reshape(-1, 4).T)] if len(lines) else lines


def rim_of(label: int) -> np.ndarray:
    lines = rims(squares() == label, (slice(0, 40), slice(0, 50)))
    return lines[np.lexsort(lines.reshape(-1, 4).T)]


def test_the_nucleus_of_the_selected_row_is_outlined(open_dock, qtbot) -> None:
    viewer, dock = open_dock(plain_labels)
    run(dock.panel, qtbot)
    assert OUTLINE not in [layer.name for layer in viewer.layers]
    for row, label in enumerate((2, 5)):
        dock.table.selectRow(row)
        qtbot.waitUntil(lambda: OUTLINE in [layer.name for layer in viewer.layers])
        assert np.allclose(marked(viewer), rim_of(label))
    layer = viewer.layers["cells truth"]
    assert np.allclose(viewer.layers[OUTLINE].scale, layer.scale)
    layer.selected_label = 2
    assert np.allclose(marked(viewer), rim_of(2))
    layer.selected_label = 77
    assert len(marked(viewer)) == 0
    dock.table.selectRow(0)
    viewer.layers.remove(layer)
    qtbot.waitUntil(lambda: OUTLINE not in [one.name for one in viewer.layers])


def test_images_in_other_layers_are_measured_if_they_show_the_same_field(
    open_dock, qtbot
) -> None:
    def fill(viewer: Any) -> None:
        plain_labels(viewer)
        viewer.add_image(squares() * 2.0, name="GFP", **MICRON)
        viewer.add_image(squares() * 2.0, name="aside", translate=(9, 0), **MICRON)
        viewer.add_image(squares() * 2.0, name="of pixels")

    viewer, dock = open_dock(fill)
    dock.images.set_value(viewer.layers["cells"])
    dock.images.activated.emit()
    run(dock.panel, qtbot)
    features = viewer.layers["cells truth"].features
    assert features["intensity GFP"].tolist() == [4, 10]
    assert not [n for n in features if "aside" in str(n) or "of pixels" in str(n)]
    assert "mean of cells and GFP" in dock.panel.hint.text()


def with_background(viewer: Any) -> None:
    viewer.add_image(squares() * 10.0 + 3, name="cells", **MICRON)
    viewer.add_labels(squares(), name="cells truth", **MICRON)


def test_rings_and_background_are_measured_if_asked_for(open_dock, qtbot) -> None:
    viewer, dock = open_dock(with_background)
    run(dock.panel, qtbot)
    dock.options.ring.setValue(3)
    dock.options.background.setChecked(True)
    assert "measure again" in dock.panel.hint.text()
    run(dock.panel, qtbot)
    assert "rings of 3 px, minus background" in dock.panel.hint.text()
    features = viewer.layers["cells truth"].features
    assert features["intensity cells minus background"].tolist() == [20, 50]
    assert features["ring 3 px intensity cells minus background"].tolist() == [0, 0]
    assert "intensity cells" not in features
    dock.options.ring.setValue(0)
    dock.options.background.setChecked(False)
    run(dock.panel, qtbot)
    features = viewer.layers["cells truth"].features
    assert features["intensity cells"].tolist() == [23, 53]
    assert not [name for name in features if "ring" in str(name)]


def test_texture_is_measured_if_asked_for(open_dock, qtbot) -> None:
    viewer, dock = open_dock(with_background)
    run(dock.panel, qtbot)
    dock.options.texture.setValue(1.0)
    assert "measure again" in dock.panel.hint.text()
    run(dock.panel, qtbot)
    assert "texture at 1 µm" in dock.panel.hint.text()
    features = viewer.layers["cells truth"].features
    assert features["texture entropy cells at 1 um"].tolist() == [0, 0]
    titles = [column.title for column in dock.table.measurements.columns]
    assert "Homogeneity cells" in titles
    dock.options.texture.setValue(0.1)
    run(dock.panel, qtbot)
    assert "Choose a distance of at least 0.5" in dock.status.text.text()
    dock.options.texture.setValue(0)
    run(dock.panel, qtbot)
    features = viewer.layers["cells truth"].features
    assert not [name for name in features if "texture" in str(name)]


def many(viewer: Any) -> None:
    labels = np.zeros((60, 90), np.int32)
    for number in range(12):
        y, x = 12 * (number // 4) + 3, 20 * (number % 4) + 3
        labels[y : y + 6, x : x + 2 + number] = number + 1
    viewer.add_image(labels * 10.0, name="cells", **MICRON)
    viewer.add_labels(labels, name="cells truth", **MICRON)


def test_brushed_points_select_nuclei_and_selected_rows_light_up(
    open_dock, qtbot
) -> None:
    viewer, dock = open_dock(many, show=True)
    layer = plain(viewer.layers["cells truth"])
    before = layer.colormap
    dock.plots_fold.button.click()
    assert dock.plots.plot is not None and dock.plots.hint.isVisible()
    run(dock.panel, qtbot)
    plot = dock.plots.plot
    qtbot.waitUntil(plot.isVisible)
    dock.plots.y_box.setCurrentIndex(dock.plots.y_box.findData("intensity cells"))
    dock.plots.y_box.activated.emit(0)
    qtbot.wait(100)
    (x0, y0), (x1, y1) = plot.place_of(2), plot.place_of(5)
    drag(plot, (x0 - 5, y0 + 5), (x1 + 5, y1 - 5))
    assert dock.table.labels == {2, 3, 4, 5}
    assert dock.status.text.text().startswith("4 nuclei are selected")
    assert sorted(plot.points.getData()[1]) == [20, 30, 40, 50]
    alpha = [np.asarray(layer.colormap.map(n)).ravel()[3] for n in (2, 5, 6)]
    assert alpha[0] == alpha[1] == 1 and alpha[2] < 0.3
    drag(plot, np.add(plot.place_of(9), -5), np.add(plot.place_of(9), 5), SHIFT)
    assert dock.table.labels == {2, 3, 4, 5, 9}
    click(plot, (plot.place_of(2)[0], plot.place_of(12)[1]))
    assert dock.table.labels == {2} and layer.colormap is before
    assert dock.status.text.text() == "No nucleus lies there."

    dock.table.selectRow(3)
    assert plot.points.getData()[1].tolist() == [40]
    dock.table.select({4, 7})
    dock.table.selected.emit()
    assert sorted(plot.points.getData()[1]) == [40, 70]
    layer.selected_label = 11
    assert plot.points.getData()[1].tolist() == [110] and layer.colormap is before


def test_fields_of_a_well_are_counted_together(open_dock, qtbot, tmp_path) -> None:
    def fill(viewer: Any) -> None:
        for name, more in (("p_A01_s1", 0), ("p_A01_s2", 30)):
            tifffile.imwrite(
                tmp_path / f"{name}.tif", (squares() + more).astype(np.uint8)
            )
            viewer.open(str(tmp_path / f"{name}.tif"), plugin="napari-pmrnet")
            viewer.add_labels(squares(), name=f"{name}_labels")

    viewer, dock = open_dock(fill)
    for name in ("p_A01_s1_labels", "p_A01_s2_labels"):
        dock.choose(viewer.layers[name])
        qtbot.waitUntil(lambda: settled(dock.panel))
        run(dock.panel, qtbot)
    choose_column(dock, "area")
    dock.classes.threshold.setValue(60)
    qtbot.waitUntil(lambda: "Well" in dock.classes.counts.text())
    assert dock.classes.counts.text() == (
        "1 positive (50 %), 1 negative (50 %)\n"
        "Well A01, 2 images: 2 positive (50 %), 2 negative (50 %)"
    )
    dock.panel.export(tmp_path / "c.csv", "counts")
    qtbot.waitUntil(lambda: settled(dock.panel))
    table = pd.read_csv(tmp_path / "c.csv")
    assert table["positive (area [pixel^2] >= 60)"].tolist() == [1, 1, 2]
    assert table["well"].tolist() == ["A01"] * 3


def choose_column(dock: Any, column: str) -> None:
    """Take a column for classes, as a user does."""
    form = dock.classes
    place = form._columns.index(column)
    form.column.setCurrentIndex(place)
    form.column.activated.emit(place)


def test_a_threshold_makes_classes_that_are_coloured_counted_and_written(
    open_dock, qtbot, tmp_path
) -> None:
    viewer, dock = open_dock(plain_labels)
    layer = plain(viewer.layers["cells truth"])
    before = layer.colormap
    assert dock.classes._columns == [""]
    run(dock.panel, qtbot)
    choose_column(dock, "intensity cells")
    assert 20 < dock.classes.threshold.value() <= 50, "between the two groups"
    head = classes_of(layer).head("um")
    assert layer.features.set_index("index")[head].to_dict() == {
        2: "negative",
        5: "positive",
    }
    qtbot.waitUntil(lambda: dock.classes.counts.text() != "")
    assert dock.classes.counts.text() == "1 positive (50 %), 1 negative (50 %)"
    for label, tone in ((5, ABOVE), (2, BELOW)):
        shown = np.round(np.asarray(layer.colormap.map(label)).ravel()[:3] * 255)
        assert tuple(shown) == tuple(int(tone[i : i + 2], 16) for i in (1, 3, 5))
    assert dock.table.measurements.columns[1].title == "Class"

    dock.classes.above.setText("GFP+")
    dock.classes.threshold.setValue(15)
    assert classes_of(layer) == Classes("intensity cells", 15, "GFP+", "negative")
    qtbot.waitUntil(lambda: "2 GFP+" in dock.classes.counts.text())
    assert [n for n in layer.features if "class (" in n] == [
        "class (intensity cells >= 15)"
    ]
    dock.panel.export(tmp_path / "a.csv", "table")
    qtbot.waitUntil(lambda: settled(dock.panel))
    written = pd.read_csv(tmp_path / "a.csv")
    assert written["class (intensity cells >= 15)"].tolist() == ["GFP+", "GFP+"]
    run(dock.panel, qtbot)
    assert layer.features["class (intensity cells >= 15)"].tolist() == ["GFP+"] * 2

    choose_column(dock, "")
    assert classes_of(layer) is None
    qtbot.waitUntil(lambda: layer.colormap is before)
    assert not [name for name in layer.features if "class (" in name]
    assert dock.classes.counts.text() == ""


def test_classes_go_by_areas_in_their_unit_and_stay_with_the_layer(
    open_dock, qtbot
) -> None:
    viewer, dock = open_dock(plain_labels)
    layer = viewer.layers["cells truth"]
    run(dock.panel, qtbot)
    choose_column(dock, "area")
    head = classes_of(layer).head("um")
    assert head.startswith("class (area [um^2] >= ") and head in layer.features
    other = viewer.add_labels(squares(), name="other")
    dock.choose(other)
    qtbot.waitUntil(lambda: settled(dock.panel))
    assert dock.classes.classes() is None
    dock.choose(layer)
    qtbot.waitUntil(lambda: settled(dock.panel))
    assert dock.classes.classes() == classes_of(layer)


def test_columns_of_others_that_look_alike_stay(open_dock, qtbot) -> None:
    viewer, dock = open_dock(plain_labels)
    layer = viewer.layers["cells truth"]
    mine = {"index": [2, 5], "class": ["a", "b"], "max age": [3, 4], "ring": [0, 1]}
    layer.features = pd.DataFrame(mine)
    run(dock.panel, qtbot)
    choose_column(dock, "intensity cells")
    run(dock.panel, qtbot)
    for name, values in mine.items():
        assert layer.features[name].tolist() == values


def test_rows_are_copied_with_ctrl_c_and_columns_chosen(open_dock, qtbot) -> None:
    _, dock = open_dock(plain_labels)
    assert not dock.columns.isEnabled()
    run(dock.panel, qtbot)
    assert not dock.columns.boxes["Feret"].isChecked()
    dock.columns.boxes["Feret"].click()
    dock.columns.boxes["Area"].click()
    qtbot.keyClick(dock.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    head, *rows = QGuiApplication.clipboard().text().splitlines()
    assert "Feret (µm)" in head and "Area" not in head and len(rows) == 2
    assert dock.status.text.text() == "Copied 2 rows, as a table."
    run(dock.panel, qtbot)
    assert dock.columns.boxes["Feret"].isChecked()
    dock.table.selectRow(0)
    dock.copy_button.click()
    assert dock.status.text.text() == "Copied 1 row, as a table."


def test_rings_follow_edits_without_talking_over_them(
    make_napari_viewer_proxy, manifest, qtbot, aside
) -> None:
    viewer = make_napari_viewer_proxy()
    image = viewer.add_image(found().maps["probability"] * 100, name="c", **MICRON)
    list(Results(viewer).show(image, "", found()))
    layer = viewer.layers["c nuclei"]
    panel = MeasurePanel(viewer)
    qtbot.addWidget(panel)
    panel.set_layer(layer)
    panel.options = options = Options(4, True)
    qtbot.waitUntil(lambda: settled(panel))
    run(panel, qtbot)
    session = ReviewSession(layer, begin_review(layer.data))
    said = []
    panel.said.connect(lambda text, tone: said.append(text))
    session.apply(session.now.delete([1]))
    qtbot.waitUntil(lambda: settled(panel) and len(layer.features) == 1)
    kept, _ = measured_of(layer)
    pixels = {"c": np.asarray(image.data)}
    fresh = measure(layer.data, pixels, (0.5, 0.5), options=options)
    pd.testing.assert_frame_equal(
        kept[list(fresh)], fresh, check_names=False, check_dtype=False
    )
    assert said == []
    session.release()
    panel.release()
