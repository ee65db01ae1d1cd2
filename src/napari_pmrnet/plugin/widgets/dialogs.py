"""File dialogs: they start where the image on show lies, or the last one ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget


class FileDialogs:
    """The file dialogs of a dock or of a part of it.

    They start in the folder of the image on show. Once the user has chosen something
    in another one they start there, until an image of another folder is on show.

    Parameters
    ----------
    parent : QWidget
        That they are over.
    on_show : callable
        Gives the folder of the image on show.
    """

    def __init__(self, parent: QWidget, on_show: Callable[[], Path]) -> None:
        self._parent, self._on_show = parent, on_show
        self._chosen: tuple[Path, Path] | None = None

    def start(self) -> Path:
        """Folder in which the next one starts."""
        folder = self._on_show()
        if self._chosen is not None and self._chosen[0] == folder:
            return self._chosen[1]
        return folder

    def open(self, title: str, files: str) -> Path | None:
        """Ask for a file that is there; None if none is chosen.

        Parameters
        ----------
        title : str
        files : str
            Kinds of files, as Qt writes them: ``"Labels (*.tif *.png)"``.
        """
        start = str(self.start())
        path, _ = QFileDialog.getOpenFileName(self._parent, title, start, files)
        return self._took(path)

    def open_several(self, title: str, files: str) -> list[Path]:
        """Ask for files that are there; see `open`."""
        start = str(self.start())
        paths, _ = QFileDialog.getOpenFileNames(self._parent, title, start, files)
        if paths:
            self._took(paths[0])
        return list(map(Path, paths))

    def save(self, title: str, proposed: Path, files: str) -> Path | None:
        """Ask for a file to write; None if none is chosen.

        The dialog asks about a file of that name, and of no other that it gets when an
        ending is added.

        Parameters
        ----------
        title : str
        proposed : Path
            In `start`, as a rule.
        files : str
            As for `open`.
        """
        path, _ = QFileDialog.getSaveFileName(self._parent, title, str(proposed), files)
        return self._took(path)

    def folder(self, title: str, start: str = "") -> Path | None:
        """Ask for a folder; None if none is chosen.

        Parameters
        ----------
        title : str
        start : str
            Where the dialog starts, if not as usual.
        """
        start = start or str(self.start())
        path = QFileDialog.getExistingDirectory(self._parent, title, start)
        return self._took(path, is_folder=True)

    def _took(self, path: str, is_folder: bool = False) -> Path | None:
        """Note where something was chosen."""
        if not path:
            return None
        chosen = Path(path)
        self._chosen = self._on_show(), chosen if is_folder else chosen.parent
        return chosen
