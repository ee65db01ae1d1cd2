"""The table of the library: one row a model, what its card says in short."""

from __future__ import annotations

from html import escape
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QHeaderView

from napari_pmrnet.models.card_text import Entry, describe, summary
from napari_pmrnet.plugin.widgets.table import RowTable, head

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
COLUMNS = {
    "name": ("Model", "Name of the model, as in the field Model of the other docks"),
    "parent": ("Parent", "The model whose weights the training began with"),
    "date": ("Date", "When it was trained"),
    "images": ("Images", "Images that it was trained on"),
    "score": ("Score", "On validation images: average precision or Dice"),
}


class ModelsTableModel(QAbstractTableModel):
    """Models as rows, shipped ones first."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self._cells: list[list[str]] = []

    def show_entries(self, entries: list[Entry]) -> None:
        """Start over with the models that there are now."""
        self.beginResetModel()
        self.entries = entries
        self._cells = [list(summary(entry, entries).values()) for entry in entries]
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Qt's: number of models."""
        return 0 if parent is not None and parent.isValid() else len(self.entries)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Qt's: number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = 0
    ) -> Any:
        """Qt's: heads of the columns and what they mean."""
        if orientation == Qt.Orientation.Horizontal:
            title, meaning = list(COLUMNS.values())[section]
            return head(title, meaning, role)
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """Qt's: what stands in a cell, in full under the mouse."""
        text = self._cells[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"<span>{escape(self.entries[index.row()].fault or text)}</span>"
        return None


class ModelsTable(RowTable):
    """Shows the models; one is chosen."""

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.models = ModelsTableModel()
        self.setModel(self.models)
        heads = self.horizontalHeader()
        heads.setDefaultAlignment(_LEFT)
        heads.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        heads.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        heads.setSectionResizeMode(1, QHeaderView.ResizeMode.Interactive)
        heads.resizeSection(1, 13 * self.fontMetrics().averageCharWidth())
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen.emit())

    @property
    def entry(self) -> Entry | None:
        """The model that is chosen."""
        rows = self.selectionModel().selectedRows()
        return self.models.entries[rows[0].row()] if rows else None

    def show_entries(self, entries: list[Entry], name: str) -> None:
        """Show the models there are now and choose one, else the first."""
        self.models.show_entries(entries)
        names = [entry.name for entry in entries]
        if names:
            self.selectRow(names.index(name) if name in names else 0)


def details_html(entry: Entry | None, entries: list[Entry]) -> str:
    """All that the card of a model says, as a table for a text browser."""
    if entry is None:
        return ""
    if entry.card is None:
        return f"<b>{escape(entry.name)}</b><p>{escape(entry.fault)}</p>"
    kind = "comes with the package" if entry.shipped else "yours"
    rows = [("Model", f"{entry.name} ({kind})"), *describe(entry.card, entries)]
    cells = "".join(
        f"<tr><td style='padding-right:10px'><b>{escape(label)}</b></td>"
        f"<td>{escape(text)}</td></tr>"
        for label, text in rows
    )
    return f"<table cellspacing='2'>{cells}</table>"
