"""The table of measurements: a thin model on arrays, quick with 10,000 rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal

from napari_pmrnet.io.units import PIXEL
from napari_pmrnet.plugin.measure.formatting import head_of
from napari_pmrnet.plugin.widgets.table import RowTable, head

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_MIDDLE = Qt.AlignmentFlag.AlignCenter
_PADDING = 26


class MeasurementsModel(QAbstractTableModel):
    """Nuclei as rows, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._cells: list[np.ndarray] = []
        self._order = np.empty(0, int)
        self._unit = PIXEL
        self._sorted = 0, True

    def show_table(self, table: pd.DataFrame | None, unit: str = PIXEL) -> bool:
        """Show other measurements; tells whether the columns are other ones."""
        self.beginResetModel()
        table = pd.DataFrame() if table is None else table
        names = ["label", *map(str, table.columns)] if len(table.columns) else []
        other = (names, unit) != (self._names, self._unit)
        self._names, self._unit = names, unit
        self._cells = [table.index.to_numpy()] if names else []
        self._cells += [table[name].to_numpy() for name in table]
        self._sort()
        self.endResetModel()
        return other

    def label(self, row: int) -> int:
        """Label of the nucleus in a row."""
        return int(self._cells[0][self._order[row]])

    def row_of(self, label: int) -> int | None:
        """Row of a nucleus."""
        if not self._cells:
            return None
        rows = np.flatnonzero(self._cells[0][self._order] == label)
        return int(rows[0]) if len(rows) else None

    def centre(self, label: int) -> tuple[float, float] | None:
        """Centroid (y, x) of a nucleus, in the unit of the table."""
        row = self.row_of(label)
        if row is None or not {"centroid_y", "centroid_x"} <= set(self._names):
            return None
        y, x = (
            self._cells[self._names.index(name)][self._order[row]]
            for name in ("centroid_y", "centroid_x")
        )
        return float(y), float(x)

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Qt's: sort by a column; missing values come last."""
        self._sorted = column, order == Qt.SortOrder.AscendingOrder
        self.layoutAboutToBeChanged.emit()
        self._sort()
        self.layoutChanged.emit()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Qt's: number of nuclei."""
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Qt's: number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self._names)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = 0
    ) -> Any:
        """Qt's: heads of the columns and what they mean."""
        if orientation == Qt.Orientation.Horizontal and section < len(self._names):
            title, meaning = head_of(self._names[section], self._unit)
            return head(title, meaning, role)
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """Qt's: what stands in a cell."""
        cells = self._cells[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _MIDDLE if cells.dtype == bool else _RIGHT
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(cells[self._order[index.row()]])
        return None

    def _sort(self) -> None:
        """Put the rows in order by the column sorted by."""
        column, up = self._sorted
        if not self._cells:
            self._order = np.empty(0, int)
            return
        values = self._cells[min(column, len(self._cells) - 1)].astype(float)
        self._order = np.argsort(values if up else -values, kind="stable")


class MeasurementsView(RowTable):
    """Shows measurements; one nucleus is current."""

    chosen = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.measurements = MeasurementsModel()
        self.setModel(self.measurements)
        self._silent = False
        heads = self.horizontalHeader()
        heads.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        heads.sortIndicatorChanged.connect(self._on_sorted)
        self.selectionModel().currentRowChanged.connect(self._on_row)
        self._label: int | None = None

    def show_table(self, table: pd.DataFrame | None, unit: str = PIXEL) -> None:
        """Show other measurements; the current nucleus stays if it is still there."""
        self._silent = True
        try:
            if self.measurements.show_table(table, unit):
                self._fit()
        finally:
            self._silent = False
        self.choose(self._label)

    def choose(self, label: int | None) -> None:
        """Make a nucleus current without telling."""
        row = None if label is None else self.measurements.row_of(label)
        self._label = label
        self._silent = True
        try:
            if row is None:
                self.clearSelection()
            else:
                self.selectRow(row)
                self.scrollTo(self.measurements.index(row, 0))
        finally:
            self._silent = False

    def _fit(self) -> None:
        """Make columns as wide as their heads."""
        for column in range(self.measurements.columnCount()):
            head = self.measurements.headerData(
                column, Qt.Orientation.Horizontal, Qt.ItemDataRole.DisplayRole
            )
            width = self.horizontalHeader().fontMetrics().horizontalAdvance(head)
            self.setColumnWidth(column, width + _PADDING)

    def _on_sorted(self, *_: Any) -> None:
        self.choose(self._label)

    def _on_row(self, now: QModelIndex, before: QModelIndex) -> None:
        if now.isValid() and not self._silent:
            self._label = self.measurements.label(now.row())
            self.chosen.emit(self._label)


def cell_text(value: Any) -> str:
    """A measurement as text, a missing one as a dash."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    if isinstance(value, (int, np.integer)):
        return str(value)
    if np.isnan(value):
        return "-"
    return f"{value:#.4g}" if abs(value) < 1000 else f"{value:.0f}"
