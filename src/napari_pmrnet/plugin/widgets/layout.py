"""Layout of the parts of a dock: rows, scrolling columns, frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

from qtpy.QtCore import QEvent, QRect, QSize, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_pmrnet.plugin.qt import there

Part: TypeAlias = QWidget | QLayout | tuple[QWidget, int]
"""Part of a layout; the number is its share of the height that is left over."""

LEAST_HEIGHT = 90
LEAST_BUTTON = 32


class _Sentence(QLabel):
    """A label as high as its text needs at the width that it has.

    Qt wishes for room at a narrower width of its own too, and rows of a form keep it.
    """

    def sizeHint(self) -> QSize:
        """The height of a single line; layouts ask for that of the width apart."""
        least = self.minimumSizeHint().height()
        return QSize(super().sizeHint().width(), least)


def text_label(name: str, text: str = "") -> QLabel:
    """Label of a sentence, under a name that the style sheet knows.

    The sentence is shown as it is, names of files and layers with tags in them too.
    """
    label = _Sentence(text)
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


def stack(
    widget: QWidget,
    *parts: Part,
    margins: tuple[int, int, int, int] | None = (0, 0, 0, 0),
    spacing: int | None = None,
) -> QVBoxLayout:
    """Lay parts out in a widget, one under the other.

    Parameters
    ----------
    widget : QWidget
    *parts : Part
    margins : tuple of int, optional
        Left, top, right and bottom in pixels; None: those of the style.
    spacing : int, optional
        Pixels between parts; by default that of the style.
    """
    column = QVBoxLayout(widget)
    if margins is not None:
        column.setContentsMargins(*margins)
    if spacing is not None:
        column.setSpacing(spacing)
    for part in parts:
        if isinstance(part, QLayout):
            column.addLayout(part)
        elif isinstance(part, tuple):
            column.addWidget(*part)
        else:
            column.addWidget(part)
    return column


def name_by(label: QLabel, control: QWidget) -> None:
    """Have a label name a control to those who do not see it.

    Of a field, the control that it is for is named.
    """
    proxy = control.focusProxy()
    # An empty combo box is false to Python.
    label.setBuddy(control if proxy is None else proxy)


class Form(QFormLayout):
    """Rows of controls, each named by what stands before it.

    Parameters
    ----------
    widget : QWidget, optional
        That has the rows; without one, the rows have no margins.
    """

    def __init__(self, widget: QWidget | None = None) -> None:
        if widget is None:
            super().__init__()
            self.setContentsMargins(0, 0, 0, 0)
        else:
            super().__init__(widget)

    def addRow(self, *parts: Any) -> None:
        """Qt's: add a row, whose label names its control."""
        super().addRow(*parts)
        if len(parts) == 2 and isinstance(parts[1], QWidget):
            label = self.labelForField(parts[1])
            if isinstance(label, QLabel):
                name_by(label, parts[1])

    def heightForWidth(self, width: int) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Qt's: height at a width; see `setGeometry`."""
        return super().heightForWidth(self._told_apart(width))

    def setGeometry(self, rect: QRect) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Qt's: give every row the height that its text needs at this very width.

        Qt keeps the height of two widths, the one that it wishes for and the one asked
        for last, but the rows for one of them only. So another is asked for first. To
        invalidate the layout instead would have it laid out again and again.
        """
        width = self._told_apart(rect.width())
        super().heightForWidth(self._told_apart(width - 1))
        super().setGeometry(QRect(rect.x(), rect.y(), width, rect.height()))

    def _told_apart(self, width: int) -> int:
        """A width, but a pixel less than the one that Qt wishes for."""
        return width - (width == self.sizeHint().width())


class NarrowButton(QPushButton):
    """A button as narrow as its sign, with a name for those who do not see it."""

    def __init__(self, sign: str, name: str) -> None:
        super().__init__(sign)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Room for the sign, and for a finger."""
        return super().sizeHint().expandedTo(QSize(LEAST_BUTTON, 0))

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()


def row_of(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    """Widgets side by side, each with its share of the width.

    A label names the control after it.
    """
    # qtpy's stubs know `addWidget` without a stretch only.
    row: Any = QHBoxLayout()
    row.setSpacing(6)
    for widget, share in widgets:
        row.addWidget(widget, share)
    for (label, _), (control, _) in pairwise(widgets):
        if isinstance(label, QLabel) and not isinstance(control, QAbstractButton):
            name_by(label, control)
    return row


def labelled_row(title: str, widget: QWidget) -> Form:
    """A widget with its label before it."""
    row = Form()
    row.addRow(title, widget)
    return row


def column_of(*parts: Part) -> QWidget:
    """Parts of a form one under the other, with room for a scroll bar beside them."""
    widget = QWidget()
    column = stack(widget, *parts, margins=(0, 0, 6, 0), spacing=6)
    if not any(isinstance(part, tuple) for part in parts):
        column.addStretch(1)
    return widget


def keep_room(widget: QWidget) -> None:
    """Give a widget its room while it is hidden, so that none moves when it shows."""
    policy = widget.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    widget.setSizePolicy(policy)


class Scrolling(QScrollArea):
    """A frame that a widget scrolls up and down in where the window is low.

    Tab goes to what is in it, which is scrolled to, and does not stop at the frame.
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)

    def eventFilter(self, watched: Any, event: Any) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Follow the content when it grows: Qt keeps the size it began with."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def minimumSizeHint(self) -> QSize:
        """Size below which the content would be cut off at its side."""
        bar = there(self.verticalScrollBar()).sizeHint().width()
        least = there(self.widget()).minimumSizeHint().width()
        return QSize(least + bar + 2 * self.frameWidth(), LEAST_HEIGHT)


class Notice(QFrame):
    """A framed sentence over the ways on from it; hidden while there is none.

    Tab stops at the sentence, for it to be read out, before it goes to the ways.
    """

    def __init__(self, *buttons: QPushButton) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.text = text_label("")
        self.text.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.ways = QHBoxLayout()
        for button in buttons:
            self.ways.addWidget(button)
        stack(self, self.text, self.ways, margins=(8, 6, 8, 6))
        self.hide()

    def show_text(self, text: str) -> None:
        """Show a sentence; an empty one hides the notice."""
        self.text.setText(text)
        self.setVisible(bool(text))


class OfferPanel(Notice):
    """A sentence with some ways on from it, other ones each time."""

    def offer(
        self, text: str, ways: Sequence[tuple[str, Callable[[], Any]]] = ()
    ) -> None:
        """Show a sentence and a button for each way on; each hides the panel."""
        for button in self.buttons():
            self.ways.removeWidget(button)
            button.deleteLater()
        for title, slot in ways:
            button = QPushButton(title)
            button.clicked.connect(lambda _=False, slot=slot: (self.hide(), slot()))
            self.ways.addWidget(button)
        for before, after in pairwise([self.text, *self.buttons()]):
            QWidget.setTabOrder(before, after)
        self.show_text(text)

    def buttons(self) -> list[QPushButton]:
        """The buttons on show."""
        parts = (self.ways.itemAt(i) for i in range(self.ways.count()))
        widgets = (part.widget() for part in parts if part is not None)
        return [widget for widget in widgets if isinstance(widget, QPushButton)]
