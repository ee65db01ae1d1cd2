"""The dock in a real viewer, from pressing the button to layers, and back out."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtGui import QGuiApplication

from napari_pmrnet.errors import ImageError
from napari_pmrnet.models.card import new_card
from napari_pmrnet.settings import Settings

LABEL_KINDS = ["probability", "boundary", "certainty", "nuclei"]


def test_one_press_gives_labels_and_maps_over_the_image(
    open_dock, run_and_wait, blobs, core
):
    viewer, dock = open_dock()
    image = viewer.add_image(
        blobs,
        name="cells",
        scale=(0.5, 0.25),
        translate=(3, 4),
        rotate=30,
        shear=[0.2],
        units=("um", "um"),
        axis_labels=("y", "x"),
    )
    run_and_wait(dock)

    assert [la.name for la in viewer.layers[1:]] == [f"cells {k}" for k in LABEL_KINDS]
    for layer in viewer.layers[1:]:
        assert np.allclose(layer.affine.affine_matrix, image.affine.affine_matrix)
        for corner in ([0, 0], [80, 0], [0, 100]):
            assert np.allclose(layer.data_to_world(corner), image.data_to_world(corner))
        assert layer.units == image.units
        assert layer.axis_labels == ("y", "x")
    labels = viewer.layers["cells nuclei"]
    assert labels.data.dtype == np.int32
    assert labels.data.max() == 2
    assert labels.selected_label == 3
    assert labels.mode == "pan_zoom"
    assert viewer.layers.selection.active == labels
    assert labels.visible
    assert list(labels.features["index"]) == [1, 2]
    assert list(labels.features["certainty"]) == [0.9, 0.9]
    for kind in LABEL_KINDS[:3]:
        layer = viewer.layers[f"cells {kind}"]
        assert not layer.visible
        assert layer.data.dtype == np.float32
        assert tuple(layer.contrast_limits) == (0, 1)
    status = dock.status.text.text()
    assert "2 nuclei, about" in status and "across, in 0.1 s on cpu" in status
    assert "cpu" in dock.model_panel.fold.button.text()


def test_run_again_fills_the_same_layers(open_dock, run_and_wait, blobs):
    viewer, dock = open_dock()
    image = viewer.add_image(blobs, name="cells")
    run_and_wait(dock)
    before = list(viewer.layers)
    image.data = np.roll(blobs, 7, axis=1)
    run_and_wait(dock)
    assert list(viewer.layers) == before
    assert viewer.layers["cells nuclei"].data[10, 13] > 0


def test_run_again_keeps_corrected_labels(open_dock, run_and_wait, blobs):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    run_and_wait(dock)
    corrected = viewer.layers["cells nuclei"]
    corrected.data_setitem((np.array([0]), np.array([0])), 7)
    run_and_wait(dock)
    assert corrected.data[0, 0] == 7
    assert not corrected.visible
    newer = viewer.layers["cells nuclei [1]"]
    assert newer.data[0, 0] == 0
    assert "corrections are kept in 'cells nuclei'" in dock.status.text.text()


def test_cancel_leaves_no_layer(open_dock, blobs, core, qtbot):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    core.gate.clear()
    dock.run_panel.run_button.click()
    qtbot.waitUntil(lambda: bool(core.calls))
    assert not dock.run_panel.run_button.isEnabled()
    dock.run_panel.cancel_button.click()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert len(viewer.layers) == 1
    assert "Cancelled" in dock.status.text.text()


def test_renamed_image_lends_its_new_name(open_dock, blobs, core, qtbot):
    viewer, dock = open_dock()
    image = viewer.add_image(blobs, name="cells")
    core.gate.clear()
    dock.run_panel.run_button.click()
    qtbot.waitUntil(lambda: bool(core.calls))
    image.name = "tissue"
    core.gate.set()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert "tissue nuclei" in viewer.layers
    assert dock.image_panel.image.combo.currentText() == "tissue"


def test_image_removed_during_the_run(open_dock, blobs, core, qtbot):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    core.gate.clear()
    dock.run_panel.run_button.click()
    qtbot.waitUntil(lambda: bool(core.calls))
    viewer.layers.clear()
    core.gate.set()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert not viewer.layers
    assert "removed" in dock.status.text.text()


def test_input_is_a_snapshot(open_dock, blobs, core, qtbot):
    viewer, dock = open_dock()
    image = viewer.add_image(blobs.copy(), name="cells")
    core.gate.clear()
    dock.run_panel.run_button.click()
    image.data[:] = 0
    core.gate.set()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert np.array_equal(core.images[0], blobs)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ImageError("The layer 'cells' is constant. Choose another."), "is constant"),
        (RuntimeError("kernel went away"), "'cells' failed: kernel went away"),
        (MemoryError(), "out of memory"),
    ],
)
def test_error_becomes_a_sentence(open_dock, blobs, core, qtbot, error, words, caplog):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    core.error = error
    dock.run_panel.run_button.click()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert words in dock.status.text.text()
    assert "Traceback" not in dock.status.text.text()
    assert "Traceback" in caplog.text
    assert len(viewer.layers) == 1
    core.error = None
    dock.run_panel.run_button.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 5)


def test_without_an_image_it_says_so(open_dock):
    _, dock = open_dock()
    dock.run_panel.run_button.click()
    assert "Open an image" in dock.status.text.text()
    dock.run_panel.export_button.click()
    assert "no labels yet" in dock.status.text.text()


@pytest.mark.parametrize("closing", ["viewer", "dock"])
def test_closing_during_a_run_is_clean(open_dock, blobs, core, qtbot, closing):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    core.gate.clear()
    dock.run_panel.run_button.click()
    qtbot.waitUntil(lambda: bool(core.calls))
    worker = dock.session._segmenting._worker
    with qtbot.captureExceptions() as exceptions:
        if closing == "viewer":
            viewer.close()
        else:
            viewer.window.remove_dock_widget(dock)
        qtbot.waitUntil(lambda: not worker.is_running)
        core.gate.set()
        qtbot.wait(50)
    assert not exceptions
    if closing == "dock":
        assert len(viewer.layers) == 1
        viewer.layers[0].name = "renamed"
        viewer.add_image(blobs)


def test_plane_of_a_stack(open_dock, run_and_wait, blobs, core):
    viewer, dock = open_dock()
    stack = np.stack([np.zeros_like(blobs), blobs, np.zeros_like(blobs)])
    viewer.add_image(
        np.stack([stack, 0 * stack]),
        name="stack",
        scale=(1, 2, 0.5, 0.5),
        axis_labels=("t", "z", "y", "x"),
    )
    viewer.dims.set_current_step(1, 1)
    assert "plane t=0 z=1" in dock.image_panel.about.text()
    run_and_wait(dock)
    assert np.array_equal(core.images[0], blobs)
    labels = viewer.layers["stack t=0 z=1 nuclei"]
    assert labels.data.shape == blobs.shape
    assert tuple(labels.scale) == (0.5, 0.5)
    assert "on t=0 z=1" in dock.status.text.text()


def test_region_of_a_shapes_layer(open_dock, run_and_wait, blobs, core):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells", scale=(2, 2))
    shapes = viewer.add_shapes(name="part")
    dock.image_panel.areas.area.set_value(shapes)
    dock.run_panel.run_button.click()
    assert "'part' outlines nothing" in dock.status.text.text()
    shapes.add_rectangles(np.array([[0, 0], [0, 60], [60, 60], [60, 0]]))
    run_and_wait(dock)
    region = core.calls[0]["region"]
    assert region.shape == blobs.shape
    assert region.inside[:30, :30].all()
    assert region.box[0].stop <= 32


def test_thresholds_follow_the_model_until_they_are_moved(open_dock, tmp_path):
    _, dock = open_dock()
    fields = dock.form.fields
    for name, threshold in (("one", 0.45), ("other", 0.75)):
        (tmp_path / f"{name}.safetensors").touch()
        thresholds = {"probability_threshold": threshold}
        card = new_card(("probability",), thresholds=thresholds, sha256="0" * 64)
        (tmp_path / f"{name}.json").write_bytes(card.to_json())
    default = Settings()
    fields["model"].set_value(str(tmp_path / "one.safetensors"))
    assert fields["probability_threshold"].value() == 0.45
    assert fields["seed_threshold"].value() == default.seed_threshold
    fields["model"].set_value("nuclei")
    assert fields["probability_threshold"].value() == default.probability_threshold
    fields["probability_threshold"].set_value(0.3)
    fields["model"].set_value(str(tmp_path / "other.safetensors"))
    assert fields["probability_threshold"].value() == 0.3


def test_how_labels_were_made_is_copied_whatever_the_form_says_since(
    open_dock, run_and_wait, blobs
) -> None:
    viewer, dock = open_dock()
    dock.run_panel.describe_button.click()
    assert "There are no labels yet" in dock.status.text.text()
    viewer.add_image(blobs, name="cells")
    dock.form.fields["flips"].set_value(True)
    run_and_wait(dock)
    dock.form.fields["flips"].set_value(False)
    dock.run_panel.describe_button.click()
    text = QGuiApplication.clipboard().text()
    assert "napari-pmrnet" in text and "average over flips" in text
    assert "is on the clipboard" in dock.status.text.text()
    mine = viewer.add_labels((blobs > 9).astype(int), name="mine")
    viewer.layers.selection.active = mine
    dock.run_panel.describe_button.click()
    assert "'mine': the labels do not say" in dock.status.text.text()
