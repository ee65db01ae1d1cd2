"""The image part of the dock: plane, channel, pixel size, and what is refused."""

import json

import numpy as np
import pytest
import tifffile
from napari.layers import Labels
from plates import write_plate

from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.segment.image_panel import PixelSizeField, channel_choices
from napari_pmrnet.segmentation.plane import Plane


def test_unnamed_4d_stack_is_refused_with_the_remedy(open_dock, core):
    viewer, dock = open_dock()
    viewer.add_image(np.zeros((2, 3, 8, 8)), name="stack")
    assert not dock.image_panel.image.reason.isHidden()
    dock.run_panel.run_button.click()
    assert "'stack' has 4 axes" in dock.status.text.text()
    assert not core.calls
    viewer.dims.axis_labels = ("t", "z", "y", "x")
    assert dock.image_panel.image.reason.isHidden()


def test_colour_image_offers_its_channels(open_dock, run_and_wait, blobs, core):
    viewer, dock = open_dock()
    viewer.add_image(np.dstack([blobs] * 3), name="colour", rgb=True)
    combo = dock.image_panel.channel.combo
    assert [combo.itemText(i) for i in range(combo.count())] == [
        "All colours",
        "Red",
        "Green",
        "Blue",
    ]
    combo.setCurrentIndex(2)
    run_and_wait(dock)
    assert np.array_equal(core.images[0], blobs)
    assert core.calls[0]["settings"].channel == 1


def test_channel_axis_by_name(open_dock, run_and_wait, blobs, core):
    viewer, dock = open_dock()
    both = np.stack([np.zeros_like(blobs), blobs])
    viewer.add_image(both, name="two", axis_labels=("c", "y", "x"))
    dock.image_panel.channel.set_value(1)
    run_and_wait(dock)
    assert np.array_equal(core.images[0], blobs)
    assert viewer.layers["two nuclei"].data.max() == 2


def test_the_image_combo_follows_the_layers(open_dock, run_and_wait, blobs):
    viewer, dock = open_dock()
    first = viewer.add_image(blobs, name="first")
    viewer.add_image(blobs, name="second")
    run_and_wait(dock)
    combo = dock.image_panel.image.combo
    assert [combo.itemText(i) for i in range(combo.count())] == ["first", "second"]
    assert dock.image_panel.layer.name == "second"
    viewer.layers.remove("second")
    assert dock.image_panel.layer == first
    viewer.layers.remove("first")
    assert dock.image_panel.layer is None
    assert all(isinstance(layer, Labels) or layer.name for layer in viewer.layers)


def test_wrong_pixel_size_is_explained_and_not_written(open_dock, blobs, qtbot):
    viewer, dock = open_dock()
    image = viewer.add_image(blobs, name="cells")
    field = dock.image_panel.pixel_size
    field.edit.setText("big")
    field.edit.textEdited.emit("big")
    assert "Type one number" in field.reason.text()
    field.edit.editingFinished.emit()
    assert tuple(image.scale) == (1, 1)
    field.edit.setText("0.4")
    field.edit.editingFinished.emit()
    assert tuple(image.scale) == (0.4, 0.4)


def test_a_corrected_pixel_size_moves_nothing_on_the_canvas(open_dock, blobs):
    viewer, dock = open_dock()
    image = viewer.add_image(blobs, name="cells")
    mine = viewer.add_labels(np.zeros(blobs.shape, int), name="cells_labels")
    camera, field = camera_of(viewer), dock.image_panel.pixel_size
    camera.center, camera.zoom = (0, 20, 30), 8
    field.edit.setText("0.25")
    field.edit.editingFinished.emit()
    np.testing.assert_allclose(mine.scale, (0.25, 0.25))
    np.testing.assert_allclose(image.world_to_data(camera.center[-2:]), (20, 30))
    assert camera.zoom == pytest.approx(32)
    assert "Choose its unit" in dock.status.text.text()
    field.unit.set_value("micrometer")
    assert mine.units == image.units
    assert [str(unit) for unit in image.units] == ["micrometer"] * 2
    assert dock.status.text.text() == "Pixel size of 'cells' corrected."


def test_opened_file_brings_its_pixel_size(open_dock, blobs, tmp_path):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(
        path, blobs, imagej=True, resolution=(4, 4), metadata={"unit": "um"}
    )
    viewer, dock = open_dock()
    dock.image_panel.open([str(path)])
    assert dock.image_panel.layer.name == "cells"
    assert dock.image_panel.pixel_size.edit.text() == "0.25"
    assert dock.image_panel.pixel_size.unit.value() == "micrometer"
    viewer.layers.clear()
    assert dock.image_panel.pixel_size.edit.text() == ""
    assert dock.image_panel.pixel_size.unit.value() == "pixel"
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\0 no tiff at all")
    dock.image_panel.open([str(broken)])
    assert "broken.tif" in dock.status.text.text()
    assert not viewer.layers
    assert json.dumps(dock.form.values())


