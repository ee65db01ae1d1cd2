"""The status line of a dock: what came of the last action, and how far one is."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QProgressBar, QPushButton, QSizePolicy, QWidget

from napari_pmrnet.plugin.qt import there
from napari_pmrnet.plugin.widgets.layout import row_of, stack, text_label


class StatusLine(QWidget):
    """A sentence, and a bar over it while something takes its time.

    Parameters
    ----------
    text : str
        What is said first.
    lines : int
        Lines that are kept free, so that parts below do not jump.
    """

    def __init__(self, text: str = "", lines: int = 2) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.text = text_label("status", text)
        self.text.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        if lines > 1:
            self.text.setAlignment(Qt.AlignmentFlag.AlignTop)
            self.text.setMinimumHeight(lines * self.text.fontMetrics().height())
        stack(self, self.bar, self.text, spacing=6)
        self.set_busy(False)

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a sentence: ``plain``, ``good``, a ``warning`` or an ``error``."""
        self.text.setText(text)
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


class RunLine(QWidget):
    """Buttons that run and cancel, over the status line of what they do."""

    def __init__(self, run: str, text: str = "") -> None:
        super().__init__()
        self.run_button, self.cancel_button = QPushButton(run), QPushButton("Cancel")
        self.run_button.setObjectName("run")
        self.status = StatusLine(text, lines=1)
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
