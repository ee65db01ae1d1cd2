"""Labels from the dock to a file, and the pixel size that goes with them."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import tifffile
from napari.layers import Image, Labels
from qtpy.QtWidgets import QFileDialog

from napari_pmrnet.io.images import read_image
from napari_pmrnet.plugin.layers.label_export import default_path
from napari_pmrnet.plugin.layers.source_image import tie


@pytest.fixture
def answer(monkeypatch):
    """Answer the file dialog; gives what it proposed."""
    asked = {}

    def set_answer(path):
        def get(parent, title, proposed, *rest):
            asked["proposed"] = proposed
            return str(path), ""

        monkeypatch.setattr(QFileDialog, "getSaveFileName", get)
        return asked

    return set_answer


def test_export_writes_corrections_and_calibration(
    open_dock, run_and_wait, blobs, tmp_path, answer, qtbot
):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells.tif")
    dock.image_panel.pixel_size.edit.setText("0.5 x 0.25")
    dock.image_panel.pixel_size.unit.set_value("micrometer")
    run_and_wait(dock)
    labels = viewer.layers["cells.tif nuclei"]
    assert tuple(labels.scale) == (0.5, 0.25)
    labels.data_setitem((np.array([0]), np.array([0])), 300)

    target = tmp_path / "out.tif"
    asked = answer(target)
    dock.run_panel.export_button.click()
    qtbot.waitUntil(lambda: "Written to" in dock.status.text.text())
    assert asked["proposed"].endswith("cells_labels.tif")
    assert str(target) in dock.status.text.text()
    (back,) = read_image(target)
    assert back.data.dtype == np.uint16
    assert np.array_equal(back.data, labels.data)
    assert back.space.scale == pytest.approx((0.5, 0.25))
    with tifffile.TiffFile(target) as tiff:
        description = tiff.pages[0].description
    assert "0" * 64 in description
    assert "probability_threshold" in description


def test_export_that_fails_says_why(
    open_dock, run_and_wait, blobs, tmp_path, answer, qtbot
):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    run_and_wait(dock)
    answer(tmp_path / "missing" / "out.tif")
    dock.run_panel.export_button.click()
    qtbot.waitUntil(lambda: dock.status.text.property("tone") == "error")
    assert "out.tif" in dock.status.text.text()
    assert not list(tmp_path.rglob("*.tif*"))
    assert dock.run_panel.run_button.isEnabled()


def test_the_selected_labels_are_exported(open_dock, run_and_wait, blobs):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    run_and_wait(dock)
    other = viewer.add_labels(np.zeros((4, 4), int), name="mine")
    assert dock.labels_to_export() == other
    viewer.layers.selection.active = viewer.layers["cells"]
    assert dock.labels_to_export() == viewer.layers["cells nuclei"]


@pytest.mark.parametrize(
    ("name", "file"),
    [("a/b: c", "a_b_ c_labels.tif"), ("cells.TIFF", "cells_labels.tif")],
)
def test_default_name_is_a_file_name(name, file, tmp_path):
    layer = Labels(np.zeros((2, 2), int), name=name)
    assert default_path(layer, tmp_path) == tmp_path / file


def test_the_file_is_named_after_what_the_image_is_called_now(tmp_path):
    image = Image(np.zeros((2, 2)), name="cells")
    labels = Labels(np.zeros((2, 2), int), name="cells nuclei")
    tie(labels, image)
    assert default_path(labels, tmp_path).name == "cells_labels.tif"
    image.name = "tissue"
    assert default_path(labels, tmp_path).name == "tissue_labels.tif"
    del image
    gc.collect()
    assert default_path(labels, tmp_path).name == "cells_labels.tif"
