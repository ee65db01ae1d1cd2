"""The table of the library: one row a model, what its card says in short."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from qtpy.QtWidgets import QHeaderView

from napari_pmrnet.models.card_text import Entry, describe, summary
from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.table import LEFT, Column, TableModel, TableView

_HEADS = {
    "name": ("Model", "Name of the model, as in the field Model of the other docks"),
    "parent": ("Parent", "The model whose weights the training began with"),
    "date": ("Date", "When it was trained"),
    "images": ("Images", "Images that it was trained on"),
    "score": (
        "Score",
        "On so many validation images of its own data: average precision or Dice. "
        "Scores of models with other images do not compare",
    ),
}


class Summary(NamedTuple):
    """A model of the library, and what its card says in short."""

    entry: Entry
    cells: dict[str, str]


def _column(name: str) -> Column[Summary]:
    """Column of `_HEADS`, whose cells say all of their text under the mouse."""

    def text(row: Summary) -> str:
        return row.cells[name]

    def tooltip(row: Summary) -> str:
        return f"<span>{escape(row.entry.fault or text(row))}</span>"

    title, meaning = _HEADS[name]
    return Column(title, text, str, meaning, tooltip, head_alignment=LEFT)


class ModelsTable(TableView):
    """Shows the models, shipped ones first; one is chosen."""

    chosen = Signal()

    def __init__(self) -> None:
        self.models = TableModel([_column(name) for name in _HEADS])
        super().__init__(self.models)
        self.setAccessibleName("Models")
        self.heads.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.heads.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.heads.setSectionResizeMode(1, QHeaderView.ResizeMode.Interactive)
        self.selection.selectionChanged.connect(lambda *_: self.chosen.emit())

    def fit(self) -> None:
        """Leave the names of parents room for what most have."""
        super().fit()
        self.heads.resizeSection(1, 13 * self.fontMetrics().averageCharWidth())

    @property
    def entries(self) -> list[Entry]:
        """The models that are listed."""
        return [row.entry for row in self.models.rows]

    @property
    def entry(self) -> Entry | None:
        """The model that is chosen."""
        row = self.chosen_row()
        return None if row is None else self.entries[row]

    def show_entries(self, entries: list[Entry], name: str) -> None:
        """Show the models there are now and choose one, else the first."""
        self.models.show([Summary(one, summary(one, entries)) for one in entries])
        names = [entry.name for entry in entries]
        if names:
            self.selectRow(names.index(name) if name in names else 0)


def details_html(entry: Entry | None, entries: list[Entry]) -> str:
    """Card of a model as a table for a text browser."""
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
