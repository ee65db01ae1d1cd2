"""A session: runs, thresholds that label anew, and corrections that stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QTimer

from napari_pmrnet import Settings
from napari_pmrnet.models.card import new_card
from napari_pmrnet.plugin.layers.source_image import image_for
from napari_pmrnet.plugin.segment.controller import report

from ..conftest import FakeModel, make_segmentation


@pytest.fixture
def segmented(open_dock, run_and_wait, blobs):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    run_and_wait(dock)
    return viewer, dock, viewer.layers["cells nuclei"]


def settle(dock, qtbot):
    """Wait until the thresholds have been dealt with."""
    qtbot.waitUntil(
        lambda: (
            not dock._relabel_timer.isActive()
            and not dock.session._relabelling.is_running
        )
    )


def test_a_threshold_labels_anew_without_the_network(segmented, core, qtbot):
    viewer, dock, labels = segmented
    count = len(viewer.layers)
    dock.form.fields["min_area"].set_value(5)
    settle(dock, qtbot)
    assert labels.data.max() == 3
    assert len(labels.features) == 3
    assert labels.selected_label == 4
    assert len(core.calls) == 1
    assert len(viewer.layers) == count
    status = dock.status.text.text()
    assert "3 nuclei, about" in status and "with these thresholds" in status


def test_only_the_last_of_many_moves_counts(segmented, qtbot):
    _, dock, labels = segmented
    for value in (0.2, 0.3, 0.4, 0.9):
        dock.form.fields["probability_threshold"].set_value(value)
    settle(dock, qtbot)
    assert labels.data.max() == 1


def test_corrections_withhold_a_threshold(segmented, qtbot):
    viewer, dock, labels = segmented
    corner = (np.array([0]), np.array([0]))
    labels.data_setitem(corner, 9)
    dock.form.fields["min_area"].set_value(5)
    settle(dock, qtbot)
    notice = dock.run_panel.notice
    assert labels.data[0, 0] == 9
    assert labels.data.max() == 9
    assert not notice.isHidden()
    assert "'cells nuclei' holds your corrections" in notice.text.text()

    labels.undo()
    assert labels.data[0, 0] == 0
    labels.redo()
    dock.run_panel.relabel_button.click()
    settle(dock, qtbot)
    assert labels.data[0, 0] == 9
    assert not labels.visible
    assert viewer.layers["cells nuclei [1]"].data.max() == 3
    assert notice.isHidden()


def test_painting_while_labels_are_made_withholds_them(segmented, qtbot, monkeypatch):
    viewer, dock, labels = segmented
    found = dock.session.results.find(viewer.layers["cells"], "").segmentation
    original = type(found).relabel

    def slow(segmentation, settings):
        while labels.data[0, 0] == 0:
            pass
        return original(segmentation, settings)

    monkeypatch.setattr(type(found), "relabel", slow)
    dock.form.fields["min_area"].set_value(5)
    qtbot.waitUntil(lambda: dock.session._relabelling.is_running)
    labels.data_setitem((np.array([0]), np.array([0])), 9)
    settle(dock, qtbot)
    assert labels.data[0, 0] == 9
    assert not dock.run_panel.notice.isHidden()


def test_undone_corrections_leave_no_history_behind(segmented, qtbot):
    _, dock, labels = segmented
    labels.mode = "paint"
    labels.data_setitem((np.array([0]), np.array([0])), 9)
    labels.undo()
    dock.form.fields["min_area"].set_value(5)
    settle(dock, qtbot)
    assert labels.data.max() == 3
    labels.redo()
    assert labels.data[0, 0] == 0
    assert labels.mode == "paint"


def test_thresholds_moved_during_a_run_are_applied_after_it(
    open_dock, blobs, core, qtbot
):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    core.gate.clear()
    dock.run_panel.run_button.click()
    qtbot.waitUntil(lambda: bool(core.calls))
    dock.form.fields["min_area"].set_value(5)
    core.gate.set()
    qtbot.waitUntil(lambda: "cells nuclei" in viewer.layers)
    labels = viewer.layers["cells nuclei"]
    qtbot.waitUntil(lambda: labels.data.max() == 3)
    assert core.calls[0]["settings"].min_area is None


def test_a_wrong_value_says_why_and_stops_nothing_else(segmented, core, qtbot):
    _, dock, labels = segmented
    field = dock.form.fields["probability_threshold"]
    field.spin.setValue(1.5)
    assert "between 0.05 and 0.95" in field.reason.text()
    assert not field.reason.isHidden()
    dock.run_panel.run_button.click()
    assert "out of bounds" in dock.status.text.text()
    assert len(core.calls) == 1
    dock.run_panel.defaults_button.click()
    assert field.reason.isHidden()
    assert field.value() == Settings().probability_threshold


def test_removed_labels_come_back_with_the_next_threshold(segmented, qtbot):
    viewer, dock, labels = segmented
    viewer.layers.remove(labels)
    dock.form.fields["min_area"].set_value(5)
    qtbot.waitUntil(lambda: "cells nuclei" in viewer.layers)
    assert viewer.layers["cells nuclei"].data.max() == 3


def test_labels_follow_while_a_threshold_is_dragged(segmented, qtbot):
    _, dock, labels = segmented
    seen = []
    labels.events.set_data.connect(lambda _: seen.append(labels.data.max()))
    field, value = dock.form.fields["probability_threshold"], [0.2]

    def drag() -> None:
        value[0] += 0.001
        field.set_value(round(value[0], 3))

    timer = QTimer()
    timer.timeout.connect(drag)
    timer.start(2)
    qtbot.waitUntil(lambda: len(seen) >= 2)
    timer.stop()
    settle(dock, qtbot)
    result = dock.session.results.find(dock.image_panel.layer, "")
    used = result.segmentation.settings.probability_threshold
    assert used == pytest.approx(value[0], abs=0.006)


def test_the_bar_moves_a_few_times_a_second(open_dock, core, blobs, qtbot):
    viewer, dock = open_dock()
    viewer.add_image(blobs, name="cells")
    qtbot.waitUntil(lambda: not dock._listing.is_running)
    shown, progressed = [], []
    dock.status.bar.valueChanged.connect(shown.append)
    dock.session.progressed.connect(lambda *step: progressed.append(step))
    core.gate.clear()
    core.steps = 1000
    dock.run()
    qtbot.waitUntil(lambda: "Held" in dock.status.text.text())
    core.gate.set()
    qtbot.waitUntil(lambda: not dock.session.is_running)
    assert len(progressed) > 1000 > 20 * len(shown)


def outcome(**fields):
    found = make_segmentation(np.zeros((20, 20)))
    areas = fields.pop("areas", ())
    objects = pd.DataFrame({"label": range(1, len(areas) + 1), "area": areas})
    return replace(found, objects=objects, **fields)


def test_a_run_is_reported_with_its_notes():
    found = outcome(areas=[314, 314], seconds=1.26, notes=("the image is noisy",))
    assert report(found, "z=3", "Kept.") == (
        "2 nuclei on z=3, about 20 pixels across, in 1.3 s on cpu. "
        "The image is noisy. Kept.",
        "good",
    )
    text, _ = report(found, anew=True)
    assert text == "2 nuclei, about 20 pixels across, with these thresholds."


def test_nothing_found_is_a_warning_with_advice():
    text, tone = report(outcome())
    assert text.startswith("0 nuclei in 0.1 s") and tone == "warning"
    assert text.endswith("Lower the thresholds or choose another channel.")


def test_classes_have_no_diameter():
    card = new_card(
        ("probability", "class_1", "class_2"), labels="classes", classes=["a", "b"]
    )
    found = outcome(areas=[314, 314], model=FakeModel(card=card))
    assert report(found)[0] == "2 classes in 0.1 s on cpu."


def test_labels_of_pixels_that_were_replaced_meanwhile_say_so(
    open_dock, core, qtbot, blobs
):
    viewer, dock = open_dock()
    image = viewer.add_image(blobs, name="cells")
    core.gate.clear()
    dock.run_panel.run_button.click()
    qtbot.waitUntil(lambda: bool(core.calls))
    image.data = blobs[::-1].copy()
    core.gate.set()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    labels = viewer.layers["cells nuclei"]
    assert (labels.data[5:25, 5:25] > 0).all()
    assert "other pixels meanwhile" in dock.status.text.text()
    assert image_for(labels, viewer.layers) is None
