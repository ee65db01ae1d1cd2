"""Models of objects and of classes in the docks, with a real network."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_pmrnet.models.user_models import import_model
from napari_pmrnet.plugin.layers.result_layers import result_name
from napari_pmrnet.plugin.measure.kept import (
    measured_of,
)

from .measure.test_dock import settled

IMAGE = np.random.default_rng(0).integers(0, 255, (90, 60, 3)).astype(np.uint8)


@pytest.fixture
def dock_with(
    make_napari_viewer_proxy, manifest, qtbot, library, whole_weights, run_and_wait
):
    """A viewer whose image was segmented with a model of objects or classes."""

    def open_(kind: str):
        import_model(whole_weights[kind], kind)
        viewer = make_napari_viewer_proxy()
        viewer.add_image(IMAGE, name="eye", rgb=True)
        _, dock = viewer.window.add_plugin_dock_widget(
            "napari-pmrnet", "Segment nuclei"
        )
        qtbot.waitUntil(
            lambda: not dock._list_timer.isActive() and not dock._listing.is_running,
            timeout=60_000,
        )
        fields = dock.form.fields
        assert fields["diameter"].isEnabled() and fields["seed_threshold"].isEnabled()
        fields["model"].set_value(kind)
        fields["min_area"].set_value(0)
        fields["probability_threshold"].set_value(0.05)
        dock.run_panel.run_button.click()
        qtbot.waitUntil(dock.run_panel.run_button.isEnabled, timeout=60_000)
        return viewer, dock

    return open_


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_layers_fields_and_words_follow_the_model(dock_with, kind) -> None:
    viewer, dock = dock_with(kind)
    layer = viewer.layers[result_name("eye", kind)]
    assert isinstance(layer, Labels) and layer.data.shape == (90, 60)
    assert f" {kind[:6]}" in dock.status.text.text()
    assert "nucle" not in dock.status.text.text()
    fields, words = dock.form.fields, dock.model_panel.kind
    assert not fields["diameter"].isEnabled()
    assert not fields["seed_threshold"].isEnabled()
    assert fields["probability_threshold"].isEnabled()
    for name in ("diameter", "seed_threshold"):
        assert fields[name].isHidden() and dock.form.title(name).isHidden()
    part = {"objects": "object", "classes": "part"}[kind]
    assert dock.form.title("min_area").text() == f"Smallest {part}"
    assert fields["exclude_border"].box.text() == f"Exclude cut {part}s"
    assert dock.run_panel.run_button.text() == f"Segment {kind}"
    assert dock._box.title() == kind.capitalize()
    assert not words.isHidden() and words.text().startswith(f"Labels {kind}")
    fields["model"].set_value("nuclei")
    for name in ("diameter", "seed_threshold"):
        assert fields[name].isEnabled() and not fields[name].isHidden()
        assert not dock.form.title(name).isHidden()
    assert dock.form.title("min_area").text() == "Smallest nucleus"
    assert dock.run_panel.run_button.text() == "Segment nuclei"
    assert words.isHidden()


def test_the_brush_begins_with_a_class_that_there_is(dock_with) -> None:
    viewer, _ = dock_with("classes")
    assert viewer.layers["eye classes"].selected_label == 1


def test_what_is_too_large_is_refused_before_a_folder_is_asked_for(
    dock_with, monkeypatch
) -> None:
    viewer, dock = dock_with("objects")
    asked = []
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *a: asked.append(a) or ("", "")
    )
    huge = np.broadcast_to(np.zeros((), np.uint8), (9000, 9000))
    viewer.add_image(huge, name="slide", contrast_limits=(0, 255))
    dock.run()
    assert not asked
    assert "'slide': a model of objects sees every image whole" in (
        dock.status.text.text()
    )


def test_the_batch_is_named_after_the_model_as_well(
    make_napari_viewer_proxy, manifest, library, whole_weights
) -> None:
    import_model(whole_weights["objects"], "mine")
    viewer = make_napari_viewer_proxy()
    _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Segment a folder")
    panel, fields = dock.settings_panel, dock.form.fields
    table = dock.results.order
    assert "Nuclei settings" in panel.button.text()
    assert table.headerData(1, Qt.Orientation.Horizontal) == "Nuclei"
    fields["model"].set_value("mine")
    assert "Objects settings" in panel.button.text()
    assert table.headerData(1, Qt.Orientation.Horizontal) == "Objects"
    assert fields["diameter"].isHidden() and dock.form.title("diameter").isHidden()
    assert dock.form.title("min_area").text() == "Smallest object"


def test_a_class_is_named_where_the_pointer_is(dock_with) -> None:
    viewer, dock = dock_with("classes")
    layer = viewer.layers["eye classes"]
    names = {1: "polyp", 2: "tool"}
    present = sorted(set(np.unique(layer.data)) - {0})
    assert present
    assert layer.features["class"].tolist() == [names[k] for k in present]
    at = tuple(np.argwhere(layer.data == present[0])[0])
    status = layer.get_status(at, world=True)
    assert names[present[0]] in json.dumps(status)
    assert "1 polyp, 2 tool" in dock.model_panel.kind.text()


def test_a_threshold_makes_other_classes_without_the_network(dock_with, qtbot) -> None:
    viewer, dock = dock_with("classes")
    layer = viewer.layers["eye classes"]
    probability = viewer.layers["eye probability"].data
    before, threshold = int((layer.data > 0).sum()), float(np.median(probability))
    dock.form.fields["probability_threshold"].set_value(round(threshold, 2))
    qtbot.waitUntil(lambda: 0 < int((layer.data > 0).sum()) < before)
    inside = probability > dock.form.settings().probability_threshold
    assert np.array_equal(layer.data > 0, inside)


def test_objects_are_reviewed_and_classes_are_not(dock_with, qtbot) -> None:
    viewer, _ = dock_with("objects")
    _, review = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Review nuclei")
    review.begin(viewer.layers["eye objects"])
    qtbot.waitUntil(lambda: review.session is not None, timeout=60_000)
    layer = viewer.add_labels(
        np.ones((90, 60), int),
        name="eye classes",
        features=pd.DataFrame({"index": [1], "class": ["polyp"]}),
    )
    review.begin(layer)
    assert "holds classes" in review.status.text.text()
    assert review.session.layer.name == "eye objects"
    viewer.window.add_plugin_dock_widget("napari-pmrnet", "Measure nuclei")


@pytest.mark.slow
def test_training_on_corrections_wants_a_model_of_nuclei(
    dock_with, qtbot, library, whole_weights
) -> None:
    viewer, _ = dock_with("objects")
    layer = viewer.layers["eye objects"]
    layer.features = layer.features.assign(reviewed=True)
    _, dock = viewer.window.add_plugin_dock_widget(
        "napari-pmrnet", "Train on my corrections"
    )
    dock.model.addItem(str(whole_weights["objects"]))
    dock.model.setCurrentText(str(whole_weights["objects"]))
    dock.train()
    qtbot.waitUntil(lambda: not dock.run.is_running, timeout=60_000)
    assert "is a model of objects; corrections are of nuclei" in dock.status.text.text()
    dock.run.discard()
    dock.release()


def test_classes_are_measured_under_their_numbers(dock_with, qtbot) -> None:
    viewer, _ = dock_with("classes")
    layer = viewer.layers["eye classes"]
    layer.data_setitem(np.nonzero(layer.data == 1), 0)
    assert set(np.unique(layer.data)) == {0, 2}
    _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Measure nuclei")
    qtbot.waitUntil(lambda: settled(dock.panel), timeout=60_000)
    dock.panel.button.click()
    qtbot.waitUntil(lambda: settled(dock.panel), timeout=60_000)
    measured, _ = measured_of(layer)
    assert measured["area"].to_dict() == {2: int((layer.data == 2).sum())}
    assert set(layer.features["class"].dropna()) == {"tool"}
