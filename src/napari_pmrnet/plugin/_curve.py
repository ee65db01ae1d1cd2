"""A small plot of two losses, epoch by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QPointF, QRectF
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

LEARNED, HELD_BACK = "#5aa9e6", "#f2a65a"
_MARGIN = 8


class Curve(QWidget):
    """Losses on what is learned and on what is held back; lower is better."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(120)
        self.setAccessibleName("Loss of every epoch")
        self._epochs = 1
        self._lines: dict[str, list[float]] = {"learned": [], "held back": []}

    def show_losses(
        self, learned: Sequence[float], held_back: Sequence[float], epochs: int
    ) -> None:
        """Plot what there is of `epochs` epochs."""
        self._lines = {"learned": list(learned), "held back": list(held_back)}
        self._epochs = max(1, epochs)
        self.update()

    def paintEvent(self, event: Any) -> None:
        """Draw both lines, each to a scale of its own, with its last value."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(self.foregroundRole())
        height = painter.fontMetrics().height()
        box = QRectF(self.rect()).adjusted(_MARGIN, height + 6, -_MARGIN, -_MARGIN)
        frame = QColor(text)
        frame.setAlphaF(0.3)
        painter.setPen(frame)
        painter.drawRect(box)
        left = float(_MARGIN)
        for (name, values), colour in zip(
            self._lines.items(), (LEARNED, HELD_BACK), strict=True
        ):
            painter.setPen(QPen(QColor(colour), 2))
            painter.drawLine(QPointF(left, height / 2), QPointF(left + 14, height / 2))
            label = f"{name} {values[-1]:.3f}" if values else name
            painter.setPen(text)
            painter.drawText(QPointF(left + 20, 0.8 * height), label)
            left += 36 + painter.fontMetrics().horizontalAdvance(label)
            if values:
                painter.setPen(QPen(QColor(colour), 2))
                painter.drawPolyline(QPolygonF(self._points(values, box)))
        painter.end()

    def _points(self, values: Sequence[float], box: QRectF) -> list[QPointF]:
        """Places of the values, with a dot's width where there is one only."""
        low, high = min(values), max(values)
        spread = max(high - low, 1e-9)
        step = box.width() / max(1, self._epochs - 1)
        inner = box.adjusted(0, 4, 0, -4)
        points = [
            QPointF(
                box.left() + step * i,
                inner.bottom() - inner.height() * (v - low) / spread,
            )
            for i, v in enumerate(values)
        ]
        return points if len(points) > 1 else [points[0], points[0] + QPointF(2, 0)]
