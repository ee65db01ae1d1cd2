"""A review edits what is on show only, and undo reaches all that it did."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_pmrnet.plugin.layers.source_image import tie
from napari_pmrnet.plugin.review.shortcuts import LOOKS

from .conftest import CONTROL, SHIFT, Driver

KEYS = (Qt.Key.Key_A, Qt.Key.Key_D, Qt.Key.Key_H, Qt.Key.Key_U, Qt.Key.Key_N)


@pytest.fixture
def hands(open_review, qtbot) -> Driver:
    """A review with one nucleus deleted and another one chosen."""
    hands = open_review()
    hands.click(35, 15)
    hands.key(Qt.Key.Key_D)
    hands.click(12, 10)
    return hands


def layer_of(hands: Driver) -> Labels:
    return hands.dock.session.layer


def other_labels(hands: Driver) -> Labels:
    """Labels of the same image, though their name does not say so."""
    viewer = hands.viewer.__wrapped__
    layer = Labels(np.full((60, 80), 5, np.int32), name="b nuclei")
    tie(layer, viewer.layers["c"])
    return viewer.add_layer(layer)


def press_everything(hands: Driver) -> None:
    """Every gesture that edits, by canvas, key, button and panel."""
    dock = hands.dock
    for key in KEYS:
        hands.key(key)
    hands.click(12, 10, CONTROL)
    hands.click(12, 30, CONTROL)
    hands.key(Qt.Key.Key_Return)
    hands.key(Qt.Key.Key_R)
    hands.draw((1, 1), (55, 75))
    for name, button in dock.edits.buttons.items():
        if name not in ("undo", "redo", *LOOKS):
            button.click()
    dock.bulk.renumber.emit()
    dock.bulk.delete_below.emit("area", 1e6)


@pytest.mark.parametrize("way", ["hidden", "other labels", "other image"])
def test_a_layer_that_is_not_worked_on_is_not_edited(hands, way: str, qtbot) -> None:
    layer, dock = layer_of(hands), hands.dock
    before, statuses = hands.data.copy(), dict(dock.session.review.statuses)
    viewer = hands.viewer.__wrapped__
    if way == "hidden":
        layer.visible = False
    elif way == "other labels":
        other = other_labels(hands)
    else:
        viewer.layers["c"].visible = False
        viewer.add_image(np.zeros((60, 80)), name="d")
    qtbot.wait(150)
    assert "Paused" in dock.pause.text.text() and "'c nuclei'" in dock.pause.text.text()
    assert dock.pause.isVisible()
    press_everything(hands)
    assert np.array_equal(hands.data, before)
    assert dock.session.review.statuses == statuses
    assert "Paused" in dock.status.text.text()
    if way == "other labels":
        assert (other.data == 5).all()
    dock.pause.buttons()[0].click()
    assert layer.visible and viewer.layers.selection.active is layer
    assert not dock.pause.isVisible() and not dock.session.paused
    hands.click(12, 10)
    hands.key(Qt.Key.Key_D)
    assert not hands.data.any()


def test_what_goes_with_the_image_may_be_selected(hands) -> None:
    viewer, dock = hands.viewer.__wrapped__, hands.dock
    for name in ("c", "c probability", "review outline"):
        viewer.layers.selection.active = viewer.layers[name]
        assert not dock.session.paused
    viewer.layers.selection.active = viewer.add_points(np.ones((1, 2)))
    assert not dock.session.paused
    viewer.layers.selection.active = viewer.add_image(np.ones((60, 80)), name="red")
    assert not dock.session.paused
    viewer.layers.selection.clear()
    assert not dock.session.paused


@pytest.mark.parametrize("focus", ["canvas", "dock", "table"])
@pytest.mark.parametrize("way", ["", "hidden", "other labels", "image"])
def test_undo_reaches_the_change_from_everywhere(
    hands, way: str, focus: str, qtbot
) -> None:
    layer, dock = layer_of(hands), hands.dock
    edited = hands.data.copy()
    viewer = hands.viewer.__wrapped__
    if way == "hidden":
        layer.visible = False
    elif way == "other labels":
        other_labels(hands)
    elif way == "image":
        viewer.layers.selection.active = viewer.layers["c"]
    widgets = {
        "canvas": hands.canvas,
        "dock": dock,
        "table": dock.table,
    }
    widget = widgets[focus]
    widget.setFocus()
    QTest.keyClick(widget, Qt.Key.Key_Z, CONTROL)
    qtbot.wait(20)
    assert (hands.data == 2).any() and layer.visible
    if way in ("hidden", "other labels"):
        assert viewer.layers.selection.active is layer
    QTest.keyClick(widget, Qt.Key.Key_Z, CONTROL | SHIFT)
    qtbot.wait(20)
    assert np.array_equal(hands.data, edited)


def test_other_labels_that_are_selected_are_undone_first(hands, qtbot) -> None:
    other = other_labels(hands)
    edited = hands.data.copy()
    other.paint((4, 4), 9)
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (other.data == 5).all() and np.array_equal(hands.data, edited)
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == 2).any()
    assert "'c nuclei', which is on show now" in hands.dock.status.text.text()


def test_the_labels_that_are_selected_are_offered(hands, qtbot) -> None:
    other, dock = other_labels(hands), hands.dock
    texts = [button.text() for button in dock.pause.buttons()]
    assert texts == ["Go on with 'c nuclei'", "Review 'b nuclei'"]
    dock.pause.buttons()[1].click()
    qtbot.waitUntil(lambda: dock.session is not None and dock.session.layer is other)
    assert not dock.session.paused and not dock.pause.isVisible()
    assert not other.keymap or "Control-A" not in other.keymap


def test_a_layer_chosen_in_the_dock_is_shown(hands, qtbot) -> None:
    other, dock = other_labels(hands), hands.dock
    other.visible = False
    dock.layers.set_value(other)
    dock._on_layer()
    qtbot.waitUntil(lambda: dock.session is not None and dock.session.layer is other)
    assert other.visible and not dock.session.paused


def test_nothing_is_left_of_a_pause(hands) -> None:
    other = other_labels(hands)
    hands.dock.release()
    assert not other.keymap and not layer_keymap(hands)
    other.visible = False
    hands.viewer.__wrapped__.layers.selection.active = None


def layer_keymap(hands: Driver) -> dict:
    """Keys that the labels under review still have."""
    return hands.viewer.__wrapped__.layers["c nuclei"].keymap
