"""Kinds of files that a dock exports to, and the box to choose one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from qtpy.QtWidgets import QComboBox


@dataclass(frozen=True)
class ExportFormat:
    """A kind of file.

    Attributes
    ----------
    title : str
        In the list of formats.
    suffix : str
        End of a file's name.
    files : str
        Filter of the file dialog.
    about : str
        Contents of a file.
    """

    title: str
    suffix: str
    files: str
    about: str


class FormatBox(QComboBox):
    """Combo box of formats by name, which says what is in the one chosen."""

    def __init__(self, formats: Mapping[str, ExportFormat]) -> None:
        super().__init__()
        self.setAccessibleName("Format to export to")
        self._formats = formats
        for name, known in formats.items():
            self.addItem(known.title, name)
        self.currentIndexChanged.connect(self._explain)
        self._explain()

    def allow(self, name: str, allowed: bool) -> None:
        """Offer a format, or show it grey; the first one is chosen in its place."""
        row, items = self.findData(name), cast("Any", self.model())
        items.item(row).setEnabled(allowed)
        if not allowed and self.currentIndex() == row:
            self.setCurrentIndex(0)

    def _explain(self, _: int = 0) -> None:
        about = self._formats[self.currentData()].about
        self.setToolTip(f"<span>{about}</span>")
