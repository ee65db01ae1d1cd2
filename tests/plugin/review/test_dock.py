"""The dock "Review nuclei" in a real viewer: clicks and keys in, pixels out."""

from __future__ import annotations

from pathlib import Path

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
from napari_pmrnet.plugin.layers.source_image import image_for
from napari_pmrnet.plugin.review import persistence
from napari_pmrnet.plugin.review.shortcuts import ACTIONS
from napari_pmrnet.proofreading.journal import ENDING, fingerprint, read_journal
from napari_pmrnet.proofreading.saved_review import (
    SavedReview,
    load_review,
    save_review,
)

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
    assert (hands.data == before).all() and hands.dock.canvas.tool == ""
    hands.click(12, 10, CONTROL)
    hands.click(12, 30, CONTROL)
    hands.key(Qt.Key.Key_Return)
    assert len(np.unique(hands.data)) == 4


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


def test_a_lost_review_comes_back(open_review, aside, qtbot) -> None:
    hands = open_review()
    hands.click(35, 15)
    hands.key(Qt.Key.Key_A)
    hands.click(12, 10)
    hands.key(Qt.Key.Key_D)
    journal = hands.dock.session.course.journal
    assert journal.wait(2)
    left = hands.data.copy()
    assert (read_journal(journal.path).labels == left).all()
    hands.dock.release()

    again = open_review()
    assert "2 changes" in again.dock.offer.text.text()
    restore, _ = again.dock.offer.buttons()
    restore.click()
    assert (again.data == left).all()
    assert again.dock.session.review.statuses == {("nucleus", 2): "accepted"}
    again.key(Qt.Key.Key_Z, CONTROL)
    assert (again.data == found().labels).all()
    again.dock.release()
    assert (read_journal(journal.path).labels == found().labels).all()


def test_an_edit_sets_an_undecided_journal_aside(open_review, aside) -> None:
    hands = open_review()
    hands.click(35, 15)
    hands.key(Qt.Key.Key_D)
    hands.dock.release()
    again = open_review()
    path = again.dock.desk._found.path
    again.click(12, 10)
    again.key(Qt.Key.Key_D)
    again.dock.release()
    aside_path = path.with_name(f"{path.name}.1")
    assert set(np.unique(read_journal(aside_path).labels)) == {0, 1}
    assert set(np.unique(read_journal(path).labels)) == {0, 2}


def test_a_review_is_saved_and_opened(open_review, aside, qtbot) -> None:
    hands = open_review()
    hands.click(35, 15)
    hands.key(Qt.Key.Key_A)
    hands.click(12, 10)
    hands.key(Qt.Key.Key_D)
    left = hands.data.copy()
    hands.dock.desk.save(aside / "saved")
    qtbot.waitUntil(lambda: "Saved to" in hands.dock.status.text.text())
    before = hands.dock.session
    hands.dock.desk.open(aside / "saved")
    qtbot.waitUntil(lambda: hands.dock.session not in (None, before))
    session = hands.dock.session
    assert (session.layer.data == left).all()
    assert session.review.statuses == {("nucleus", 2): "accepted"}
    assert session.review.nuclei.maps["certainty"][35, 15] == pytest.approx(0.4)
    assert hands.dock.queue.progress.text() == "1 of 1 reviewed, 0 edited"


def test_a_second_window_looks_on_or_takes_over(open_review, aside, qtbot) -> None:
    first = open_review()
    first.click(35, 15)
    first.key(Qt.Key.Key_D)
    assert first.dock.session.course.journal.wait(5)

    second = open_review()
    dock, path = second.dock, second.dock.desk._found.path
    assert "under review already, by another window" in dock.offer.text.text()
    before = second.data.copy()
    second.click(12, 10)
    second.key(Qt.Key.Key_D)
    second.key(Qt.Key.Key_Z, CONTROL)
    assert (second.data == before).all() and (before == found().labels).all()
    assert "Take the review over" in dock.status.text.text()
    assert not dock.session.layer.editable

    look, _ = dock.offer.buttons()
    assert look.text() == "Show it as it is"
    look.click()
    assert (second.data == first.data).all() and "Read-only" in dock.offer.text.text()
    second.click(12, 10)
    second.key(Qt.Key.Key_A)
    assert not dock.session.review.statuses and dock.session.course.journal is None

    held = dock.session
    dock.offer.buttons()[1].click()
    qtbot.waitUntil(lambda: dock.session not in (None, held), timeout=30_000)
    assert dock.session.layer.editable and (second.data == first.data).all()
    qtbot.waitUntil(lambda: "has taken" in first.dock.offer.text.text())
    first.click(12, 10)
    first.key(Qt.Key.Key_D)
    assert (first.data == 1).any() and not first.dock.session.layer.editable
    second.click(12, 10)
    second.key(Qt.Key.Key_D)
    assert not second.data.any() and dock.session.course.journal.wait(5)
    assert not read_journal(path).labels.any()

    held = first.dock.session
    first.dock.offer.buttons()[1].click()
    qtbot.waitUntil(lambda: first.dock.session not in (None, held), timeout=30_000)
    assert not first.data.any()
    first.dock.release()
    second.dock.release()
    assert not list(path.parent.glob("*.lock")) and not list(path.parent.glob("*.json"))


