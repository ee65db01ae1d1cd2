"""The dock "Segment a folder": an unattended run over many images.

The engine is `napari_pmrnet.batch`, the same as the command's; here are its form and
its table. The run goes on in a worker thread while the viewer is used.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import napari.viewer
from qtpy.QtCore import QEvent, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QApplication

from napari_pmrnet.batch import BatchJob
from napari_pmrnet.batch.description import describe_path
from napari_pmrnet.batch.events import (
    SHEET,
    BatchReport,
    Event,
    FileEnded,
    FileProgress,
    FilesFound,
)
from napari_pmrnet.plugin.batch.folder_review import FolderReview
from napari_pmrnet.plugin.batch.keys import WindowKeys
from napari_pmrnet.plugin.batch.opening import listed_files
from napari_pmrnet.plugin.batch.panels import (
    FoldersPanel,
    ResultsPanel,
    SettingsPanel,
)
from napari_pmrnet.plugin.batch.run import report_text, run_batch
from napari_pmrnet.plugin.batch.table import FOUND, RUNNING, FileState
from napari_pmrnet.plugin.qt import there
from napari_pmrnet.plugin.widgets import preferences
from napari_pmrnet.plugin.widgets.dock import Dock
from napari_pmrnet.plugin.widgets.layout import OfferPanel
from napari_pmrnet.plugin.widgets.model_chooser import ModelPanel
from napari_pmrnet.plugin.widgets.presets import PresetButton
from napari_pmrnet.plugin.widgets.settings_form import SettingsForm
from napari_pmrnet.plugin.widgets.settings_line import SettingsLine
from napari_pmrnet.plugin.widgets.status import RunLine
from napari_pmrnet.plugin.widgets.theme import tones
from napari_pmrnet.segmentation.predict import Progress

FILE_STEPS = 100
LOOK_DELAY = 300
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
        self._segmenting, self._listing = self._runner(), self._runner()
        self._opening, self._saving = self._runner(), self._runner()
        self._describing = self._runner()
        self._look_timer = self._timer(LOOK_DELAY, self._list)
        self._keys = WindowKeys(viewer, self)
        self._stop = threading.Event()
        self._output = Path()
        self._files, self._wanted = 0, ""
        self.form = SettingsForm(self)
        self.form.set_settings(preferences.recall())
        on_show = self._folder_on_show
        self.folders = FoldersPanel(on_show)
        self.presets, self.settings_panel = (
            PresetButton(self.form, on_show),
            SettingsPanel(self.form),
        )
        self.model_panel = ModelPanel(self.form, on_show)
        self.in_use = SettingsLine(self.form)
        self._line = RunLine("Start", GREETING)
        self.start_button, self.status = self._line.run_button, self._line.status
        self.cancel_button = self._line.cancel_button
        self.results, self.offer = ResultsPanel(), OfferPanel()
        self.review = FolderReview(viewer, self._opening, self._saving, self)
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
        if not folders.classes.check():
            self._complain("A class cannot be read; the form says which.")
            return None
        return BatchJob(
            (folders.images.value(),),
            Path(folders.results.value()).expanduser(),
            settings,
            recursive=folders.recursive.isChecked(),
            overwrite=folders.overwrite.isChecked(),
            keep_maps=folders.keep_maps.isChecked(),
            scene=folders.scene.text().strip() or None,
            plate_labels=folders.plate_labels.isChecked(),
            classes=folders.classes.value(),
        )

    def start(self) -> None:
        """Segment the folder in a worker thread."""
        job = self.job()
        if job is None or self._segmenting.is_running:
            return
        preferences.remember(job.settings)
        self._look_timer.stop()
        self._listing.shut_down()
        self._stop = threading.Event()
        self._output = job.output
        self._line.set_running(True)
        self.say("Looking for images...")
        self._segmenting.start(
            "Segmenting the folder", run_batch, job, self._stop.is_set
        )

    def cancel(self) -> None:
        """Stop after the batch of tiles at hand; finished files stay.

        While an image is being opened, go on without its certainty.
        """
        self.cancel_button.setEnabled(False)
        if not self._segmenting.is_running:
            self.review.hurry()
            return
        self.say("Cancelling...")
        self._stop.set()

    def copy_command(self) -> None:
        """Copy the command that does the same in a terminal."""
        job = self.job()
        if job is not None:
            there(QApplication.clipboard()).setText(job.as_command())
            self.say("The command is on the clipboard.", "good")

    def describe(self) -> None:
        """Read how the labels of the folder were made, to copy it."""
        folder = self._folder()
        if not self.folders.results.value() and not self._files:
            self._complain("Choose the folder of the results first.")
        elif not self._describing.is_running:
            self._describing.start(f"Describing '{folder}'", describe_path, folder)

    def _on_described(self, text: str) -> None:
        there(QApplication.clipboard()).setText(text)
        self.say("How the labels were made is on the clipboard.", "good")

    def open_sheet(self) -> None:
        """Open the contact sheet in the browser."""
        sheet = (self._folder() / SHEET).resolve()
        if not sheet.is_file():
            self._complain("There is no contact sheet yet. Press Start to make one.")
        elif QDesktopServices.openUrl(QUrl.fromLocalFile(str(sheet))):
            self.say("The contact sheet opens in the browser.", "good")
        else:
            self._complain(f"No browser could be started. Open {sheet} yourself.")

    def _folder(self) -> Path:
        """Folder of the results of the run, or else the one that is named."""
        named = Path(self.folders.results.value()).expanduser()
        return self._output if self._files else named

    def show_results(self, output: Path, image: str = "") -> None:
        """List what a folder of results holds, and open one of its images.

        Parameters
        ----------
        output : Path
        image : str
            Its `Row.key`; empty: none is opened.
        """
        self._wanted = image
        self.folders.results.set_value(str(output))
        self._look_timer.stop()
        self._list()

    def open_file(self, file: FileState) -> None:
        """Open an image and its labels in the viewer, and their review."""
        self.review.open(file, self._output, preferences.recall().device)

    def step(self, way: int) -> None:
        """Open the next image of the table (1) or the one before (-1)."""
        shown = self.review.shown
        file = self.results.chosen() if shown is None else shown.file
        found = None if file is None else self.results.beside(file, way)
        if found is None:
            where = "after" if way > 0 else "before"
            self.say(f"The table has no image with labels {where} this one.")
            return
        self.results.choose(found)
        self.open_file(found)

    def event(self, event: QEvent) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Give the window the keys for going on, once the dock is in it."""
        if event.type() == QEvent.Type.Show:
            self._keys.follow(self)
        return super().event(event)

    def _on_key(self, way: int) -> None:
        """Go on by key, while an image of the folder is on show."""
        if self.review.shown is not None:
            self.step(way)

    def _let_go(self) -> None:
        self._stop.set()
        self._keys.release()
        self.review.release()

    def _lay_out(self) -> None:
        """Form and table over the buttons of the run, which are always in view."""
        self.model_panel.fold.add_button(self.presets)
        form = self.folders, self.settings_panel, self.model_panel
        self._fill(
            *form, (self.results, 1), head=[self.offer], foot=[self.in_use, self._line]
        )

    def _connect(self) -> None:
        """Wire the parts together."""
        self.form.changed.connect(self._on_setting)
        self.presets.said.connect(self.say)
        folders = self.folders
        for field in (folders.images, folders.results, folders.classes):
            field.changed.connect(self._look_again)
        folders.results.changed.connect(self._look_timer.start)
        self._listing.succeeded.connect(self._on_listed)
        self._connect_review()
        self.start_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.cancel)
        self.results.opened.connect(self.open_file)
        self.results.copy_button.clicked.connect(self.copy_command)
        self.results.describe_button.clicked.connect(self.describe)
        self.results.sheet_button.clicked.connect(self.open_sheet)
        self._segmenting.progressed.connect(self._on_event)
        self._segmenting.succeeded.connect(self._on_done)
        self._segmenting.failed.connect(self._complain)
        self._describing.succeeded.connect(self._on_described)
        self._describing.failed.connect(self._complain)
        self._segmenting.finished.connect(self._on_finished)

    def _connect_review(self) -> None:
        """Wire the parts that open images and save corrections."""
        review, panel = self.review, self.results.review
        review.said.connect(self._on_said)
        review.offered.connect(self.offer.offer)
        review.progressed.connect(self._on_opening)
        review.opened.connect(self._on_opened)
        review.saved.connect(self._on_reviewed)
        panel.previous_button.clicked.connect(lambda: self.step(-1))
        panel.next_button.clicked.connect(lambda: self.step(1))
        panel.save_button.clicked.connect(review.save)
        panel.done.toggled.connect(review.set_done)
        self._keys.pressed.connect(self._on_key)
        self._keys.changed.connect(lambda: panel.show_keys(self._keys))
        self._keys.closing.connect(review.save_at_once)

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
        self.in_use.set_card(self.model_panel.tuned.card)
        self.results.model.entitle(FOUND, many.capitalize())
        self.settings_panel.set_title(f"{many.capitalize()} settings")

    def _on_event(self, event: Event) -> None:
        """Follow the run in the table and the bar."""
        model = self.results.model
        if isinstance(event, FilesFound):
            self._files = len(event.paths)
            model.show_files(event.paths, event.names)
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
                name = model.rows[event.number].name
                self.say(f"File {number}, {name}: {message}")
        else:
            model.update_file(event.number, RUNNING)

    def _list(self) -> None:
        """List what the folder of results holds, unless a run fills the table."""
        if self._segmenting.is_running:
            return
        named = self.folders.results.value()
        self._output = Path(named).expanduser()
        self._files = 0
        if not named:
            self.results.model.show_files([])
            return
        self._listing.shut_down()
        self._listing.start(f"Reading '{named}'", listed_files, self._output)

    def _on_listed(self, files: list[FileState]) -> None:
        """Show what a folder holds, or how far the reviews of a run's files are."""
        model = self.results.model
        if not self._files:
            model.show(files)
            wanted, self._wanted = self._wanted, ""
            for file in files:
                if file.key is not None and file.key == wanted:
                    self.results.choose(file)
                    self.open_file(file)
            return
        model.show_reviews({f.key: f.review for f in files if f.key is not None})

    def _on_said(self, text: str, tone: str) -> None:
        """Say what came of opening and saving; what went wrong, wherever one looks."""
        if tone == "error":
            self._complain(text)
        else:
            self.say(text, tone)

    def _on_opening(self, progress: Progress) -> None:
        """Follow the network that makes maps again."""
        if self._segmenting.is_running:
            return
        self.cancel_button.setEnabled(True)
        self.status.set_busy(True)
        self.status.set_progress(progress.done, progress.total)
        self.say(f"Making certainty: {progress.message}")

    def _on_opened(self, file: FileState | None) -> None:
        """Show what can be done with the image on show."""
        shown = self.review.shown
        labelled = shown is not None and shown.labels is not None
        self.results.review.follow(labelled, labelled and there(shown).done)
        if not self._segmenting.is_running:
            self.cancel_button.setEnabled(False)
            self.status.set_busy(False)

    def _on_reviewed(self, file: FileState) -> None:
        """Mark in the table how far a review has come."""
        self.results.model.show_reviews({there(file.key): file.review})

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
        self._listing.shut_down()
        self._listing.start("Reading the reviews", listed_files, self._output)
