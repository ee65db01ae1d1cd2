"""The dock "Review nuclei" in a real viewer: clicks and keys in, pixels out."""

from __future__ import annotations

import napari.settings
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_pmrnet.plugin.layers.axes import camera_of
from napari_pmrnet.plugin.layers.review_session import session_of
from napari_pmrnet.plugin.review.shortcuts import ACTIONS

from .conftest import CONTROL, SHIFT, found


def test_no_key_is_one_of_naparis() -> None:
    ours = {str(coerce_keybinding(action.key)) for action in ACTIONS}
    bound = {ViewerModel: set(), Labels: set(), Image: set()}
    for name, action in action_manager._actions.items():
        keys = map(str, default_shortcuts.get(name, ()))
        bound.get(action.keymapprovider, set()).update(keys)
    assert "P" in bound[Labels] and bound[Image] and "Ctrl+R" in bound[ViewerModel]
    assert not ours & set().union(*bound.values()) and len(ours) == len(ACTIONS)


def test_keys_of_the_users_own_work_and_are_named(open_review, qtbot) -> None:
    hands = open_review()
    dock, shortcuts = hands.dock, napari.settings.get_settings().shortcuts
    buttons = dock.edits.buttons
    assert buttons["accept"].text() == "Accept (A)"
    for button in buttons.values():
        assert button.focusPolicy() == Qt.FocusPolicy.TabFocus, "a click would take it"
    mine = {"accept": ["Y"], "snap": [], "alone": ["Shift-V"], "undo": ["Ctrl-U"]}
    mine = {f"napari-pmrnet:review_{name}": keys for name, keys in mine.items()}
    shortcuts.shortcuts = {**shortcuts.shortcuts, **mine}
    assert buttons["accept"].text() == "Accept (Y)"
    assert "(Y;" in buttons["accept"].toolTip()
    assert buttons["snap"].text() == "Snap" and "no key" in buttons["snap"].toolTip()
    hands.click(12, 10)
    hands.key(Qt.Key.Key_A)
    assert dock.session.review.statuses == {}
    hands.key(Qt.Key.Key_Y)
    assert dock.session.review.statuses == {("nucleus", 1): "accepted"}
    hands.key(Qt.Key.Key_U, CONTROL)
    assert dock.session.review.statuses == {}
    hands.key(Qt.Key.Key_Y)
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert dock.session.review.statuses == {}, "the layer's own undo is the review's"
    layer, image = dock.session.layer, hands.viewer.__wrapped__.layers["c"]
    QTest.keyPress(hands.canvas, Qt.Key.Key_V, SHIFT)
    assert layer.opacity == 0 and image.opacity == 1
    QTest.keyRelease(hands.canvas, Qt.Key.Key_W)
    assert layer.opacity == 0
    QTest.keyRelease(hands.canvas, Qt.Key.Key_V)
    assert layer.opacity > 0
    hands.key(Qt.Key.Key_N)
    assert "click Snap" in dock.status.text.text()
    dock.desk.end()
    hands.key(Qt.Key.Key_Y)
    assert dock.session is None


def test_the_queue_leads_through_the_nuclei(open_review) -> None:
    hands = open_review()
    dock = hands.dock
    places = dock.table.places_model.places
    assert list(zip(places["kind"], places["number"], strict=True)) == [
        ("missed", 1),
        ("nucleus", 2),
        ("nucleus", 1),
    ]
    hands.click(58, 78)
    hands.key(Qt.Key.Key_W)
    assert dock.current == ("missed", 1)
    assert dock.edits.buttons["accept"].text() == "Add (A)"
    centre = camera_of(hands.viewer).center[-2:]
    assert centre == pytest.approx((52.5, 72.5))
    hands.key(Qt.Key.Key_A)
    assert (hands.data[50:56, 70:76] == 3).all()
    assert dock.current == ("nucleus", 2)
    hands.key(Qt.Key.Key_A)
    assert dock.queue.progress.text() == "2 of 3 reviewed, 1 edited"
    assert dock.current == ("nucleus", 1)
    hands.key(Qt.Key.Key_D)
    assert not (hands.data == 1).any() and dock.current is None
    assert "reviewed" in dock.status.text.text()
    for _ in range(3):
        hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == found().labels).all()
    assert dock.queue.progress.text() == "0 of 2 reviewed, 0 edited"
    for _ in range(3):
        hands.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert dock.queue.progress.text() == "2 of 2 reviewed, 1 edited"
    assert (hands.data[50:56, 70:76] == 3).all() and not (hands.data == 1).any()


def test_a_click_selects_the_row_and_the_row_moves_the_camera(
    open_review, qtbot
) -> None:
    hands = open_review()
    dock = hands.dock
    hands.click(35, 15)
    assert dock.current == ("nucleus", 2) and dock.table.currentIndex().row() == 1
    assert dock.session.layer.selected_label == 2
    dock.table.selectRow(2)
    assert dock.current == ("nucleus", 1)
    qtbot.wait(20)
    assert camera_of(hands.viewer).center[-2:] == pytest.approx((12, 19.5))
    marks = hands.viewer.layers["review outline"]
    starts = marks.data[:, 0]
    assert starts.min(axis=0).tolist() == [4.5, 4.5]
    assert starts.max(axis=0).tolist() == [19.5, 34.5]