def test_a_window_that_was_asked_nothing_yet_does_not_keep_others_out(
    open_review, aside
) -> None:
    hands = open_review()
    hands.click(35, 15)
    hands.key(Qt.Key.Key_D)
    hands.dock.release()
    undecided, other = open_review(), open_review()
    assert "1 change" in undecided.dock.offer.text.text()
    other.dock.offer.buttons()[0].click()
    assert not (other.data == 2).any()
    undecided.click(12, 10)
    undecided.key(Qt.Key.Key_D)
    assert "under review already" in undecided.dock.offer.text.text()
    path = other.dock.desk._found.path
    other.dock.release()
    assert set(np.unique(read_journal(path).labels)) == {0, 1}


def test_a_folder_with_another_review_is_replaced_only_on_request(
    open_review, aside, qtbot
) -> None:
    hands = open_review()
    dock, folder = hands.dock, aside / "saved"
    labels = np.ones((4, 4), np.int32)
    save_review(folder, SavedReview(labels, labels, image="b", made={"image": "b"}))
    for button, image in ((1, "b"), (0, dock.desk._found.image)):
        dock.desk.save(folder)
        qtbot.waitUntil(lambda: bool(dock.offer.buttons()))
        assert "review of another image ('b')" in dock.offer.text.text()
        dock.offer.buttons()[button].click()
        qtbot.waitUntil(lambda: not dock.desk._storing.is_running)
        assert load_review(folder).image == image
        dock.offer.offer("")


def test_a_removed_layer_ends_the_review(open_review, qtbot) -> None:
    hands = open_review()
    hands.viewer.layers.remove("c nuclei")
    assert hands.dock.session is None and not hands.dock.table.isEnabled()
    assert "was removed" in hands.dock.status.text.text()


def test_labels_made_elsewhere_and_of_several_levels(
    make_napari_viewer_proxy, manifest, qtbot, aside
) -> None:
    viewer = make_napari_viewer_proxy()
    labels = np.kron(np.arange(4).reshape(2, 2), np.ones((9, 9), int))
    viewer.add_labels([labels, labels[::2, ::2]], name="levels", multiscale=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Review nuclei")
    assert "several resolutions" in dock.offer.text.text()
    dock.offer.buttons()[0].click()
    qtbot.waitUntil(lambda: dock.session is not None)
    assert dock.session.layer.name == "levels (finest level)"
    assert dock.session.layer.data.shape == (18, 18)
    assert (
        "without maps" in dock.status.text.text()
        or "No image" in dock.status.text.text()
    )
    dock.go(("nucleus", 3))
    dock._do_snap()
    assert "no boundary gate" in dock.status.text.text()


def test_the_journal_of_an_image_file_lies_beside_it(
    open_review, tmp_path: Path
) -> None:
    subject = persistence.Subject.of(Image(np.ones((4, 4))))
    assert subject.file is None
    file = tmp_path / "cells.png"
    file.write_bytes(b"")
    beside = persistence.Subject(np.ones((4, 4)), file, "z=2")
    assert beside.journal(beside.fingerprint()).name == f"cells.png z=2{ENDING}"
    assert (
        beside.fingerprint() != persistence.Subject(np.ones((4, 4)), file).fingerprint()
    )


def test_the_image_is_asked_for_where_it_is_not_certain(
    make_napari_viewer_proxy, manifest, qtbot, aside
) -> None:
    viewer = make_napari_viewer_proxy()
    for number, name in enumerate(("cell1", "cell10"), start=1):
        viewer.add_image(found().maps["probability"] * number, name=name)
    labels = viewer.add_labels(found().labels, name="mine")
    _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Review nuclei")
    assert dock.offer.text.text() == "Which image are the labels 'mine' of?"
    assert dock.session is None
    choices = {button.text(): button for button in dock.offer.buttons()}
    assert list(choices) == ["cell1", "cell10", "None of them"]
    choices["cell10"].click()
    qtbot.waitUntil(lambda: dock.session is not None)
    assert image_for(labels, viewer.layers).name == "cell10"
    assert dock.desk._found.image == fingerprint(viewer.layers["cell10"].data)


def test_a_saved_review_goes_to_the_image_with_its_pixels(
    open_review, tmp_path, qtbot
) -> None:
    hands = open_review()
    viewer, dock = hands.viewer, hands.dock
    dock.desk.save(tmp_path / "saved")
    qtbot.waitUntil(lambda: "Saved to" in dock.status.text.text())
    own = viewer.layers["c"].data
    dock.desk.end()
    viewer.layers.clear()
    viewer.add_image(own[::-1].copy(), name="c")
    viewer.add_image(own, name="renamed")
    dock.desk.open(tmp_path / "saved")
    qtbot.waitUntil(lambda: dock.session is not None)
    assert image_for(dock.session.layer, viewer.layers).name == "renamed"
