"""The dock "Models": the library, and a way in and out of it.

What takes its time, verifying and exporting, goes on in a worker thread.
"""

from __future__ import annotations

from typing import Any

import napari.viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QInputDialog,
    QMessageBox,
    QPushButton,
    QSplitter,
    QTextBrowser,
)

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.export.write import Exported
from napari_pmrnet.io.permit import Permit
from napari_pmrnet.models.card_text import entries
from napari_pmrnet.models.importing import Incoming
from napari_pmrnet.models.user_models import delete_model, keep_model, rename_model
from napari_pmrnet.plugin.models.table import ModelsTable, details_html
from napari_pmrnet.plugin.models.tasks import (
    FORMATS,
    exporting,
    free_name,
    refusal,
    verifying,
    with_ending,
)
from napari_pmrnet.plugin.qt import there
from napari_pmrnet.plugin.widgets.dialogs import FileDialogs
from napari_pmrnet.plugin.widgets.dock import Dock
from napari_pmrnet.plugin.widgets.formats import FormatBox
from napari_pmrnet.plugin.widgets.layout import row_of
from napari_pmrnet.plugin.widgets.model_events import model_events
from napari_pmrnet.plugin.widgets.status import StatusLine
from napari_pmrnet.settings import Settings

IMPORTED = "Models (*.zip *.safetensors)"
SHIPPED = "This model comes with the package: it can be neither renamed nor deleted"
ABOUT_IMPORT = (
    "Add a model from a .zip that was exported here, or from a .safetensors file with "
    "its card beside it. It is verified first"
)
NONE_CHOSEN = "Choose a model first"
WORKING = "Wait until the work in hand is done"


