"""The device list comes from torch, and torch stays off the GUI thread."""

from __future__ import annotations

import numpy as np

from napari_pmrnet import models
from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.plugin.widgets import model_chooser


def test_devices_and_advice_are_shown(open_dock, core, monkeypatch):
    report = model_chooser.DeviceReport(
        [("auto", "Automatic: CPU"), ("cpu", "CPU")], "A GPU lies idle: do this."
    )
    monkeypatch.setattr(model_chooser, "list_devices", lambda: report)
    _, dock = open_dock()
    combo = dock.model_panel.device.combo
    assert [combo.itemText(i) for i in range(combo.count())] == [
        "Automatic: CPU",
        "CPU",
    ]
    assert not dock.model_panel.advice.isHidden()
    assert dock.model_panel.advice.text() == "A GPU lies idle: do this."


def test_a_broken_torch_is_explained(open_dock, core, monkeypatch):
    def broken():
        raise PMRNetError("PyTorch could not load its libraries: do that.")

    monkeypatch.setattr(model_chooser, "list_devices", broken)
    _, dock = open_dock()
    assert "do that" in dock.model_panel.advice.text()
    assert dock.form.settings() is not None


def test_the_network_is_loaded_ahead_of_the_first_run(
    open_dock, core, monkeypatch, qtbot
):
    asked = []
    monkeypatch.setattr(model_chooser, "warm_up", lambda *args: asked.append(args))
    viewer, dock = open_dock()
    qtbot.waitUntil(lambda: asked == [("nuclei", "auto", None, None)])
    qtbot.waitUntil(lambda: not dock._listing.is_running)
    assert len(asked) == 1
    for _ in range(2):
        viewer.add_image(np.zeros((70, 80), np.uint8))
        qtbot.waitUntil(lambda: len(asked) == 2)
        assert asked[1] == ("nuclei", "auto", (70, 80), None)
        qtbot.waitUntil(lambda: not dock._listing.is_running)
    viewer.add_image(np.zeros((90, 80), np.uint8))
    qtbot.waitUntil(lambda: len(asked) == 3)
    qtbot.waitUntil(lambda: not dock._listing.is_running)
    viewer.layers.clear()
    qtbot.wait(300)
    assert len(asked) == 3


def test_a_run_does_not_load_the_network_again(weights, monkeypatch):
    model_chooser.warm_up(str(weights), "cpu", (70, 80), None)
    monkeypatch.setattr(models, "load_model", None)
    assert models.shared_model(str(weights), "cpu").name == "untrained"


def test_weights_that_are_gone_are_not_a_matter_of_the_start(tmp_path):
    model_chooser.warm_up(str(tmp_path / "gone.safetensors"), "cpu", None, None)


def test_notes_on_a_result_are_sentences_after_the_device(open_dock):
    _, dock = open_dock()
    panel = dock.model_panel
    panel.show_used("cpu with OpenVINO", ("the image is noisy: smoothed",))
    assert panel.used.text() == "cpu with OpenVINO. The image is noisy: smoothed."
    panel.show_used("cpu")
    assert panel.used.text() == "cpu"
