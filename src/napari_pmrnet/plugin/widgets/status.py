"""The status line of a dock: what came of the last action, and how far one is."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from napari_pmrnet.plugin.qt import there
from napari_pmrnet.plugin.widgets.layout import (
    Scrolling,
    keep_room,
    row_of,
    stack,
    text_label,
)

LINES = 3
BAR_HEIGHT = 6


class StatusLine(QWidget):
    """A sentence, and a bar over it while something takes its time.

    It is as high as `LINES` lines, whatever it says, so that nothing beside it moves:
    longer sentences scroll, and stand under the mouse as a whole.

    Parameters
    ----------
    text : str
        What is said first.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress")
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(BAR_HEIGHT)
        keep_room(self.bar)
        self.text = text_label("status", text)
        self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.text.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        self._lines = _Lines(self.text)
        stack(self, self.bar, self._lines, spacing=4)
        self.set_busy(False)

    @property
    def tone(self) -> str:
        """Tone of what is said: ``plain``, ``good``, ``warning`` or ``error``."""
        return self.text.property("tone") or "plain"

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a sentence: ``plain``, ``good``, a ``warning`` or an ``error``."""
        self.text.setText(text)
        self.text.setToolTip(f"<span>{escape(text)}</span>" if text else "")
        self._lines.setAccessibleDescription(text)
        there(self._lines.verticalScrollBar()).setValue(0)
        self.text.setProperty("tone", tone)
        # The style sheet is applied again, since the colour depends on the tone.
        style = there(self.text.style())
        style.unpolish(self.text)
        style.polish(self.text)

    def add(self, text: str, tone: str = "plain") -> None:
        """Show a sentence after what is said."""
        self.say(f"{self.text.text()} {text}".strip(), tone)

    def set_busy(self, busy: bool) -> None:
        """Show a bar that moves by itself, or hide the bar."""
        self.bar.setRange(0, 0)
        self.bar.setVisible(busy)

    def set_progress(self, done: int, total: int) -> None:
        """Move the bar; a total of zero means that nothing can be counted yet.

        The bar is empty then: Qt's moving one paints the window forty times a second.
        """
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done if total else 0)


class _Lines(Scrolling):
    """A label of as many lines as a status line has, however long its text."""

    def __init__(self, label: QLabel) -> None:
        super().__init__(label)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        # Nothing in it takes the focus: the frame does, to be scrolled and read out.
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setObjectName("said")
        self.setAccessibleName("Status")

    def sizeHint(self) -> QSize:
        """Height of the lines in the font that the theme gives them."""
        text = there(self.widget())
        return QSize(text.sizeHint().width(), LINES * text.fontMetrics().lineSpacing())

    def minimumSizeHint(self) -> QSize:
        """The same height, and any width."""
        return QSize(0, self.sizeHint().height())


class RunLine(QWidget):
    """Buttons that run and cancel, over the status line of what they do."""

    def __init__(self, run: str, text: str = "") -> None:
        super().__init__()
        self.run_button, self.cancel_button = QPushButton(run), QPushButton("Cancel")
        self.run_button.setObjectName("run")
        self.status = StatusLine(text)
        stack(
            self,
            row_of((self.run_button, 2), (self.cancel_button, 1)),
            self.status,
            spacing=6,
        )
        self.set_running(False)

    def set_running(self, running: bool) -> None:
        """Swap which of run and cancel can be pressed."""
        self.run_button.setEnabled(not running)
        self.cancel_button.setEnabled(running)
        self.status.set_busy(running)


def sentences(notes: Iterable[str]) -> str:
    """Notes on a result as sentences, one after the other."""
    return " ".join(f"{note[:1].upper()}{note[1:]}." for note in notes)
