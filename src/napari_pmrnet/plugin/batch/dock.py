"""The dock "Segment a folder": an unattended run over many images.

The engine is `napari_pmrnet.batch`, the same as the command's; here are its form and
its table. The run goes on in a worker thread while the viewer is used.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import napari.viewer
from napari.layers import Image, Labels
from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QApplication,
)

from napari_pmrnet.batch import BatchJob
from napari_pmrnet.batch.events import (
    SHEET,
    BatchReport,
    Event,
    FileEnded,
    FileProgress,
    FilesFound,
)
from napari_pmrnet.plugin.batch.panels import (
    FoldersPanel,
    ResultsPanel,
    SettingsPanel,
)
from napari_pmrnet.plugin.batch.run import open_result, report_text, run_batch
from napari_pmrnet.plugin.batch.table import FOUND, RUNNING, FileState
from napari_pmrnet.plugin.layers.framing import frame_if_lost
from napari_pmrnet.plugin.qt import there
from napari_pmrnet.plugin.widgets import preferences
from napari_pmrnet.plugin.widgets.dock import Dock
from napari_pmrnet.plugin.widgets.model_chooser import ModelPanel
from napari_pmrnet.plugin.widgets.settings_form import SettingsForm
from napari_pmrnet.plugin.widgets.status import RunLine
from napari_pmrnet.plugin.widgets.theme import tones

FILE_STEPS = 100
GREETING = "Choose a folder and press Start."


class SegmentFolder(Dock):
    """Dock that segments the images of a folder.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer in which results are opened.
    """

    tab = "Folder"
    least_width = 400

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._segmenting = self._runner()
        self._stop = threading.Event()
        self._output = Path()
        self._files = 0
        self.form = SettingsForm(self)
        self.form.set_settings(preferences.recall())
        self.folders = FoldersPanel()
        self.settings_panel = SettingsPanel(self.form)
        self.model_panel = ModelPanel(self.form)
        self._line = RunLine("Start", GREETING)
        self.start_button, self.status = self._line.run_button, self._line.status
        self.cancel_button = self._line.cancel_button
        self.results = ResultsPanel()
        self._lay_out()
        self._name_kind()
        self._connect()
        self._restyle()

    def job(self) -> BatchJob | None:
        """The batch that the form spells; None if something is missing or wrong."""
        settings = self.form.settings()
        if settings is None:
            self.settings_panel.expand()
            self._complain("A setting is out of bounds; the form says which.")
            return None
        if not self.folders.check():
            self.say("A folder is missing.", "error")
            return None
        folders = self.folders
        return BatchJob(
            (folders.images.value(),),
            Path(folders.results.value()).expanduser(),
            settings,
            recursive=folders.recursive.isChecked(),
            overwrite=folders.overwrite.isChecked(),
        )

    def start(self) -> None:
        """Segment the folder in a worker thread."""
        job = self.job()
        if job is None or self._segmenting.is_running:
            return
        preferences.remember(job.settings)
        self._stop = threading.Event()
        self._output = job.output
        self._line.set_running(True)
        self.say("Looking for images...")
        self._segmenting.start(
            "Segmenting the folder", run_batch, job, self._stop.is_set
        )

    def cancel(self) -> None:
        """Stop after the batch of tiles at hand; finished files stay."""
        self.cancel_button.setEnabled(False)
        self.say("Cancelling...")
        self._stop.set()

    def copy_command(self) -> None:
        """Copy the command that does the same in a terminal."""
        job = self.job()
        if job is not None:
            there(QApplication.clipboard()).setText(job.as_command())
            self.say("The command is on the clipboard.", "good")

    def open_sheet(self) -> None:
        """Open the contact sheet in the browser."""
        folder = self._output if self._files else Path(self.folders.results.value())
        sheet = (folder.expanduser() / SHEET).resolve()
        if not sheet.is_file():
            self._complain("There is no contact sheet yet. Press Start to make one.")
        elif QDesktopServices.openUrl(QUrl.fromLocalFile(str(sheet))):
            self.say("The contact sheet opens in the browser.", "good")
        else:
            self._complain(f"No browser could be started. Open {sheet} yourself.")

    def open_file(self, file: FileState) -> None:
        """Open an image and its labels in the viewer."""
        before = [la for la in self._viewer.layers if isinstance(la, Image)]
        try:
            layers = open_result(self._viewer, file.path, file.row, self._output)
        except Exception as error:  # noqa: BLE001  any reader may raise anything
            told = str(file.path) in str(error)
            name = "" if told else f"'{file.path.name}' could not be opened: "
            self._complain(f"{name}{error}")
            return
        if before and isinstance(layers[0], Image):
            frame_if_lost(self._viewer, layers[0], before)
        found = any(isinstance(layer, Labels) for layer in layers)
        and_labels = "and its labels" if found else "without labels"
        self.say(f"Opened '{file.path.name}' {and_labels}.", "good")

    def _let_go(self) -> None:
        self._stop.set()

    def _lay_out(self) -> None:
        """Form and table over the buttons of the run, which are always in view."""
        form = self.folders, self.settings_panel, self.model_panel
        self._fill(*form, (self.results, 1), foot=[self._line])

    def _connect(self) -> None:
        """Wire the parts together."""
        self.form.changed.connect(self._on_setting)
        for field in (self.folders.images, self.folders.results):
            field.changed.connect(self._look_again)
        self.start_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.cancel)
        self.results.opened.connect(self.open_file)
        self.results.copy_button.clicked.connect(self.copy_command)
        self.results.sheet_button.clicked.connect(self.open_sheet)
        self._segmenting.progressed.connect(self._on_event)
        self._segmenting.succeeded.connect(self._on_done)
        self._segmenting.failed.connect(self._complain)
        self._segmenting.finished.connect(self._on_finished)

    def _restyle(self, event: Any = None) -> None:
        super()._restyle()
        self.results.model.set_tones(tones(self._viewer.theme))

    def _standing(self) -> tuple[str, str]:
        return GREETING, "plain"

    def _on_setting(self, name: str) -> None:
        self._look_again()
        if name == "model":
            self.model_panel.follow()
            self._name_kind()

    def _name_kind(self) -> None:
        """Name what the model labels."""
        many = self.model_panel.name_kind()
        self.results.model.entitle(FOUND, many.capitalize())
        self.settings_panel.set_title(f"{many.capitalize()} settings")

    def _on_event(self, event: Event) -> None:
        """Follow the run in the table and the bar."""
        model = self.results.model
        if isinstance(event, FilesFound):
            self._files = len(event.paths)
            model.show_files(event.paths)
            self._move_bar(0)
        elif isinstance(event, FileEnded):
            model.update_file(event.number, event.status, event.row)
            self._move_bar(FILE_STEPS * (event.number + 1))
        elif isinstance(event, FileProgress):
            done, total, message = event.progress
            part = round(FILE_STEPS * done / total) if total else 0
            self._move_bar(FILE_STEPS * event.number + part)
            if not self._stop.is_set():
                number = f"{event.number + 1} of {self._files}"
                self.say(f"File {number}, {event.path.name}: {message}")
        else:
            model.update_file(event.number, RUNNING)

    def _move_bar(self, steps: int) -> None:
        self.status.set_progress(steps, FILE_STEPS * self._files)

    def _on_done(self, report: BatchReport) -> None:
        """Say what came of it."""
        if report.device:
            self.model_panel.show_used(report.device)
        self.say(*report_text(report))

    def _on_finished(self) -> None:
        self.results.model.stop_waiting()
        self._line.set_running(False)
