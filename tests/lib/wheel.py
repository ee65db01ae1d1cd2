"""A mouse wheel that turns over a widget."""

from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QWidget


def turn_wheel(widget: QWidget) -> bool:
    """Turn the wheel over a widget; whether the widget took it.

    As Qt does for one that turns for real, it gives the focus first.
    """
    if widget.focusPolicy() == Qt.FocusPolicy.WheelFocus:
        widget.hasFocus = lambda: True
    where = QPointF(widget.rect().center())
    event = QWheelEvent(
        where,
        QPointF(widget.mapToGlobal(where.toPoint())),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
    return event.isAccepted()