class Models(Dock):
    """Dock that lists the models and imports, exports, renames and deletes them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer whose theme it follows.
    """

    tab = "Models"
    least_width = 450

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._working = self._runner()
        self._files = FileDialogs(self, self._folder_on_show)
        self.table, self.details = ModelsTable(), QTextBrowser()
        self.import_button = QPushButton("Import...")
        self.rename_button = QPushButton("Rename...")
        self.delete_button = QPushButton("Delete...")
        self.format = FormatBox(FORMATS)
        self.export_button = QPushButton("Export...")
        self.status = StatusLine()
        self._lay_out()
        self._connect()
        self._restyle()
        self.refresh()

    def refresh(self, old: str = "", new: str = "") -> None:
        """List the models anew; one that was renamed or came in is chosen.

        At first that is the one that new users have.
        """
        chosen = self.table.entry
        name = new or (Settings.model if chosen is None else chosen.name)
        self.table.show_entries(entries(), name)
        self._on_chosen()

    def ask_import(self) -> None:
        """Ask for a model and bring it in."""
        path = self._files.open("Import a model", IMPORTED)
        if path is None:
            self.say("Nothing was imported: no file was chosen.")
        elif not self._working.is_running:
            self._start(f"Importing '{path}'", verifying, path)

    def ask_export(self) -> None:
        """Ask for a file and export the chosen model to it."""
        entry, kind = self.table.entry, self.format.currentData()
        if entry is None or self._working.is_running:
            return
        proposed = self._files.start() / f"{entry.name}{FORMATS[kind].suffix}"
        title = f"Export '{entry.name}'"
        path = self._files.save(title, proposed, FORMATS[kind].files)
        if path is None:
            self.say("Nothing was written: no file was chosen.")
        else:
            target = with_ending(path, kind)
            # The dialog has asked about the name that it returned, and no other.
            permit = Permit(target == path and target.exists(), offered=False)
            task = f"Exporting '{entry.name}'"
            self._start(task, exporting, entry.name, target, kind, permit)

    def ask_rename(self) -> None:
        """Ask for another name of the chosen model."""
        entry = there(self.table.entry)
        name = self._ask_name(f"Rename '{entry.name}'", entry.name)
        if not name or name == entry.name:
            self.say(f"'{entry.name}' keeps its name.")
        elif self._do(rename_model, entry.name, name):
            self.say(f"'{entry.name}' is now '{name}'.", "good")
            model_events.changed.emit(entry.name, name)

    def ask_delete(self) -> None:
        """Delete the chosen model, if that is really wanted."""
        entry = there(self.table.entry)
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        answer = QMessageBox.question(
            self,
            f"Delete '{entry.name}'",
            f"Delete the model '{entry.name}' from the disk? It cannot be undone.",
            yes | no,
            no,
        )
        if answer != yes:
            self.say(f"'{entry.name}' is kept.")
        elif self._do(delete_model, entry.name):
            self.say(f"'{entry.name}' was deleted.", "good")
            model_events.changed.emit(entry.name, "")

    def showEvent(self, event: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Qt's: what was done in a terminal meanwhile is listed, too."""
        super().showEvent(event)
        self.refresh()

    def _lay_out(self) -> None:
        self.details.setOpenLinks(False)
        self.details.setAccessibleName("Card of the chosen model")
        split = QSplitter(Qt.Orientation.Vertical)
        split.addWidget(self.table)
        split.addWidget(self.details)
        split.setChildrenCollapsible(False)
        split.setStretchFactor(1, 1)
        buttons = (self.import_button, self.rename_button, self.delete_button)
        self._fill(
            (split, 1),
            foot=[
                row_of(*((button, 1) for button in buttons)),
                row_of((self.format, 2), (self.export_button, 1)),
                self.status,
            ],
        )

    def _connect(self) -> None:
        self.table.chosen.connect(self._on_chosen)
        self.table.chosen.connect(self._look_again)
        self.import_button.clicked.connect(self.ask_import)
        self.export_button.clicked.connect(self.ask_export)
        self.rename_button.clicked.connect(self.ask_rename)
        self.delete_button.clicked.connect(self.ask_delete)
        self._working.succeeded.connect(self._on_done)
        self._working.failed.connect(self._complain)
        self._working.finished.connect(self._on_finished)
        self._follow(model_events.changed, self.refresh)

    def _on_chosen(self) -> None:
        """Show the card of the chosen model, and what can be done with it."""
        entry = self.table.entry
        self.details.setHtml(details_html(entry, self.table.entries))
        busy = WORKING if self._working.is_running else ""
        why = busy or (NONE_CHOSEN if entry is None else "")
        bound = why or (SHIPPED if entry is not None and entry.shipped else "")
        _allow(self.import_button, busy, ABOUT_IMPORT)
        _allow(self.export_button, why, "Write the chosen model to a file")
        _allow(self.rename_button, bound, "Give the chosen model another name")
        _allow(self.delete_button, bound, "Delete the chosen model from the disk")

    def _start(self, task: str, job: Any, *args: Any) -> None:
        self._working.start(task, job, *args)
        self.say(f"{task}...")
        self.status.set_busy(True)
        self._on_chosen()

    def _on_done(self, result: Incoming | Exported) -> None:
        """Keep what was verified, or say what was written."""
        if isinstance(result, Exported):
            self.say(f"Written to {result.path}. {result.checked}", "good")
            return
        name = result.name
        if refusal(name):
            name = self._ask_name(f"'{name}' cannot be its name here", free_name(name))
        if not name:
            self.say("Nothing was imported.")
        elif self._do(keep_model, result, name):
            self.say(f"'{name}' was verified and imported.", "good")
            model_events.changed.emit("", name)

    def _on_finished(self) -> None:
        self.status.set_busy(False)
        self._on_chosen()

    def _ask_name(self, title: str, proposed: str) -> str:
        """The name that the user types; empty if none is wanted."""
        name, wanted = QInputDialog.getText(self, title, "Name", text=proposed)
        return name.strip() if wanted else ""

    def _do(self, action: Any, *args: Any) -> bool:
        """Do something small; False, and why, if it cannot be done."""
        try:
            action(*args)
        except PMRNetError as error:
            self._complain(str(error))
            return False
        return True


def _allow(button: QPushButton, why_not: str, about: str) -> None:
    """Enable a button, or grey it and say why."""
    button.setEnabled(not why_not)
    button.setToolTip(f"<span>{why_not or about}</span>")
