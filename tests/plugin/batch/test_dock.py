"""The dock "Segment a folder" in a real viewer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.layers import Image, Labels
from PIL import Image as Picture
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_pmrnet.batch import worklist
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.models.card import new_card
from napari_pmrnet.plugin.batch import dock as dock_module
from napari_pmrnet.plugin.batch import run as run_module
from napari_pmrnet.plugin.batch.table import COLUMNS, FOUND, FilesModel, FilesOrder
from napari_pmrnet.plugin.reader import open_layers
from napari_pmrnet.plugin.widgets import maps, preferences
from napari_pmrnet.segmentation import segment_stack
from napari_pmrnet.settings import Settings

CERTAINTIES = {"a.png": 0.9, "b.png": 0.4, "c.png": 0.7}


@pytest.fixture
def gate(core, blobs, monkeypatch) -> Event:
    """Replace the network in the batch; a run waits while the gate is cleared."""

    def segment_steps(plane, settings, model):
        result = yield from core.segment_steps(plane, settings, model)
        certainty = CERTAINTIES.get(plane.name.split(" ")[0], 0.5)
        objects = result.objects.assign(certainty=certainty)
        return replace(result, objects=objects)

    monkeypatch.setattr(segment_stack, "segment_steps", segment_steps)
    monkeypatch.setattr(run_module, "load_torch", lambda: None)
    monkeypatch.setattr(maps, "load_torch", lambda: None)
    monkeypatch.setattr(worklist, "model_with", lambda _: None)
    monkeypatch.setattr(
        "napari_pmrnet.models.load_model",
        lambda *_: SimpleNamespace(
            card=new_card(("probability",), sha256="0" * 64),
            device="cpu",
            runs_on="cpu",
        ),
    )
    return core.gate


@pytest.fixture
def folder(tmp_path, blobs) -> Path:
    """Three images and one file that is none."""
    place = tmp_path / "images"
    place.mkdir()
    for name in CERTAINTIES:
        Picture.fromarray(blobs).save(place / name)
    (place / "junk.tif").write_bytes(b"junk")
    return place


@pytest.fixture
def dock_of(make_napari_viewer_proxy, manifest, gate, qtbot, folder, tmp_path):
    """Open a viewer with the dock in it, the folders filled in."""

    def open_():
        viewer = make_napari_viewer_proxy()
        _, dock = viewer.window.add_plugin_dock_widget(
            "napari-pmrnet", "Segment a folder"
        )
        dock.folders.images.set_value(str(folder))
        dock.folders.results.set_value(str(tmp_path / "out"))
        return viewer, dock

    return open_


def column(dock, name: str) -> list[str]:
    """Text of a column of the table, as shown."""
    place = [column.title for column in COLUMNS].index(name)
    order = dock.results.order
    return [order.index(i, place).data() for i in range(order.rowCount())]


def run(dock, qtbot) -> None:
    dock.start_button.click()
    qtbot.waitUntil(dock.start_button.isEnabled)


def test_a_folder_fills_the_table(dock_of, qtbot, tmp_path):
    _, dock = dock_of()
    run(dock, qtbot)
    assert column(dock, "File") == ["a.png", "b.png", "c.png", "junk.tif"]
    assert column(dock, "Nuclei") == ["2", "2", "2", ""]
    assert column(dock, "Certainty") == ["0.90", "0.40", "0.70", ""]
    assert column(dock, "Status") == ["done", "done", "done", "failed"]
    text = dock.status.text.text()
    assert "3 segmented" in text and "1 could not be segmented" in text
    junk = dock.results.order.index(3, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "no TIFF or is damaged" in junk
    dock.results.worst_first.setChecked(True)
    assert column(dock, "File") == ["junk.tif", "b.png", "c.png", "a.png"]
    dock.results.worst_first.setChecked(False)
    assert column(dock, "File") == ["a.png", "b.png", "c.png", "junk.tif"]
    assert len(pd.read_csv(tmp_path / "out" / "summary.csv")) == 4
    run(dock, qtbot)
    assert column(dock, "Status") == ["earlier"] * 3 + ["failed"]


def test_open_in_viewer_shows_image_and_labels(dock_of, qtbot, blobs):
    viewer, dock = dock_of()
    assert not dock.results.open_button.isEnabled()
    run(dock, qtbot)
    dock.results.worst_first.setChecked(True)
    dock.results.table.selectRow(1)
    dock.results.open_button.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    image, labels = viewer.layers
    assert isinstance(image, Image) and image.name == "b"
    assert isinstance(labels, Labels) and labels.name == "b_labels"
    assert np.array_equal(image.data, blobs) and labels.data.max() == 2
    dock.results.table.selectRow(0)
    dock.results.open_button.click()
    assert "junk.tif: cannot be read" in dock.status.text.text()


def test_each_scene_of_a_file_is_a_row_and_opens_alone(dock_of, qtbot, blobs, tmp_path):
    with tifffile.TiffWriter(tmp_path / "s.ome.tif", ome=True) as tiff:
        for number, name in enumerate(("left", "right")):
            about = {"axes": "YX", "Name": name}
            tiff.write(np.roll(blobs, number, 0), metadata=about)
    viewer, dock = dock_of()
    dock.folders.images.set_value(str(tmp_path / "s.ome.tif"))
    run(dock, qtbot)
    assert column(dock, "File") == ["s.ome.tif [left]", "s.ome.tif [right]"]
    dock.results.table.selectRow(1)
    dock.results.open_button.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    image, labels = viewer.layers
    assert np.array_equal(image.data, np.roll(blobs, 1, 0))
    assert labels.name == "s_right_labels"
    dock.step(-1)
    qtbot.waitUntil(lambda: viewer.layers[-1].name == "s_left_labels")
    assert np.array_equal(viewer.layers[0].data, blobs)
    dock.folders.scene.setText("right")
    assert dock.job().scene == "right" and not dock.job().plate_labels
    run(dock, qtbot)
    assert column(dock, "File") == ["s.ome.tif [right]"]
    assert column(dock, "Status") == ["earlier"]


def test_results_of_a_plate_are_proposed_beside_it(dock_of, tmp_path):
    place = tmp_path / "p.zarr" / "A" / "1"
    place.mkdir(parents=True)
    for group in (place, place.parents[1]):
        (group / ".zgroup").write_text('{"zarr_format": 2}')
    _, dock = dock_of()
    dock.folders.results.set_value("")
    for folder in (place, place.parents[1]):
        dock.folders.images.set_value(str(folder))
        assert dock.folders.results.value() == str(tmp_path / "labels")


def test_a_zarr_folder_opens_with_its_pixel_size(make_napari_viewer_proxy, tmp_path):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    array = group.create_array("0", shape=(8, 9), dtype="u1")
    array[...] = 1
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    scale = [{"type": "scale", "scale": [0.5, 0.5]}]
    level = {"path": "0", "coordinateTransformations": scale}
    about = {"multiscales": [{"axes": axes, "datasets": [level]}]}
    group.attrs["ome"] = about
    viewer = make_napari_viewer_proxy()
    (layer,) = open_layers(viewer, tmp_path / "a.zarr")
    assert tuple(layer.scale) == (0.5, 0.5) and layer in viewer.layers


def test_cancel_keeps_what_is_finished_and_start_goes_on(
    dock_of, qtbot, gate, core, tmp_path
):
    _, dock = dock_of()
    gate.clear()
    dock.start_button.click()
    qtbot.waitUntil(lambda: "held" in dock.status.text.text())
    assert column(dock, "Status") == ["running", "waiting", "waiting", "waiting"]
    assert not dock.start_button.isEnabled()
    dock.cancel_button.click()
    qtbot.waitUntil(dock.start_button.isEnabled)
    text = dock.status.text.text()
    assert "Stopped" in text and "none finished" in text
    assert set(column(dock, "Status")) == {"waiting"}
    assert not list((tmp_path / "out").glob("*.tif"))
    gate.set()
    run(dock, qtbot)
    assert "3 segmented" in dock.status.text.text()


def test_a_dock_that_goes_away_stops_its_run(dock_of, qtbot, gate, tmp_path):
    viewer, dock = dock_of()
    gate.clear()
    dock.start_button.click()
    qtbot.waitUntil(lambda: "held" in dock.status.text.text())
    stop = dock._stop
    viewer.window.remove_dock_widget(dock)
    assert stop.is_set()
    qtbot.waitUntil(lambda: (tmp_path / "out" / "summary.csv").exists())


def test_how_the_folder_was_made_is_copied(dock_of, qtbot, core):
    _, dock = dock_of()
    dock.results.describe_button.click()
    qtbot.waitUntil(lambda: "there is no such" in dock.status.text.text())
    dock.form.fields["exclude_border"].set_value(True)
    run(dock, qtbot)
    dock.form.fields["exclude_border"].set_value(False)
    dock.results.describe_button.click()
    qtbot.waitUntil(lambda: "is on the clipboard" in dock.status.text.text())
    assert "exclude cut nuclei" in QApplication.clipboard().text()


def test_settings_and_folders_reach_the_run_and_the_command(dock_of, qtbot, core):
    _, dock = dock_of()
    fields = dock.form.fields
    fields["probability_threshold"].set_value(0.4)
    fields["exclude_border"].set_value(True)
    fields["diameter"].set_value(22.5)
    dock.folders.recursive.setChecked(True)
    dock.results.copy_button.click()
    copied = QApplication.clipboard().text()
    job = dock.job()
    assert copied == job.as_command() and "--recursive" in copied
    assert job.settings == Settings(
        probability_threshold=0.4, exclude_border=True, diameter=22.5
    )
    run(dock, qtbot)
    assert core.calls[0]["settings"] == job.settings
    assert preferences.recall().probability_threshold == 0.4


def test_what_is_missing_is_said(dock_of, qtbot, tmp_path):
    _, dock = dock_of()
    dock.folders.results.set_value("")
    dock.start_button.click()
    assert not dock.folders.results.reason.isHidden()
    assert "folder is missing" in dock.status.text.text()
    dock.folders.results.set_value(str(tmp_path / "out"))
    dock.folders.images.set_value(str(tmp_path / "empty"))
    (tmp_path / "empty").mkdir()
    run(dock, qtbot)
    assert "holds no image" in dock.status.text.text()
    dock.form.fields["diameter"].spin.setValue(1)
    dock.start_button.click()
    assert "out of bounds" in dock.status.text.text()
    assert dock.settings_panel.button.isChecked()


def test_results_are_proposed_beside_the_images(dock_of, tmp_path, folder):
    _, dock = dock_of()
    dock.folders.results.set_value("")
    dock.folders.images.set_value(str(tmp_path))
    assert dock.folders.results.value() == str(tmp_path / "labels")
    dock.folders.images.set_value(str(folder))
    assert dock.folders.results.value() == str(folder / "labels")
    dock.folders.results.set_value("/mine")
    dock.folders.images.set_value(str(tmp_path))
    assert dock.folders.results.value() == "/mine"


def test_the_contact_sheet_opens_in_the_browser(dock_of, qtbot, monkeypatch, tmp_path):
    opened = []
    monkeypatch.setattr(
        dock_module.QDesktopServices,
        "openUrl",
        lambda url: opened.append(url.toLocalFile()) or True,
    )
    _, dock = dock_of()
    dock.results.sheet_button.click()
    assert "no contact sheet yet" in dock.status.text.text() and not opened
    run(dock, qtbot)
    dock.results.sheet_button.click()
    assert opened == [str((tmp_path / "out" / "contact_sheet.html").resolve())]


def test_columns_sort_as_numbers(qapp):
    model, order = FilesModel(), FilesOrder()
    order.setSourceModel(model)
    model.show_files([Path(f"{n}.png") for n in "abc"])
    for number, count in enumerate((100, 9, 30)):
        model.update_file(number, "done", Row("x", "y", count, 0.5))
    order.sort(FOUND)
    assert [order.index(i, 1).data() for i in range(3)] == ["9", "30", "100"]


def test_stacks_are_opened_with_their_axes(
    make_napari_viewer_proxy, manifest, tmp_path
):
    data = np.zeros((3, 8, 9), np.uint8)
    tifffile.imwrite(tmp_path / "z.tif", data, imagej=True, metadata={"axes": "ZYX"})
    viewer = make_napari_viewer_proxy()
    (layer,) = open_layers(viewer, tmp_path / "z.tif")
    assert tuple(layer.axis_labels) == ("z", "y", "x")


def test_thresholds_follow_the_model(dock_of, tmp_path):
    _, dock = dock_of()
    (tmp_path / "own.safetensors").touch()
    thresholds = {"probability_threshold": 0.45}
    card = new_card(("probability",), thresholds=thresholds, sha256="0" * 64)
    (tmp_path / "own.json").write_bytes(card.to_json())
    dock.form.fields["model"].set_value(str(tmp_path / "own.safetensors"))
    assert dock.form.fields["probability_threshold"].value() == 0.45


def test_complaints_go_when_what_they_are_of_is_put_right(dock_of, tmp_path) -> None:
    _, dock = dock_of()
    said, first = dock.status.text.text, dock_module.GREETING
    assert said() == first
    dock.folders.results.set_value("")
    dock.start_button.click()
    assert said() == "A folder is missing."
    dock.folders.results.set_value(str(tmp_path / "out"))
    assert said() == first
    dock.form.fields["probability_threshold"].set_value(7)
    dock.start_button.click()
    assert "out of bounds" in said()
    dock.form.fields["probability_threshold"].set_value(0.5)
    assert said() == first
    dock.results.sheet_button.click()
    assert "no contact sheet" in said()
    dock.folders.results.set_value(str(tmp_path))
    assert said() == first


def test_opening_a_result_is_answered(dock_of, folder, qtbot, monkeypatch) -> None:
    viewer, dock = dock_of()
    dock.start()
    qtbot.waitUntil(dock.start_button.isEnabled)
    dock.results.table.selectRow(0)
    dock.results.open_button.click()
    name = dock.results.chosen().path.name
    qtbot.waitUntil(lambda: "and its labels" in dock.status.text.text())
    text = dock.status.text.text()
    assert text.startswith(f"Opened '{name}' and its labels.")
    assert "weights that made these labels are not here" in text
    monkeypatch.setattr(dock_module.QDesktopServices, "openUrl", lambda _: True)
    dock.results.sheet_button.click()
    assert dock.status.text.text() == "The contact sheet opens in the browser."


def test_a_setting_folded_out_of_sight_is_shown_before_the_run(dock_of) -> None:
    preferences.remember(Settings(flips=True, least_certainty=0.3))
    _, dock = dock_of()
    told = dock.in_use.text.text()
    assert "Average over flips" in told and "Least certainty 0.3" in told
    assert not dock.settings_panel.button.isChecked()
    dock.form.fields["flips"].set_value(False)
    assert "flips" not in dock.in_use.text.text()


def test_classes_are_counted_and_a_change_of_them_segments_nothing(
    dock_of, qtbot, core, tmp_path
) -> None:
    _, dock = dock_of()
    edit = dock.folders.classes.edit
    edit.setText("large:area [pixel^2]>=200; ; round/long:circularity>=0.9")
    assert dock.job().classes == (
        "large:area [pixel^2]>=200",
        "round/long:circularity>=0.9",
    )
    assert dock.job().as_command().count("--class") == 2
    run(dock, qtbot)
    asked = len(core.calls)
    counts = pd.read_csv(tmp_path / "out" / "counts.csv")
    assert "large (area [pixel^2] >= 200)" in counts
    edit.setText("bright:intensity GFP>=120")
    run(dock, qtbot)
    assert len(core.calls) == asked
    assert "No image has the column 'intensity GFP'" in dock.status.text.text()
    assert dock.status.tone in ("warning", "error")


def test_a_class_that_cannot_be_read_says_so_on_its_field(dock_of, qtbot) -> None:
    _, dock = dock_of()
    field = dock.folders.classes
    QTest.keyClicks(field.edit, "large")
    dock.start_button.click()
    assert "A class cannot be read" in dock.status.text.text()
    assert not field.reason.isHidden() and "NAME:COLUMN>=NUMBER" in field.reason.text()
    QTest.keyClicks(field.edit, ":area>=9")
    assert field.reason.isHidden() and dock.status.text.text() == dock_module.GREETING
    assert dock.job() is not None