@pytest.mark.parametrize(
    ("plane", "offered"),
    [
        (None, ["The only one"]),
        (Plane([np.zeros((4, 5))]), ["The only one"]),
        (
            Plane([np.zeros((2, 4, 5))], channel_axis=0),
            ["Automatic (the first)", "Channel 0", "Channel 1"],
        ),
        (
            Plane([np.zeros((4, 5, 4))], rgb=True),
            ["All colours", "Red", "Green", "Blue"],
        ),
    ],
)
def test_channels_on_offer(plane, offered):
    choices = channel_choices(plane)
    assert [label for _, label in choices] == offered
    assert [value for value, _ in choices] == [None, *range(len(offered) - 1)]


def test_a_pixel_size_is_told_once_and_only_where_it_makes_sense(qtbot):
    field = PixelSizeField()
    qtbot.addWidget(field)
    told = []
    field.committed.connect(lambda size, unit: told.append((size, unit)))
    field.set_value((0.5, 0.25), "micrometer")
    assert field.edit.text() == "0.5 x 0.25" and told == []
    for text in ("1 x 2 x 3", "-1", "big"):
        field.edit.setText(text)
        field.edit.editingFinished.emit()
    assert told == [] and field.reason.text()
    for _ in range(2):
        field.edit.setText("0,3")
        field.edit.editingFinished.emit()
    assert told == [((0.3, 0.3), "micrometer")] and not field.reason.text()
    field.unit.set_value("nanometer")
    assert told[1:] == [((0.3, 0.3), "nanometer")]


def test_the_image_follows_the_layer_that_is_selected(open_dock, run_and_wait, blobs):
    viewer, dock = open_dock()
    one = viewer.add_image(blobs, name="one")
    other = viewer.add_image(blobs, name="other")
    run_and_wait(dock)
    assert dock.image_panel.layer == other
    viewer.layers.selection.active = one
    assert dock.image_panel.layer == one
    viewer.layers.selection.active = viewer.layers["other certainty"]
    assert dock.image_panel.layer == one, "maps are no images"
    viewer.layers.selection.active = None
    assert dock.image_panel.layer == one


def test_layers_that_come_do_not_choose_themselves(open_dock, blobs, qtbot):
    viewer, dock = open_dock()
    one = viewer.add_image(blobs, name="one")
    other = viewer.add_image(blobs, name="other")
    qtbot.wait(20)
    dock.image_panel.image.set_value(one)
    viewer.layers.selection.active = other
    dock.image_panel.image.set_value(one)
    viewer.add_labels(blobs.astype(int), name="truth")
    viewer.layers.selection.active = other
    assert dock.image_panel.layer == one
    qtbot.wait(20)
    viewer.layers.selection.active = None
    viewer.layers.selection.active = other
    assert dock.image_panel.layer == other


def test_the_diameter_is_typed_in_pixels_or_in_the_unit_of_the_image(open_dock, blobs):
    viewer, dock = open_dock()
    panel, field = dock.image_panel, dock.form.size("diameter")
    viewer.add_image(blobs, name="plain")
    assert panel.diameter_unit.isHidden()
    viewer.add_image(blobs, name="cells", scale=(0.25, 0.25), units=("um", "um"))
    assert not panel.diameter_unit.isHidden()
    field.set_value(20)
    assert field.spin.text() == "20.0 px"
    panel.diameter_unit.setCurrentIndex(1)
    assert field.spin.text() == "5.00 µm" and dock.form.settings().diameter == 20
    field.spin.setValue(6)
    assert dock.form.settings().diameter == 24
    panel.image.set_value(viewer.layers["plain"])
    assert field.spin.text() == "24.0 px" and dock.form.settings().diameter == 24
    field.set_value(None)
    assert field.spin.text() == "Auto"


def test_an_image_of_another_pixel_size_is_framed(open_dock, blobs, qtbot):
    viewer, dock = open_dock()
    if not hasattr(viewer, "canvas"):
        pytest.skip("napari before 0.9 hides the size of its canvas")
    viewer.add_image(blobs, name="first")
    qtbot.wait(20)
    small = viewer.add_image(blobs, name="small", scale=(0.01, 0.01))
    low, high = np.asarray(small.extent.world)
    qtbot.waitUntil(
        lambda: np.allclose(camera_of(viewer).center[-2:], (low + high) / 2)
    )


def test_a_zarr_is_opened_by_the_file_that_makes_it_one(open_dock, tmp_path):
    """A dialog for files gives no folders."""
    pytest.importorskip("yaozarrs")
    pixels = np.ones((40, 50), np.uint8)
    plate = write_plate(tmp_path / "p.zarr", pixels=lambda _: pixels)
    viewer, dock = open_dock()
    dock.image_panel.open([str(plate / "zarr.json")])
    dock.image_panel.open([str(plate / "B" / "12" / "0" / "zarr.json")])
    assert [layer.name for layer in viewer.layers] == ["p_A01_0", "p_B12_0"]
    assert dock.image_panel.layer.name == "p_B12_0"
    assert dock.image_panel.folder() == tmp_path
