"""Reviews begin and end, are saved and opened, each with its image."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_pmrnet.plugin.layers.source_image import image_for
from napari_pmrnet.proofreading.journal import fingerprint
from napari_pmrnet.proofreading.saved_review import (
    SavedReview,
    load_review,
    save_review,
)

from .conftest import found


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


def test_a_folder_with_another_review_is_replaced_only_on_request(
    open_review, aside, qtbot
) -> None:
    hands = open_review()
    dock, folder = hands.dock, aside / "saved"
    labels = np.ones((4, 4), np.int32)
    save_review(folder, SavedReview(labels, labels, image="b", made={"image": "b"}))
    for button, image in ((1, "b"), (0, dock.desk.journal.found.image)):
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


def test_labels_that_go_while_they_are_looked_at_make_room_for_others(
    open_review, qtbot
) -> None:
    """As by the key for the next image of a folder, pressed twice."""
    hands = open_review()
    dock, first = hands.dock, hands.dock.session.layer
    other = hands.viewer.add_labels(np.ones((60, 80), np.int32), name="other")
    dock.begin(other)
    assert dock.desk._preparing.is_running
    hands.viewer.layers.remove(other)
    assert "'other' was removed" in dock.status.text.text()
    assert dock.status.bar.isHidden()
    qtbot.waitUntil(lambda: dock.session is not None)
    assert dock.session.layer is first


def test_labels_that_cannot_be_reviewed_take_the_place_of_those_looked_at(
    open_review, qtbot
) -> None:
    hands = open_review()
    dock, labels = hands.dock, np.ones((60, 80), np.int32)
    other = hands.viewer.add_labels(labels, name="other")
    levels = hands.viewer.add_labels([labels, labels[::2, ::2]], name="levels")
    dock.begin(other)
    worker = dock.desk._preparing._worker
    dock.begin(levels)
    qtbot.waitUntil(lambda: not worker.is_running)
    qtbot.wait(10)
    assert "several resolutions" in dock.offer.text.text()
    assert dock.status.bar.isHidden()
    assert dock.session is None


def test_an_offer_goes_with_the_labels_that_it_is_of(
    make_napari_viewer_proxy, manifest, aside
) -> None:
    viewer = make_napari_viewer_proxy()
    labels = np.ones((18, 18), int)
    viewer.add_labels([labels, labels[::2, ::2]], name="levels", multiscale=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-pmrnet", "Review nuclei")
    assert "several resolutions" in dock.offer.text.text()
    viewer.layers.clear()
    assert dock.offer.isHidden()


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
    assert dock.desk.journal.found.image == fingerprint(viewer.layers["cell10"].data)


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


def test_a_review_whose_labels_were_removed_is_restored(open_review, qtbot) -> None:
    """As it was drawn again, this ended the program; see `turn_to_canvas`."""
    hands = open_review()
    viewer, dock = hands.viewer, hands.dock
    hands.click(12, 10)
    hands.key(Qt.Key.Key_D)
    left = hands.data.copy()
    viewer.layers.remove("c nuclei")
    qtbot.waitUntil(lambda: "was begun earlier" in dock.offer.text.text())
    assert "'c' with 1 change was" in dock.offer.text.text()
    dock.offer.buttons()[0].click()
    qtbot.waitUntil(lambda: dock.session is not None)
    qtbot.wait(100)
    assert viewer.layers[-1].name == "c nuclei (restored)"
    assert (hands.data == left).all()


def test_a_lost_review_is_offered_for_the_image_that_was_looked_at(
    open_review, qtbot
) -> None:
    hands = open_review()
    viewer, dock, desk = hands.viewer, hands.dock, hands.dock.desk
    hands.click(12, 10)
    hands.key(Qt.Key.Key_D)
    image, found_there = viewer.layers["c"], desk.journal.found
    viewer.layers.remove("c nuclei")
    qtbot.waitUntil(lambda: "was begun earlier" in dock.offer.text.text())
    found_there = found_there.now()

    viewer.add_image(np.ones((60, 80)), name="other")
    desk.look_for_lost(image)
    viewer.layers.remove("c")
    desk._on_looked(found_there)
    assert not dock.offer.text.text(), "the image is gone"

    viewer.add_layer(image)
    dock.begin(viewer.add_labels(np.ones((60, 80), np.int32), name="others"))
    desk._on_looked(found_there)
    assert "was begun earlier" not in dock.offer.text.text(), "a review begins"
