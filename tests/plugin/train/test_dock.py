"""The dock Train on my corrections, with real processes on a tiny network."""

from __future__ import annotations

import errno
import shutil

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt

from napari_pmrnet.finetuning.job import (
    AFTER,
    BEFORE,
    DONE,
    EPOCH,
    KEPT,
    KEPT_FOR_THESE,
    Job,
    TuneSettings,
)
from napari_pmrnet.finetuning.run import FULL
from napari_pmrnet.finetuning.score import ROWS
from napari_pmrnet.models.library import user_models
from napari_pmrnet.plugin.train import dock as dock_module
from napari_pmrnet.plugin.train import process
from napari_pmrnet.plugin.train.comparison import Both, Swipe
from napari_pmrnet.plugin.train.corrections import corrected_layers, corrections_from


@pytest.fixture
def reviewed(manifest, make_napari_viewer_proxy, monkeypatch, weights, library):
    """A viewer with an image and reviewed labels, and the dock in it."""
    monkeypatch.setattr(
        dock_module, "available_models", lambda: [str(weights), *user_models()]
    )
    monkeypatch.setattr(
        dock_module,
        "TuneSettings",
        lambda minutes=0.02, keep=0.5: TuneSettings(0.0001, keep=keep, crop_size=32),
    )
    viewer = make_napari_viewer_proxy(show=True)
    rng = np.random.default_rng(0)
    labels = np.zeros((192, 192), np.int32)
    for number in range(16):
        top, left = 48 * (number // 4) + 12, 48 * (number % 4) + 12
        labels[top : top + 20, left : left + 20] = number + 1
    image = (labels > 0) * 120 + rng.integers(0, 40, labels.shape)
    viewer.add_image(image.astype(np.uint8), name="cells")
    features = pd.DataFrame({"index": range(1, 17), "reviewed": True})
    layer = viewer.add_labels(labels, name="cells nuclei", features=features)
    _, dock = viewer.window.add_plugin_dock_widget(
        "napari-pmrnet", "Train on my corrections"
    )
    yield viewer, dock, layer
    dock.run.stop()
    dock.release()
    for job in process.trainings():
        job.remove()


def test_reviewed_images_are_listed_and_others_are_not(reviewed, qtbot):
    viewer, dock, layer = reviewed
    assert [dock.images.item(i).text() for i in range(dock.images.count())] == [
        "cells nuclei: 16 of 16 reviewed"
    ]
    layer.features = layer.features.assign(reviewed=False)
    qtbot.waitUntil(lambda: dock.images.count() == 0)
    dock.train()
    assert "No reviewed image is ticked" in dock.status.text.text()
    assert not dock.run.is_running


def test_an_image_that_is_not_ticked_stays_so_while_it_is_reviewed(reviewed, qtbot):
    _, dock, layer = reviewed
    dock.images.item(0).setCheckState(Qt.CheckState.Unchecked)
    numbers = layer.features["index"]
    layer.features = layer.features.assign(reviewed=numbers > 1)
    qtbot.waitUntil(lambda: dock.images.texts() == ["cells nuclei: 15 of 16 reviewed"])
    assert dock.images.ticked() == []


def test_a_model_is_trained_compared_and_kept(reviewed, qtbot, library):
    viewer, dock, layer = reviewed
    dock.train()
    assert dock.run.is_running and not dock.train_button.isEnabled()
    qtbot.waitUntil(lambda: not dock.run.is_running, timeout=120_000)
    state = dock.run.state()
    assert state.done, (dock.run.job.folder / "errors.txt").read_text()
    assert len(state.losses) == len(state.held_back)
    # On a busy computer there is no time for all.
    assert len(state.losses) == state.epochs or "Time ran out" in state.note
    assert not dock.outcome.isHidden()
    assert dock.result.table.item(0, 1).text() == f"{state.before['AP0.5']:.3f}"
    viewer.layers.selection.active = layer
    dock.compare()
    qtbot.waitUntil(lambda: not dock._comparing.is_running)
    seam = viewer.layers["cells: before | after"]
    assert seam.scale.tolist() == layer.scale.tolist()
    dock.result.name.setText("mine")
    dock.keep()
    assert user_models() == ["mine"] and (library / "mine.json").exists()
    assert "cells: before | after" not in viewer.layers
    assert dock.model.findText("mine") >= 0
    assert not dock.run.job and dock.outcome.isHidden()


def test_training_begins_with_the_model_that_new_users_have(reviewed, monkeypatch):
    _, dock, _ = reviewed
    dock.model.clear()
    for models, chosen, stays in (
        (["dsb18", "nuclei", "mine"], "", "nuclei"),
        (["dsb18", "nuclei", "mine"], "mine", "mine"),
        (["dsb18", "nuclei"], "mine", "nuclei"),
    ):
        dock.model.setCurrentText(chosen)
        monkeypatch.setattr(dock_module, "available_models", lambda m=models: m)
        dock.offer_models()
        assert dock.model.currentText() == stays


@pytest.mark.slow
def test_a_training_is_paused_stopped_and_gone_on_with(reviewed, qtbot):
    _, dock, _ = reviewed
    dock.train()
    qtbot.waitUntil(lambda: len(dock.run.state().losses) >= 1, timeout=120_000)
    dock.toggle_pause()
    assert dock.run.paused and dock.progress.pause_button.text() == "Go on"
    seen = len(dock.run.state().losses)
    qtbot.wait(1500)
    assert len(dock.run.state().losses) <= seen + 1
    dock.cancel()
    assert not dock.run.is_running and not dock.continue_button.isHidden()
    dock.go_on()
    qtbot.waitUntil(lambda: not dock.run.is_running, timeout=120_000)
    assert dock.run.state().done
    epochs = [e["epoch"] for e in dock.run.job.events() if e["kind"] == EPOCH]
    assert epochs == sorted(set(epochs))


@pytest.mark.slow
def test_a_training_left_behind_is_offered(reviewed, qtbot):
    viewer, dock, _ = reviewed
    dock.train()
    qtbot.waitUntil(lambda: dock.run.state().started != {}, timeout=120_000)
    dock.run.stop()
    other = dock_module.TrainOnCorrections(viewer)
    qtbot.addWidget(other)
    assert "was interrupted" in other.status.text.text()
    assert not other.continue_button.isHidden()
    assert not other.discard_button.isHidden()
    other.discard()
    assert not process.trainings()
    other.release()


def test_a_finished_model_stays_until_it_is_kept_or_discarded(
    reviewed, qtbot, library, weights
):
    """Of this version, and the one of the version before."""
    viewer, dock, _ = reviewed
    (one,) = corrected_layers(viewer)
    folder = process.trainings_folder()
    first, earlier = Job(folder / "20000101"), Job(folder.with_name("training"))
    for job in (first, earlier):
        Job.create(job.folder, [corrections_from(one, viewer)], str(weights))
        for ending in (".safetensors", ".json"):
            shutil.copy(weights.with_suffix(ending), job.weights.with_suffix(ending))
        for kind in (BEFORE, AFTER):
            job.say(kind, scores=dict.fromkeys(ROWS, 0.5))
        job.say(DONE)
    dock.train()
    assert dock.run.job not in (first, earlier) and first.is_done
    dock.cancel()
    dock.discard()
    assert dock.run.job == first and not dock.outcome.isHidden()
    dock.result.name.setText("first")
    dock.keep()
    assert user_models() == ["first"] and dock.run.job == earlier
    assert not dock.outcome.isHidden() and dock.result.name.text() != "first"
    dock.discard()
    assert not process.trainings() and dock.outcome.isHidden()


@pytest.mark.slow
def test_a_training_of_another_window_is_followed_and_left_alone(reviewed, qtbot):
    viewer, dock, _ = reviewed
    dock.train()
    qtbot.waitUntil(lambda: dock.run.state().started != {}, timeout=120_000)
    other = dock_module.TrainOnCorrections(viewer)
    qtbot.addWidget(other)
    assert other.run.elsewhere and "another window" in other.status.text.text()
    hidden = other.continue_button, other.discard_button, other.outcome
    assert all(part.isHidden() for part in hidden)
    assert not other.progress.cancel_button.isEnabled()
    other.go_on()
    assert not other.run.is_running
    other.discard()
    assert "another window" in other.status.text.text()
    assert dock.run.is_running and dock.run.job.exists and other.run.elsewhere
    dock.cancel()
    qtbot.waitUntil(lambda: not other.run.elsewhere)
    assert not other.continue_button.isHidden() and not other.discard_button.isHidden()
    other.release()


def test_two_windows_never_train_on_one_folder(reviewed, qtbot):
    viewer, dock, _ = reviewed
    dock.train()
    dock.cancel()
    other = dock_module.TrainOnCorrections(viewer)
    qtbot.addWidget(other)
    windows = (dock, other)
    for one in windows:
        one.go_on()
    qtbot.waitUntil(lambda: any(w.run.elsewhere for w in windows), timeout=120_000)
    assert [w.run.is_running for w in windows].count(True) == 1
    assert not dock.run.state().failure and dock.run.job == other.run.job
    other.release()


@pytest.mark.parametrize("code", [FULL, 1])
def test_a_log_that_cannot_be_written_leaves_no_dock_running(
    reviewed, qtbot, monkeypatch, code
):
    _, dock, _ = reviewed

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    dock.train()
    monkeypatch.setattr(Job, "say", refuse)
    dock.run._process.finished.disconnect(dock.run._on_finished)
    dock.run._process.kill()
    dock.run._on_finished(code)
    assert not dock.run.is_running and dock.train_button.isEnabled()
    said = "disk is full" if code == FULL else "ended from outside"
    assert said in dock.status.text.text()
    assert not dock.continue_button.isHidden()


def test_labels_of_an_image_that_is_not_certain_are_not_learned_from(reviewed, qtbot):
    viewer, dock, layer = reviewed
    viewer.layers["cells"].name = "cell"
    qtbot.waitUntil(lambda: "not certain" in dock.images.item(0).text())
    dock.train()
    assert "not certain which image 'cells nuclei' is of" in dock.status.text.text()
    assert not dock.run.is_running


def test_a_model_for_these_images_only_keeps_less_of_the_old_one(reviewed):
    _, dock, _ = reviewed
    kept = []
    for choice in range(2):
        dock.good_for.setCurrentIndex(choice)
        dock.train()
        kept.append(dock.run.job.settings.keep)
        dock.run.stop()
    assert kept == [KEPT, KEPT_FOR_THESE] and KEPT_FOR_THESE < KEPT


@pytest.mark.slow
def test_a_process_that_dies_is_said(reviewed, qtbot):
    _, dock, _ = reviewed
    dock.train()
    qtbot.waitUntil(lambda: dock.run.state().started != {}, timeout=120_000)
    dock.run._process.kill()
    qtbot.waitUntil(lambda: not dock.run.is_running)
    assert "ended from outside" in dock.status.text.text()
    dock.go_on()
    qtbot.waitUntil(lambda: dock.run.state().failure == "", timeout=120_000)
    dock.run._process.kill()
    qtbot.waitUntil(lambda: not dock.run.is_running)
    assert "ended from outside" in dock.run.state().failure


def test_the_seam_parts_before_and_after(make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy(show=False)
    both = Both(np.ones((4, 10), np.int32), np.full((4, 10), 2, np.int32))
    labels = viewer.add_labels(both.before.copy())
    swipe = Swipe(viewer, both, "cells", {}, labels)
    for share, ones in ((0.0, 0), (0.3, 12), (1.0, 40)):
        swipe.move(share)
        assert (swipe.layer.data == 1).sum() == ones
    assert not swipe.layer.editable
    swipe.remove()
    swipe.move(0.5)
    assert list(viewer.layers) == [labels]


def test_a_complaint_goes_with_what_it_is_of(reviewed):
    _, dock, _ = reviewed
    dock.images.item(0).setCheckState(Qt.CheckState.Unchecked)
    dock.train()
    assert "No reviewed image is ticked" in dock.status.text.text()
    dock.images.item(0).setCheckState(Qt.CheckState.Checked)
    assert dock.status.text.text() == ""
