"""The lower part of the dock: run, cancel, progress and what came of it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFrame,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_pmrnet.plugin.widgets.qt import Signal
from napari_pmrnet.plugin.widgets.status import row_of, show_tone


class RunPanel(QWidget):
    """Buttons, progress bar and status; it knows nothing of segmentation."""

    relabel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.run_button = QPushButton()
        self.run_button.setObjectName("run")
        self.cancel_button = QPushButton("Cancel")
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.status = QLabel()
        self.status.setObjectName("status")
        self.status.setWordWrap(True)
        self.status.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum
        )
        self.notice = _Notice()
        self.export_button = QPushButton("Export labels...")
        self.defaults_button = QPushButton("Restore defaults")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(row_of((self.run_button, 2), (self.cancel_button, 1)))
        column.addWidget(self.progress)
        column.addWidget(self.status)
        column.addWidget(self.notice)
        column.addLayout(row_of((self.export_button, 1), (self.defaults_button, 1)))
        self.notice.button.clicked.connect(self.relabel_requested)
        self.name_run("Segment nuclei")
        self.set_running(False)

    def name_run(self, name: str) -> None:
        """Name the button that runs, and what is said before the first run."""
        if self.status.text() in ("", _greeting(self.run_button.text())):
            self.status.setText(_greeting(name))
        self.run_button.setText(name)

    def set_running(self, running: bool) -> None:
        """Swap which of run and cancel can be pressed."""
        self.run_button.setEnabled(not running)
        self.cancel_button.setEnabled(running)
        self.progress.setVisible(running)
        if running:
            self.set_progress(0, 0)

    def set_progress(self, done: int, total: int) -> None:
        """Move the bar; a total of zero means that nothing can be counted yet.

        The bar is empty then: Qt's moving one paints the window forty times a second.
        """
        self.progress.setRange(0, max(total, 1))
        self.progress.setValue(done if total else 0)

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a sentence in one of the ``TONES``."""
        show_tone(self.status, text, tone)


def _greeting(name: str) -> str:
    return f"Choose an image and press {name}."


class _Notice(QFrame):
    """A sentence about kept corrections, with the way on from there."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("notice")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignLeft)
        self.button = QPushButton("Label anew in another layer")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.addWidget(self.text)
        column.addWidget(self.button)
        self.hide()

    def show_text(self, text: str) -> None:
        """Show a sentence; an empty one hides the notice."""
        self.text.setText(text)
        self.setVisible(bool(text))
