"""The button that takes, saves and deletes presets of the settings of a form."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QInputDialog,
    QMenu,
    QMessageBox,
    QPushButton,
)

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.permit import Permit
from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.plugin.widgets.dialogs import FileDialogs
from napari_pmrnet.segmentation.presets import (
    delete_preset,
    preset_names,
    read_preset,
    save_preset,
    write_preset,
)

if TYPE_CHECKING:
    from napari_pmrnet.plugin.widgets.settings_form import SettingsForm
    from napari_pmrnet.settings import Settings

FILES = f"Settings (*{Format.PRESET.ending})"
_TIP = (
    "<span>Settings that were saved under a name, in all docks and for the command "
    "(--preset NAME); the one that is shown has a tick</span>"
)


class PresetButton(QPushButton):
    """Opens a menu of the user's presets, to take, save, delete and exchange them.

    ``said`` tells what was done, or what is wrong, in a tone of the status line.

    Parameters
    ----------
    form : SettingsForm
        Takes settings, and gives those that are saved.
    on_show : callable
        Gives the folder of the image on show.
    """

    said = Signal(str, str)

    def __init__(self, form: SettingsForm, on_show: Callable[[], Path]) -> None:
        super().__init__("Presets")
        self._files = FileDialogs(self, on_show)
        self.setToolTip(_TIP)
        self._form = form
        self._taken: tuple[str, Settings] | None = None
        self._menu = QMenu(self)
        self.setMenu(self._menu)
        self._menu.aboutToShow.connect(self.offer)
        form.changed.connect(self._on_setting)

    @property
    def chosen(self) -> str:
        """Name of the preset whose settings the form shows; empty if it is none."""
        return "" if self._taken is None else self._taken[0]

    def offer(self) -> None:
        """Offer the presets that there are now."""
        menu = self._menu
        menu.clear()
        for name in preset_names():
            action = there(menu.addAction(name.replace("&", "&&")))
            action.setCheckable(True)
            action.setChecked(name == self.chosen)
            action.triggered.connect(partial(self.take, name))
        menu.addSeparator()
        menu.addAction("Save as...", self.save)
        delete = there(menu.addAction(f"Delete '{self.chosen}'", self.delete))
        delete.setVisible(bool(self.chosen))
        menu.addAction("Write to a file...", self.export)
        menu.addAction("Take from a file...", self.open)

    def take(self, preset: str | Path, _: bool = False) -> None:
        """Show the settings of a preset, or say why that cannot be."""
        try:
            settings = read_preset(preset)
        except DataError as error:
            self.said.emit(str(error), "error")
            return
        self._taken = None
        self._form.set_settings(settings)
        name = str(preset) if isinstance(preset, str) else preset.stem
        if isinstance(preset, str):
            self._taken = preset, settings
        self.said.emit(f"Settings of '{name}' are taken.", "good")

    def save(self) -> None:
        """Ask for a name and save the settings under it."""
        settings = self._form.settings()
        if settings is None:
            self.said.emit("A setting is out of bounds; the form says which.", "error")
            return
        name, is_given = QInputDialog.getText(
            self, "Save settings", "Name of the preset", text=self.chosen
        )
        if not is_given:
            return
        known = {one.casefold(): one for one in preset_names()}
        before = known.get(name.strip().casefold())
        question = f"There is a preset '{before}'. Replace it?"
        if before is not None and not self._agrees(question):
            return
        name = before or name.strip()
        try:
            save_preset(name, settings)
        except DataError as error:
            self.said.emit(str(error), "error")
            return
        self._taken = name, settings
        self.said.emit(f"Saved as '{name}'.", "good")

    def delete(self) -> None:
        """Delete the preset that is chosen, once the user agrees."""
        name = self.chosen
        if not name or not self._agrees(f"Delete '{name}'?"):
            return
        try:
            delete_preset(name)
        except DataError as error:
            self.said.emit(str(error), "error")
        else:
            self._taken = None
            self.said.emit(f"'{name}' is deleted; the settings stay.", "good")

    def export(self) -> None:
        """Write the settings to a file."""
        settings = self._form.settings()
        if settings is None:
            self.said.emit("A setting is out of bounds; the form says which.", "error")
            return
        proposed = self._files.start() / f"settings{Format.PRESET.ending}"
        path = self._files.save("Write settings", proposed, FILES)
        if path is None:
            return
        try:  # the dialog has asked about the file of that very name
            permit = Permit(bool(path.suffix), offered=False)
            written = write_preset(path, settings, overwrite=permit)
        except DataError as error:
            self.said.emit(str(error), "error")
        else:
            self.said.emit(f"Written to {written}", "good")

    def open(self) -> None:
        """Take the settings of a file."""
        path = self._files.open("Take settings", FILES)
        if path is not None:
            self.take(path)

    def _on_setting(self, name: str) -> None:
        """Settings that are changed are those of no preset any more."""
        if self._taken is not None and self._taken[1] != self._form.settings():
            self._taken = None

    def _agrees(self, question: str) -> bool:
        answer = QMessageBox.question(self, "Presets", question)
        return answer == QMessageBox.StandardButton.Yes
