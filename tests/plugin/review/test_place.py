"""A reviewer does not lose the place: the queue, undo, the zoom, and what is said."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication
from scipy import ndimage

from napari_pmrnet.plugin.layers.axes import camera_of

from ..conftest import Found, make_segmentation
from .conftest import CONTROL, SHIFT, Driver

DOUBTFUL_FIRST = (3, 1, 5, 2, 4, 6)
"""Labels of the nuclei in the order of the queue."""


def six() -> Found:
    """Six nuclei in a row, each of another certainty; the fourth is a fragment."""
    probability = np.zeros((200, 400), np.float32)
    for turn in range(6):
        size = 6 if turn == 3 else 20
        probability[90 : 90 + size, 20 + 60 * turn : 20 + 60 * turn + size] = 0.9
    made = make_segmentation(probability)
    certainty = np.zeros_like(probability)
    for place, label in enumerate(DOUBTFUL_FIRST):
        certainty[made.labels == label] = 0.1 * place + 0.2
    maps = {**made.maps, "certainty": certainty}
    return Found(made.labels, maps, made.objects, made.settings)


@pytest.fixture
def hands(open_review, monkeypatch) -> Driver:
    """A review of them, without proposals."""
    monkeypatch.setattr(Found, "missed", lambda self: None)
    return open_review(six())


def said(hands: Driver) -> str:
    return hands.dock.status.text.text()


def middle(label: int) -> tuple[float, float]:
    """Place of a nucleus."""
    return (91, 20 + 60 * (label - 1) + 1)


def centre(hands: Driver) -> tuple[float, ...]:
    return tuple(camera_of(hands.viewer).center[-2:])


def zoom(hands: Driver) -> float:
    return camera_of(hands.viewer).zoom


def next_(hands: Driver) -> int:
    hands.key(Qt.Key.Key_W)
    return hands.dock.current[1]


def show_all(hands: Driver) -> None:
    """Bring all nuclei on the canvas, where they can be clicked."""
    hands.viewer.reset_view()
    hands._qtbot.wait(50)


def test_next_goes_on_from_where_the_queue_was(hands) -> None:
    assert [next_(hands), next_(hands)] == [3, 1]
    show_all(hands)
    hands.click(*middle(6))
    assert hands.dock.current == ("nucleus", 6) and "Nucleus 6" in said(hands)
    assert next_(hands) == 5, "the queue was at 1"
    hands.dock.table.selectRow(5)
    assert hands.dock.current == ("nucleus", 6)
    assert next_(hands) == 2
    hands.key(Qt.Key.Key_Q)
    assert hands.dock.current == ("nucleus", 5)


def test_an_answer_beside_the_queue_leads_back_to_it(hands) -> None:
    assert [next_(hands), next_(hands)] == [3, 1]
    show_all(hands)
    hands.click(*middle(2))
    hands.key(Qt.Key.Key_A)
    assert hands.dock.session.review.statuses == {("nucleus", 2): "accepted"}
    assert hands.dock.current == ("nucleus", 1), "which was not answered yet"
    hands.key(Qt.Key.Key_D)
    assert hands.dock.current == ("nucleus", 5)
    assert next_(hands) == 4, "2 was accepted already"


def test_the_first_row_that_is_chosen_is_where_the_queue_begins(hands) -> None:
    hands.dock.table.selectRow(2)
    assert hands.dock.current == ("nucleus", 5)
    assert next_(hands) == 2


def test_previous_at_the_start_says_so(hands) -> None:
    assert next_(hands) == 3
    hands.key(Qt.Key.Key_Q)
    assert hands.dock.current == ("nucleus", 3)
    assert "start of the queue" in said(hands) and "reviewed" not in said(hands)
    for _ in range(6):
        hands.key(Qt.Key.Key_A)
    assert "Nucleus 6 accepted" in said(hands)
    assert "Every place listed here was reviewed" in said(hands)
    hands.key(Qt.Key.Key_Q)
    assert "Every place listed here was reviewed" in said(hands)


def test_undo_goes_back_to_the_place_it_undoes(hands) -> None:
    dock, before = hands.dock, hands.data.copy()
    table = dock.session.review.nuclei.table.copy()
    next_(hands)
    hands.key(Qt.Key.Key_A)
    hands.key(Qt.Key.Key_D)
    hands.key(Qt.Key.Key_A)
    assert dock.current == ("nucleus", 2)
    for label, status in ((5, None), (1, None), (3, None)):
        hands.key(Qt.Key.Key_Z, CONTROL)
        assert dock.current == ("nucleus", label)
        assert dock.table.places_model.place(dock.table.chosen_row()) == dock.current
        row, column = middle(label)
        assert centre(hands) == pytest.approx((row + 8.5, column + 8.5))
        assert f"Undone at nucleus {label}" in said(hands)
        assert dock.session.review.statuses.get(("nucleus", label)) is status
    assert (hands.data == before).all() and not dock.session.review.statuses
    assert dock.session.review.nuclei.table.equals(table)
    assert next_(hands) == 1, "the queue went back too"
    for label in (3, 1, 5):
        hands.key(Qt.Key.Key_Z, CONTROL | SHIFT)
        expected = None if label == 1 else ("nucleus", label)
        assert dock.current == expected
        assert "Done again" in said(hands)
    hands.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert "Nothing is left to be done again" in said(hands)


def test_undo_beside_the_queue_leaves_it_where_it_was(hands) -> None:
    assert [next_(hands), next_(hands)] == [3, 1]
    show_all(hands)
    hands.click(*middle(4))
    hands.dock._does["fill"]()
    hands.click(*middle(6))
    hands.key(Qt.Key.Key_G)
    hands.click(*middle(2))
    assert "Nuclei 2 and 6 merged into 6" in said(hands)
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert hands.dock.current == ("nucleus", 6)
    assert next_(hands) == 5


def test_undo_leaves_the_brush_its_number(hands) -> None:
    layer = hands.dock.session.layer
    show_all(hands)
    hands.key(Qt.Key.Key_N)
    layer.brush_size = 9
    hands.draw((150, 50), (150, 60))
    hands.draw(middle(2), (150, 80))
    assert layer.selected_label == 7
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert layer.selected_label == 7 and layer.mode == "paint"


def wheel(hands: Driver, steps: int) -> None:
    """Turn the mouse wheel over the canvas."""
    at = hands.canvas.rect().center()
    event = QWheelEvent(
        QPointF(at),
        QPointF(hands.canvas.mapToGlobal(at)),
        QPoint(),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(hands.canvas, event)
    hands._qtbot.wait(100)


def test_the_zoom_is_that_of_the_typical_nucleus(hands) -> None:
    found = set()
    for _ in range(6):
        next_(hands)
        found.add(round(zoom(hands), 6))
    assert len(found) == 1, "4 is a fragment"
    room = min(hands.dock._room())
    diameter = 2 * np.sqrt(400 / np.pi)
    assert found.pop() == pytest.approx(room / 8 / diameter, rel=0.05)


def test_the_zoom_of_the_mouse_wheel_stays(hands) -> None:
    next_(hands)
    before = zoom(hands)
    wheel(hands, -5)
    chosen = zoom(hands)
    assert chosen < 0.9 * before
    for label in (1, 5, 2, 4):
        assert next_(hands) == label
        assert zoom(hands) == pytest.approx(chosen)
    hands.key(Qt.Key.Key_A)
    hands.key(Qt.Key.Key_Z, CONTROL)
    assert zoom(hands) == pytest.approx(chosen)


def test_a_click_of_a_split_on_a_neighbour_is_refused(hands) -> None:
    show_all(hands)
    dock, before = hands.dock, hands.data.copy()
    hands.click(*middle(1))
    hands.key(Qt.Key.Key_S)
    y, x = middle(1)
    hands.click(y + 2, x + 2)
    hands.click(*middle(2))
    assert "That is nucleus 2, and nucleus 1 is being split" in said(hands)
    hands.key(Qt.Key.Key_Return)
    assert (hands.data == before).all() and dock.stage.canvas.tool == "split"
    hands.click(y + 14, x + 14)
    hands.key(Qt.Key.Key_Return)
    assert "Nucleus 1 split into 1 and 7; Ctrl+Z undoes it." in said(hands)
    assert (hands.data == 2).sum() == (before == 2).sum()


def test_every_action_answers(hands, qtbot) -> None:
    """Each of them says something of its own, and none leaves the line as it was."""
    dock = hands.dock
    buttons = dock.edits.buttons
    show_all(hands)
    hands.click(*middle(5))

    def answer(do) -> str:
        dock.say("")
        do()
        qtbot.wait(20)
        assert said(hands), "no answer"
        return said(hands)

    assert answer(buttons["next"].click) == "Nucleus 3, certainty 0.20."
    assert "start" in answer(buttons["previous"].click)
    assert "accepted; Ctrl+Z" in answer(buttons["accept"].click)
    assert answer(buttons["reject"].click) == (
        "Nucleus 1 deleted; Ctrl+Z brings it back."
    )
    assert "Undone at nucleus 1; Ctrl+Shift+Z" in answer(buttons["undo"].click)
    assert "Done again" in answer(buttons["redo"].click)
    for name in ("split", "cut", "merge", "join", "rectangle"):
        assert "Escape" in answer(buttons[name].click)
        assert "nothing was changed" in answer(buttons[name].click)
    hands.click(*middle(2))
    for name in ("fill", "smooth", "snap"):
        answer(buttons[name].click)
    assert "Paint" in answer(buttons["new"].click)
    dock.session.layer.mode = "pan_zoom"
    for told in ("outlines", "not shown", "filled"):
        assert told in answer(buttons["look"].click)
    assert "glow" in answer(lambda: dock.queue.colour.setChecked(True))
    assert "own colour" in answer(lambda: dock.queue.colour.setChecked(False))
    assert "listed" in answer(lambda: dock.queue.which.setCurrentIndex(1))
    assert "listed" in answer(lambda: dock.queue.doubt.setValue(0.31))
    assert "numbered" in answer(lambda: dock.bulk.renumber.emit())
    many = answer(lambda: dock.bulk.delete_below.emit("area", 1e6))
    assert many == "5 nuclei deleted; Ctrl+Z brings them back."


def test_touching_nuclei_never_share_a_colour_on_screen(
    open_review, monkeypatch, qtbot
) -> None:
    """Numbers 49 apart have one colour of napari's; here they are neighbours."""
    monkeypatch.setattr(Found, "missed", lambda self: None)
    probability = np.zeros((40, 70), np.float32)
    probability[10:30, 5:65] = 0.9
    made = make_segmentation(probability)
    labels = made.labels.copy()
    labels[:, 25:45][labels[:, 25:45] > 0] = 50
    labels[:, 45:][labels[:, 45:] > 0] = 99
    found = Found(labels, made.maps, made.objects, made.settings)
    hands = open_review(found)
    layer = hands.dock.session.layer

    def pixels(label: int) -> np.ndarray:
        shot = hands.viewer.__wrapped__.screenshot(canvas_only=True, flash=False)
        scale = shot.shape[0] / hands.canvas.height()
        mask = np.pad(np.asarray(layer.data) == label, 1)
        depth = ndimage.distance_transform_edt(mask)[1:-1, 1:-1]
        at = hands.point(*map(float, np.unravel_index(depth.argmax(), depth.shape)))
        return shot[int(at.y() * scale), int(at.x() * scale), :3].astype(int)

    qtbot.wait(100)
    assert np.abs(pixels(1) - pixels(50)).sum() > 30
    assert np.abs(pixels(50) - pixels(99)).sum() > 30
    hands.click(20, 15)
    hands.click(20, 10, CONTROL)
    hands.click(20, 20, CONTROL)
    hands.key(Qt.Key.Key_Return)
    qtbot.wait(100)
    assert not np.allclose(layer.get_color(1), layer.get_color(100))
    assert np.abs(pixels(1) - pixels(100)).sum() > 30
    hands.key(Qt.Key.Key_Z, CONTROL)
    layer.selected_label, layer.mode, layer.brush_size = 148, "paint", 8
    hands.viewer.__wrapped__.layers.selection.active = layer
    hands.draw((20, 10), (20, 14))
    qtbot.wait(100)
    assert (hands.data == 148).any()
    assert not np.allclose(layer.get_color(1), layer.get_color(148))
    assert np.abs(pixels(1) - pixels(148)).sum() > 30
