"""Status lines of the docks, and the rows they stand in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)


class StatusPanel(QWidget):
    """What came of the last gesture, and a bar while something takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.hide()
        self.text = QLabel("")
        self.text.setObjectName("status")
        self.text.setWordWrap(True)
        self.text.setMinimumHeight(2 * self.text.fontMetrics().height())
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.bar)
        column.addWidget(self.text)

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a sentence in one of the tones of the run panel."""
        show_tone(self.text, text, tone)


def labelled_row(title: str, widget: QWidget) -> QFormLayout:
    """A widget with its label before it."""
    row = QFormLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.addRow(title, widget)
    return row


TONES = ("plain", "good", "warning", "error")


def show_tone(label: QLabel, text: str, tone: str) -> None:
    """Show a sentence in one of the ``TONES`` of the style sheet."""
    label.setText(text)
    label.setProperty("tone", tone)
    restyle(label)


def restyle(widget: QWidget) -> None:
    """Apply the style sheet again after a property it depends on has changed."""
    style = widget.style()
    style.unpolish(widget)
    style.polish(widget)


def row_of(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    """Widgets side by side, each with its share of the width."""
    row: Any = QHBoxLayout()
    row.setSpacing(6)
    for widget, share in widgets:
        row.addWidget(widget, share)
    return row


def sentences(notes: Iterable[str]) -> str:
    """Notes on a result as sentences, one after the other."""
    return " ".join(f"{note[:1].upper()}{note[1:]}." for note in notes)
