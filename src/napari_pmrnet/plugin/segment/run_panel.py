"""The lower part of the dock: run, cancel, progress and what came of it."""

from __future__ import annotations

from qtpy.QtWidgets import QPushButton, QWidget

from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.layout import Notice, row_of, stack
from napari_pmrnet.plugin.widgets.status import RunLine

TWO_SIZES = (
    "Two sizes of nuclei were seen. Yellow circle: the one used; blue: the other."
)


class RunPanel(QWidget):
    """Buttons, progress bar and status; it knows nothing of segmentation."""

    relabel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.line = RunLine("")
        self.run_button, self.status = self.line.run_button, self.line.status
        self.cancel_button = self.line.cancel_button
        self.relabel_button = QPushButton("Label anew in another layer")
        self.notice = Notice(self.relabel_button)
        self.size_button = QPushButton()
        self.size_notice = Notice(self.size_button)
        self.export_button = QPushButton("Export labels...")
        self.defaults_button = QPushButton("Restore defaults")
        self.describe_button = QPushButton("Describe")
        self.describe_button.setToolTip(
            "<span>Copy how these labels were made, as a paragraph for the methods of "
            "a paper: program, weights, settings, and what to cite</span>"
        )
        # Notices come and go over the buttons, which stay where they are.
        stack(
            self,
            self.notice,
            self.size_notice,
            self.line,
            row_of(
                (self.export_button, 3),
                (self.describe_button, 2),
                (self.defaults_button, 3),
            ),
            spacing=6,
        )
        self.relabel_button.clicked.connect(self.relabel_requested)
        self.name_run("Segment nuclei")

    @property
    def greeting(self) -> str:
        """What is said before the first run."""
        return f"Choose an image and press {self.run_button.text()}."

    def name_run(self, name: str) -> None:
        """Name the button that runs, here and in the greeting."""
        before = self.greeting
        self.run_button.setText(name)
        if self.status.text.text() in ("", before):
            self.status.say(self.greeting)

    def offer_size(self, across: float | None) -> None:
        """Offer to segment again for nuclei of another diameter; None: no longer."""
        if across is not None:
            self.size_button.setText(f"Segment at {across:.0f} pixels")
        self.size_notice.show_text("" if across is None else TWO_SIZES)

    def set_running(self, running: bool) -> None:
        """Swap which of run and cancel can be pressed."""
        self.line.set_running(running)
        self.status.set_progress(0, 0)
