"""Parts of the dock "Train on my corrections"; they know nothing of training."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSlider,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_pmrnet.plugin.qt import FollowsFont, Signal, there
from napari_pmrnet.plugin.widgets.layout import labelled_row, row_of, stack

HEADS = ("", "before", "after", "change")
TITLES = {
    "AP0.5": "AP at 0.5",
    "AP0.75": "AP at 0.75",
    "Dice": "Dice",
}
ON_DARK = "#5aa9e6", "#f2a65a"
ON_LIGHT = "#1f6fb2", "#a34700"
"""Colours of the losses on what is learned, and on what is held back."""
_MARGIN = 8
_KEY = 36
"""Width of a dash of a line's colour, and of what is free beside it."""


def line_colours(is_dark: bool) -> tuple[str, str]:
    """Colours of both curves, on a dark ground or a bright one."""
    return ON_DARK if is_dark else ON_LIGHT


class ImageList(QListWidget):
    """Reviewed images with a tick each."""

    def __init__(self) -> None:
        super().__init__()
        self._listed: list[Hashable] = []
        self.setMinimumHeight(60)
        self.setMaximumHeight(100)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setAccessibleName("Reviewed images to learn from")

    def show_texts(self, texts: Mapping[Hashable, str]) -> None:
        """List images; those that were listed keep their tick, new ones get one.

        Parameters
        ----------
        texts : mapping
            By what an image is known by while its text changes.
        """
        before = {one: self._ticked(row) for row, one in enumerate(self._listed)}
        self.clear()
        self._listed = list(texts)
        for one, text in texts.items():
            item = QListWidgetItem(text)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            ticked = before.get(one, True)
            item.setCheckState(
                Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
            )
            self.addItem(item)

    def texts(self) -> list[str]:
        """Texts of the list."""
        return [there(self.item(row)).text() for row in range(self.count())]

    def ticked(self) -> list[int]:
        """Rows that are ticked."""
        return [i for i in range(self.count()) if self._ticked(i)]

    def _ticked(self, row: int) -> bool:
        return there(self.item(row)).checkState() == Qt.CheckState.Checked


class Curve(QWidget):
    """Losses on what is learned and on what is held back; lower is better."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("curve")
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

    def minimumSizeHint(self) -> QSize:
        """Room for the words over the lines, and for as much below them."""
        fonts = self.fontMetrics()
        words = map(fonts.horizontalAdvance, (f"{n} 88.888" for n in self._lines))
        return QSize(sum(words) + 2 * _KEY + 2 * _MARGIN, 8 * fonts.height())

    def paintEvent(self, event: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
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
            self._lines.items(), line_colours(text.lightness() > 127), strict=True
        ):
            painter.setPen(QPen(QColor(colour), 2))
            painter.drawLine(QPointF(left, height / 2), QPointF(left + 14, height / 2))
            label = f"{name} {values[-1]:.3f}" if values else name
            painter.setPen(text)
            painter.drawText(QPointF(left + 20, 0.8 * height), label)
            left += _KEY + painter.fontMetrics().horizontalAdvance(label)
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


class ProgressPanel(QWidget):
    """Bar, curve, and the buttons of a training under way."""

    def __init__(self) -> None:
        super().__init__()
        self.bar, self.curve = QProgressBar(), Curve()
        self.bar.setAccessibleName("Epochs done")
        self.pause_button = QPushButton("Pause")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip(
            "Stop. What was learned so far stays until a new training begins, and "
            "Continue goes on from there"
        )
        stack(
            self,
            self.bar,
            self.curve,
            row_of((self.pause_button, 1), (self.cancel_button, 1)),
        )

    def show_epochs(self, done: int, epochs: int) -> None:
        """Move the bar; with 0 epochs it stays empty."""
        self.bar.setRange(0, max(1, epochs))
        self.bar.setValue(done)


class ScoreTable(FollowsFont, QTableWidget):
    """Scores before and after, one row each."""

    def __init__(self) -> None:
        super().__init__(len(TITLES), len(HEADS))
        self.setHorizontalHeaderLabels(HEADS)
        there(self.verticalHeader()).hide()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Scores on the nuclei that were held back")
        self._heads = there(self.horizontalHeader())
        self._heads.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._heads.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_scores(
        self, before: Mapping[str, float], after: Mapping[str, float]
    ) -> None:
        """Fill the table."""
        for row, (name, title) in enumerate(TITLES.items()):
            change = after[name] - before[name]
            texts = title, f"{before[name]:.3f}", f"{after[name]:.3f}", f"{change:+.3f}"
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                self.setItem(row, column, item)
        self.fit()

    def fit(self) -> None:
        """Be as tall as the rows, in the font that they have."""
        self.resizeRowsToContents()
        rows = sum(self.rowHeight(row) for row in range(self.rowCount()))
        self.setFixedHeight(rows + self._heads.sizeHint().height() + 8)


class ResultPanel(QWidget):
    """Result of a training: scores, the seam, and the choice to keep the model."""

    moved = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.table, self.name = ScoreTable(), QLineEdit()
        self.name.setPlaceholderText("name of the new model")
        self.compare_button = QPushButton("Compare on the image")
        self.compare_button.setToolTip(
            "Segment the image on show with both models, and draw one left and the "
            "other right of a seam that you can move"
        )
        self.seam = QSlider(Qt.Orientation.Horizontal)
        self.seam.setRange(0, 1000)
        self.seam.setValue(500)
        self.seam.setAccessibleName("Seam between before (left) and after (right)")
        self.keep_button, self.discard_button = (
            QPushButton("Keep"),
            QPushButton("Discard"),
        )
        self.keep_button.setToolTip("Put the model into your library")
        self.seam_row = QWidget()
        ends = QLabel("before"), QLabel("after")
        stack(self.seam_row, row_of((ends[0], 0), (self.seam, 1), (ends[1], 0)))
        stack(
            self,
            self.table,
            self.compare_button,
            self.seam_row,
            labelled_row("Name", self.name),
            row_of((self.keep_button, 1), (self.discard_button, 1)),
        )
        self.seam_row.hide()
        self.seam.valueChanged.connect(lambda value: self.moved.emit(value / 1000))