def test_two_clicks_split_after_a_preview(open_review) -> None:
    hands = open_review()
    before = hands.data.copy()
    hands.click(12, 10)
    hands.key(Qt.Key.Key_S)
    hands.click(12, 10)
    hands.click(12, 30)
    assert (hands.data == before).all() and "2 parts" in hands.dock.status.text.text()
    hands.key(Qt.Key.Key_Return)
    names = {int(hands.data[12, 10]), int(hands.data[12, 30])}
    assert names == {1, 3} and len(np.unique(hands.data)) == 4
    assert (hands.data[5:20, 5:20] == hands.data[12, 10]).all()
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == before).all()
    hands.key(Qt.Key.Key_S)
    hands.click(12, 10)
    hands.click(12, 30)
    hands.key(Qt.Key.Key_Escape)
    assert (hands.data == before).all() and hands.dock.stage.canvas.tool == ""
    hands.click(12, 10, CONTROL)
    hands.click(12, 30, CONTROL)
    hands.key(Qt.Key.Key_Return)
    assert len(np.unique(hands.data)) == 4


def test_what_was_split_is_what_the_next_key_is_meant_for(open_review) -> None:
    hands = open_review()
    dock = hands.dock
    hands.click(35, 15)
    assert dock.current == ("nucleus", 2)
    hands.click(12, 10, CONTROL)
    hands.click(12, 30, CONTROL)
    hands.key(Qt.Key.Key_Return)
    assert dock.current == ("nucleus", 1)
    hands.key(Qt.Key.Key_A)
    assert dock.session.review.statuses == {("nucleus", 1): "accepted"}


def test_a_line_cuts_and_a_click_merges(open_review) -> None:
    hands = open_review()
    before = hands.data.copy()
    hands.key(Qt.Key.Key_K)
    assert not camera_of(hands.viewer).mouse_pan
    hands.draw((2, 15), (10, 15), (24, 15))
    hands.key(Qt.Key.Key_Return)
    assert camera_of(hands.viewer).mouse_pan
    assert hands.data[12, 10] != hands.data[12, 30]
    hands.click(12, 30)
    hands.click(12, 8, SHIFT)
    assert len(np.unique(hands.data)) == 3
    assert (hands.data > 0).tolist() == (before > 0).tolist()
    hands.key(Qt.Key.Key_Z, CONTROL)
    hands.key(Qt.Key.Key_J)
    hands.draw((12, 8), (12, 30))
    assert len(np.unique(hands.data)) == 3
    hands.key(Qt.Key.Key_R)
    hands.draw((1, 1), (50, 50))
    assert not hands.data.any()
    assert "brings them back" in hands.dock.status.text.text()
    for _ in range(3):
        hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == before).all()


def test_many_are_deleted_and_numbered_in_a_step_each(open_review) -> None:
    hands = open_review()
    dock, before = hands.dock, hands.data.copy()
    hands.click(35, 15)
    hands.key(Qt.Key.Key_A)
    dock.bulk.bound.setValue(226)
    dock.bulk.what.setCurrentIndex(dock.bulk.what.findData("area"))
    dock.bulk.delete_below.emit("certainty", 0.1)
    assert "no nucleus" in dock.status.text.text()
    hands.viewer.layers["c nuclei"].selected_label = 9
    dock.session.apply(dock.session.merged(2, [1]))
    hands.key(Qt.Key.Key_Z, CONTROL)
    dock.session.apply(dock.session.now.delete([1]))
    dock.bulk.renumber.emit()
    assert set(np.unique(hands.data)) == {0, 1}
    assert dock.session.review.statuses == {("nucleus", 1): "accepted"}
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert dock.session.review.statuses == {("nucleus", 2): "accepted"}
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == before).all()
    dock.bulk.delete_below.emit("area", 300)
    assert set(np.unique(hands.data)) == {0, 1}


def test_a_painted_nucleus_is_followed_and_snapped(open_review) -> None:
    hands = open_review()
    dock, layer = hands.dock, hands.dock.session.layer
    hands.key(Qt.Key.Key_N)
    assert layer.mode == "paint" and layer.selected_label == 3
    layer.brush_size = 5
    hands.draw((40, 50), (40, 60))
    assert (hands.data == 3).any() and dock.current == ("nucleus", 3)
    assert (
        3 in layer.features["index"].to_numpy() or dock.session._describing.isActive()
    )
    hands.key(Qt.Key.Key_T)
    assert layer.mode == "pan_zoom"
    hands.key(Qt.Key.Key_Z, CONTROL)
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == found().labels).all()


def test_colours_follow_certainty_and_go_with_the_review(open_review, qtbot) -> None:
    hands = open_review()
    dock, layer = hands.dock, hands.dock.session.layer
    own = layer.colormap
    dock.queue.colour.setChecked(True)
    doubtful, certain = (layer.get_color(label) for label in (2, 1))
    assert doubtful[3] > 0.6 > 0.3 > certain[3]
    assert "glow" in dock.status.text.text()
    dock.queue.which.setCurrentIndex(dock.queue.which.findData("doubtful"))
    assert len(dock.table.places_model.places) == 2
    dock._colour()
    assert layer.get_color(1)[3] < 0.1 and layer.get_color(2)[3] > 0.6
    dock.release()
    assert layer.colormap is own and session_of(layer) is None
    assert "review outline" not in hands.viewer.layers
    assert not hands.viewer.__wrapped__.keymap and not layer.keymap
