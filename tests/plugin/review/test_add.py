"""Click to add with real mouse and keys: preview, Enter, Escape, drag, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from ..conftest import Found, make_segmentation
from .conftest import ALT, CONTROL, SHIFT, Driver


def half_seen() -> Found:
    """Two nuclei with labels; a third, of radius 7 at (44, 56), was half seen."""
    ys, xs = np.mgrid[:60, :80]
    probability = np.zeros((60, 80), np.float32)
    probability[5:20, 5:20] = probability[30:45, 10:25] = 0.9
    probability[np.hypot(ys - 44, xs - 56) < 7] = 0.4
    made = make_segmentation(probability)
    maps = {**made.maps, "boundary": np.zeros_like(probability)}
    return Found(made.labels, maps, made.objects, made.settings)


@pytest.fixture
def hands(open_review) -> Driver:
    return open_review(half_seen())


def disc() -> np.ndarray:
    ys, xs = np.mgrid[:60, :80]
    return np.hypot(ys - 44, xs - 56) < 7


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return (first & second).sum() / (first | second).sum()


def previewed(hands: Driver) -> bool:
    hands.dock.stage.canvas.marks.flush()
    return "preview" in hands.dock.stage.canvas.marks._parts


def test_a_click_shows_an_outline_and_enter_adds_it(hands) -> None:
    before, dock = hands.data.copy(), hands.dock
    hands.key(Qt.Key.Key_I)
    assert dock.stage.canvas.tool == "add" and dock.edits.buttons["add"].isDown()
    assert "without a label" in dock.status.text.text()
    hands.click(45, 57)
    assert (hands.data == before).all() and previewed(hands)
    assert "Enter adds it" in dock.status.text.text()
    hands.key(Qt.Key.Key_Return)
    assert iou(hands.data == 3, disc()) > 0.7
    assert (hands.data[before > 0] == before[before > 0]).all()
    assert "Nucleus 3 added" in dock.status.text.text() and not previewed(hands)
    assert dock.current == ("nucleus", 3)
    assert dock.queue.progress.text() == "1 of 3 reviewed, 1 edited"
    table = dock.session.review.nuclei.table
    assert 0 < table.loc[3, "certainty"] < 1
    assert dock.stage.canvas.tool == "add", "the next one can be clicked at once"
    hands.key(Qt.Key.Key_Escape)
    assert dock.stage.canvas.tool == ""
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == before).all()
    hands.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert (hands.data == 3).any()


def test_escape_and_the_key_again_change_nothing(hands) -> None:
    before = hands.data.copy()
    for leave in (Qt.Key.Key_Escape, Qt.Key.Key_I):
        hands.key(Qt.Key.Key_I)
        hands.click(45, 57)
        hands.key(leave)
        assert hands.dock.stage.canvas.tool == "" and not previewed(hands)
        assert "nothing was changed" in hands.dock.status.text.text()
        hands.key(Qt.Key.Key_Return)
    assert (hands.data == before).all()
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert "Nothing is left" in hands.dock.status.text.text()


def test_another_click_and_a_drag_take_the_place_of_the_first(hands) -> None:
    hands.key(Qt.Key.Key_I)
    hands.click(50, 35)
    hands.draw((44, 49), (44, 56), (44, 63))
    assert "pixels" in hands.dock.status.text.text() and previewed(hands)
    hands.key(Qt.Key.Key_Return)
    assert iou(hands.data == 3, disc()) > 0.7 and not hands.data[50, 35]
    hands.key(Qt.Key.Key_Return)
    assert len(np.unique(hands.data)) == 4, "a second Enter adds nothing"


def test_a_click_on_a_nucleus_is_refused_in_words(hands) -> None:
    before = hands.data.copy()
    hands.key(Qt.Key.Key_I)
    hands.click(45, 57)
    hands.click(12, 10)
    assert "Nucleus 1 is there already" in hands.dock.status.text.text()
    assert not previewed(hands)
    hands.key(Qt.Key.Key_Return)
    assert (hands.data == before).all()
    assert hands.dock.current is None


def test_a_click_in_a_proposal_is_its_answer(hands) -> None:
    dock = hands.dock
    hands.key(Qt.Key.Key_I)
    hands.click(53, 73)
    hands.key(Qt.Key.Key_Return)
    assert (hands.data[50:56, 70:76] == 3).mean() > 0.5
    places = dock.session.review.places()
    assert "missed" not in set(places["kind"])
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert dock.current == ("missed", 1)


def test_a_preview_goes_when_the_labels_change(hands) -> None:
    hands.click(12, 10)
    hands.key(Qt.Key.Key_D)
    deleted = hands.data.copy()
    hands.key(Qt.Key.Key_I)
    hands.click(45, 57)
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert not previewed(hands)
    restored = hands.data.copy()
    assert (restored != deleted).any()
    hands.key(Qt.Key.Key_Return)
    assert (hands.data == restored).all()


def test_labels_alone_are_added_to_by_the_image(hands, qtbot) -> None:
    layers, dock = hands.viewer.layers, hands.dock
    labels = half_seen().labels
    ours = layers["c nuclei"]
    ours.visible = False
    other = hands.viewer.add_labels(labels.copy(), name="c labels")
    dock.layers.set_value(other)
    dock.begin(other)
    qtbot.waitUntil(
        lambda: dock.session is not None and dock.session.layer.name == "c labels"
    )
    assert "probability" not in dock.session.review.nuclei.maps
    hands.key(Qt.Key.Key_I)
    hands.click(45, 57)
    hands.key(Qt.Key.Key_Return)
    assert iou(hands.data == 3, disc()) > 0.7


def test_alt_and_a_click_delete_a_nucleus_or_add_one_where_there_is_none(hands) -> None:
    before, dock = hands.data.copy(), hands.dock
    hands.click(10, 10, ALT)
    assert not (hands.data == 1).any() and (hands.data == 2).any()
    assert "deleted" in dock.status.text.text()
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == before).all()
    hands.click(45, 57, ALT)
    assert iou(hands.data == 3, disc()) > 0.7 and not previewed(hands)
    assert "Nucleus 3 added" in dock.status.text.text()
    assert dock.current == ("nucleus", 3) and dock.stage.canvas.tool == ""
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert (hands.data == before).all()
