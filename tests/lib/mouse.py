"""Mouse events on a widget as a hand makes them: with moves between."""

from typing import Any

from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
PLAIN = Qt.KeyboardModifier.NoModifier
MOVES, PAUSE = 5, 15
"""Moves of a drag, and milliseconds between: no hand is quicker, and pyqtgraph leaves
out what is."""


def send(
    widget: Any, kind: Any, place: QPointF, button: Any, held: Any, keys: Any
) -> None:
    """Send an event to a widget, or to the view port of one that scrolls."""
    target = widget.viewport() if hasattr(widget, "viewport") else widget
    whole = QPointF(target.mapToGlobal(place.toPoint()))
    QApplication.sendEvent(target, QMouseEvent(kind, place, whole, button, held, keys))
    QApplication.processEvents()


def drag(
    widget: Any, start: Any, end: Any, keys: Any = PLAIN, button: Any = LEFT
) -> None:
    """Drag from one place (x, y) to another."""
    first, last = QPointF(*start), QPointF(*end)
    send(widget, QEvent.Type.MouseButtonPress, first, button, button, keys)
    for step in range(1, MOVES + 1):
        QTest.qWait(PAUSE)
        place = first + (last - first) * (step / MOVES)
        send(widget, QEvent.Type.MouseMove, place, NONE, button, keys)
    send(widget, QEvent.Type.MouseButtonRelease, last, button, NONE, keys)


def click(widget: Any, place: Any, keys: Any = PLAIN) -> None:
    """Click at a place (x, y)."""
    where = QPointF(*place)
    send(widget, QEvent.Type.MouseButtonPress, where, LEFT, LEFT, keys)
    send(widget, QEvent.Type.MouseButtonRelease, where, LEFT, NONE, keys)
