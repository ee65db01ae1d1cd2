"""Labels filled, as outlines or not, and the image alone while a key is held."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QShortcut
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from .conftest import Driver


def shown(hands: Driver) -> dict[str, tuple]:
    """All that decides how the layers look."""
    names = ("visible", "opacity", "blending", "contour")
    return {
        layer.name: tuple(getattr(layer, name, None) for name in names)
        for layer in hands.viewer.__wrapped__.layers
    }


@pytest.fixture
def hands(open_review) -> Driver:
    """A review with maps on show, one of them blended in a way of its own."""
    hands = open_review()
    hands.click(12, 10)
    layers = hands.viewer.__wrapped__.layers
    layers["c certainty"].visible = True
    layers["c boundary"].visible = True
    layers["c boundary"].blending = "minimum"
    layers["c nuclei"].opacity = 0.55
    return hands


def test_one_key_leads_from_filled_to_outlines_to_nothing(hands, qtbot) -> None:
    layer, dock = hands.dock.session.layer, hands.dock
    for contour, visible, told in (
        (1, True, "outlines"),
        (1, False, "not shown"),
        (0, True, "filled"),
        (1, True, "outlines"),
    ):
        hands.key(Qt.Key.Key_8)
        assert (layer.contour, layer.visible) == (contour, visible)
        assert told in dock.status.text.text()
        assert bool(dock.session.paused) is not visible
    assert hands.dock.current == ("nucleus", 1)


def test_the_image_is_alone_as_long_as_the_key_is_held(hands) -> None:
    before = shown(hands)
    QTest.keyPress(hands.canvas, Qt.Key.Key_9)
    while_held = shown(hands)
    assert while_held.pop("c") == before["c"]
    assert {state[1:3] for state in while_held.values()} == {(0, "translucent")}
    assert not hands.dock.session.paused
    QTest.keyRelease(hands.canvas, Qt.Key.Key_9)
    assert shown(hands) == before


def test_an_image_that_is_hidden_is_shown_for_a_look(hands) -> None:
    image = hands.viewer.__wrapped__.layers["c"]
    image.visible = False
    before = shown(hands)
    QTest.keyPress(hands.canvas, Qt.Key.Key_9)
    assert image.visible
    QTest.keyRelease(hands.canvas, Qt.Key.Key_9)
    assert shown(hands) == before


@pytest.mark.parametrize(
    "how", ["release in the dock", "button", "other key", "window", "end"]
)
def test_the_look_ends_however_the_key_is_let_go(hands, how: str, qtbot) -> None:
    before, dock = shown(hands), hands.dock
    if how == "button":
        button = dock.edits.buttons["alone"]
        QTest.mousePress(button, Qt.MouseButton.LeftButton)
        assert shown(hands) != before
        QTest.mouseRelease(button, Qt.MouseButton.LeftButton)
        assert shown(hands) == before
        return
    QTest.keyPress(hands.canvas, Qt.Key.Key_9)
    QTest.keyRelease(hands.canvas, Qt.Key.Key_W)
    assert shown(hands) != before, "another key was let go"
    if how == "release in the dock":
        QTest.keyRelease(dock.table, Qt.Key.Key_9)
    elif how == "other key":
        hands.key(Qt.Key.Key_A)
        assert dock.session.review.statuses == {("nucleus", 1): "accepted"}
    elif how == "window":
        QApplication.sendEvent(dock.window(), QEvent(QEvent.Type.WindowDeactivate))
    else:
        dock.desk.end()
        del before["review outline"]
    assert shown(hands) == before


def test_a_key_held_in_the_dock_works_too(hands) -> None:
    before, dock = shown(hands), hands.dock
    shortcuts = dock.findChildren(QShortcut)
    held = next(one for one in shortcuts if one.key().toString() == "9")
    held.activated.emit()
    assert shown(hands) != before
    QTest.keyRelease(dock.table, Qt.Key.Key_9)
    assert shown(hands) == before


def test_what_is_drawn_is_the_image_alone(hands, qtbot) -> None:
    """Looked at on the screen: no pixel has a colour while the key is held."""
    viewer = hands.viewer.__wrapped__

    def colourful() -> float:
        pixels = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
        # The colour bar of the certainty layer stays, in the corner.
        pixels = pixels[pixels.shape[0] // 2 :, : pixels.shape[1] // 2]
        return float((np.ptp(pixels, axis=-1) > 24).mean())

    qtbot.wait(200)
    assert colourful() > 0.01
    QTest.keyPress(hands.canvas, Qt.Key.Key_9)
    qtbot.wait(100)
    assert colourful() < 0.002
    QTest.keyRelease(hands.canvas, Qt.Key.Key_9)
    qtbot.wait(100)
    assert colourful() > 0.01
