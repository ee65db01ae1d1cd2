"""napari's question which plugin opens a file, answered once and for good.

napari asks wherever two plugins take files with an ending, or folders at all. Its own
box to remember the answer is of one ending, or of one folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from napari.plugins.utils import get_preferred_reader
from napari.settings import get_settings
from npe2 import PluginManager
from qtpy.QtWidgets import QPushButton

from napari_pmrnet._software import OURS
from napari_pmrnet.io.formats import Format
from napari_pmrnet.plugin.widgets.layout import Notice

if TYPE_CHECKING:
    from napari.layers import Layer


FOLDERS = "folders of files"
_ANY_FOLDER = f"*{os.sep}"
_ZARR = f"*{Format.ZARR.ending}{os.sep}"


class Choice(NamedTuple):
    """A reader that the user has chosen for files of a kind.

    Attributes
    ----------
    files : str
        The kind in words.
    patterns : tuple of str
        Of the names that the kind has, as napari's settings hold them.
    reader : str
        Name of the plugin.
    """

    files: str
    patterns: tuple[str, ...]
    reader: str


def choice_of(layer: Layer) -> Choice | None:
    """Choice by which a layer was opened, if napari would ask for it again.

    Parameters
    ----------
    layer : napari.layers.Layer

    Returns
    -------
    Choice or None
        None also where napari does not ask because of this plugin.
    """
    path, reader = layer.source.path, layer.source.reader_plugin
    if not path or not reader or not os.path.exists(path):
        return None
    found = PluginManager.instance().iter_compatible_readers(path)
    readers = {one.plugin_name for one in found}
    asks = {OURS, reader} <= readers and len(readers) > 1
    if not asks or get_preferred_reader(path):
        return None
    known = Format.of(path)
    if os.path.isfile(path):
        endings = (Path(path).suffix,) if known is None else known.value
        patterns = tuple(f"*{ending}" for ending in endings)
        return Choice(f"{endings[0]} files", patterns, reader)
    if known is Format.ZARR:
        return Choice("Zarr folders", (_ZARR,), reader)
    # Of other folders this plugin reads those of one data set alone.
    return None if reader == OURS else Choice(FOLDERS, (_ANY_FOLDER,), reader)


def remember(choice: Choice) -> None:
    """Have napari open files of a kind by the chosen reader, without a question.

    Of patterns that fit equally well napari takes the first one, so that all folders
    come last; Zarr folders are no folders of files, and stay with this plugin.
    """
    plugins = get_settings().plugins
    chosen = {**plugins.extension2reader}
    chosen |= dict.fromkeys(choice.patterns, choice.reader)
    if _ANY_FOLDER in chosen:
        chosen.setdefault(_ZARR, OURS)
        chosen[_ANY_FOLDER] = chosen.pop(_ANY_FOLDER)
    plugins.extension2reader = chosen


class ReaderNotice(Notice):
    """Offers to remember by which reader files of a kind are opened."""

    def __init__(self) -> None:
        self.always = QPushButton("Always")
        self.ask = QPushButton("Ask each time")
        super().__init__(self.always, self.ask)
        self._choice: Choice | None = None
        self._settled: set[str] = set()
        self.always.clicked.connect(self._remember)
        self.ask.clicked.connect(self._settle)

    def look_at(self, layers: Iterable[Layer]) -> None:
        """Offer to remember how one of the layers was opened."""
        for choice in filter(None, map(choice_of, layers)):
            if choice.files not in self._settled:
                self._choice = choice
                zarr = f", and Zarr folders with {_title(OURS)}"
                self.show_text(
                    f"napari asks which plugin opens {choice.files}. Always open them "
                    f"with {_title(choice.reader)}"
                    f"{zarr if choice.files == FOLDERS else ''}?"
                )
                return

    def _remember(self) -> None:
        if self._choice is not None:
            remember(self._choice)
        self._settle()

    def _settle(self) -> None:
        if self._choice is not None:
            self._settled.add(self._choice.files)
        self.show_text("")


def _title(plugin: str) -> str:
    """Name of a plugin as napari shows it."""
    return PluginManager.instance().get_manifest(plugin).display_name or plugin
