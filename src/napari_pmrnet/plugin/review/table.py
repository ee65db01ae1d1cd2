"""The table of places: a thin model on a data frame, quick with 10,000 rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal

from napari_pmrnet.plugin.widgets.table import RowTable
from napari_pmrnet.proofreading.queue import row_of
from napari_pmrnet.proofreading.review import MISSED, NUCLEUS, Place
from napari_pmrnet.proofreading.suggestions import MERGE

HEADS = {
    "kind": ("Place", "A nucleus, or what may have to be done"),
    "doubt": ("Certain", "How likely it is that nothing is to be done here"),
    "area": ("Area", "Area in pixels"),
    "intensity": ("Mean", "Mean intensity of the image"),
    "at_border": ("Edge", "Whether the border of the image cuts it"),
    "status": ("Status", "What was done here"),
}
_COLUMNS = tuple(HEADS)
_WIDTHS = {
    "kind": 104,
    "doubt": 66,
    "area": 52,
    "intensity": 54,
    "at_border": 42,
    "status": 60,
}
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def place_title(place: Place, labels: tuple[int, ...]) -> str:
    """A place in words, such as ``"one? 3 + 4"``."""
    kind, number = place
    if kind == NUCLEUS:
        return f"nucleus {number}"
    if kind == MISSED:
        return f"missed? #{number}"
    names = " + ".join(map(str, labels))
    return f"one? {names}" if kind == MERGE else f"two? {names}"


class PlacesModel(QAbstractTableModel):
    """Places as rows.

    Parameters
    ----------
    labels_at : callable
        Labels of a place, for its title.
    """

    def __init__(self, labels_at: Callable[[Place], tuple[int, ...]]) -> None:
        super().__init__()
        self._labels_at = labels_at
        self._cells: dict[str, np.ndarray] = {}
        self.places = pd.DataFrame(columns=["kind", "number", *_COLUMNS[1:]])

    def set_places(self, places: pd.DataFrame) -> None:
        """Show other places."""
        self.beginResetModel()
        self.places = places
        self._cells = {name: places[name].to_numpy() for name in places}
        self.endResetModel()

    def place(self, row: int) -> Place:
        """The place of a row."""
        return self._cells["kind"][row], int(self._cells["number"][row])

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Qt's: number of places."""
        return 0 if parent is not None and parent.isValid() else len(self.places)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Qt's: number of columns."""
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = 0
    ) -> Any:
        """Qt's: heads of the columns and what they mean."""
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return HEADS[_COLUMNS[section]][0]
            if role == Qt.ItemDataRole.ToolTipRole:
                return HEADS[_COLUMNS[section]][1]
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """Qt's: what stands in a cell."""
        name = _COLUMNS[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if name in ("doubt", "area", "intensity") else None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index.row(), name)
        return None

    def _text(self, row: int, name: str) -> str:
        value = self._cells[name][row]
        if name == "kind":
            place = self.place(row)
            return place_title(place, self._labels_at(place))
        if name == "status":
            return value or ("edited" if self._cells["edited"][row] else "")
        if name == "at_border":
            return "cut" if value else ""
        if np.isnan(value):
            return "-"
        return f"{1 - value:.2f}" if name == "doubt" else f"{value:.4g}"


class PlacesView(RowTable):
    """Shows places; one is current.

    Parameters
    ----------
    labels_at : callable
        Labels of a place, for its title.
    """

    chosen = Signal(object)
    sorting = Signal(str, bool)

    def __init__(self, labels_at: Callable[[Place], tuple[int, ...]]) -> None:
        super().__init__()
        self.places_model = PlacesModel(labels_at)
        self.setModel(self.places_model)
        self._silent = False
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        heads = self.horizontalHeader()
        heads.setStretchLastSection(True)
        heads.setSortIndicatorShown(True)
        heads.setSortIndicator(_COLUMNS.index("doubt"), Qt.SortOrder.AscendingOrder)
        heads.sortIndicatorChanged.connect(self._on_sorting)
        for name, width in _WIDTHS.items():
            self.setColumnWidth(_COLUMNS.index(name), width)
        self.selectionModel().currentRowChanged.connect(self._on_row)

    def order(self) -> tuple[str, bool]:
        """Column that is sorted by, and whether upwards in the data."""
        heads = self.horizontalHeader()
        name = _COLUMNS[heads.sortIndicatorSection()]
        up = heads.sortIndicatorOrder() == Qt.SortOrder.AscendingOrder
        # The column shows certainty, which is one less doubt.
        return name, up != (name == "doubt")

    def show_places(self, places: pd.DataFrame, current: Place | None) -> int | None:
        """List places and make one current without telling; gives its row."""
        self._silent = True
        try:
            self.places_model.set_places(places)
            row = row_of(places, current)
            if row is not None:
                self.selectRow(row)
        finally:
            self._silent = False
        return row

    def choose(self, place: Place) -> int | None:
        """Make a place current without telling; gives its row, None if not listed."""
        row = row_of(self.places_model.places, place)
        self._silent = True
        try:
            if row is None:
                self.clearSelection()
            else:
                self.selectRow(row)
                self.scrollTo(self.places_model.index(row, 0))
        finally:
            self._silent = False
        return row

    def _on_sorting(self, section: int, order: Any) -> None:
        self.sorting.emit(*self.order())

    def _on_row(self, now: QModelIndex, before: QModelIndex) -> None:
        if now.isValid() and not self._silent:
            self.chosen.emit(self.places_model.place(now.row()))
