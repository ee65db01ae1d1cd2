"""The table of measurements, sorted by any column, over the arrays of a data frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import Qt

from napari_pmrnet.io.units import PIXEL
from napari_pmrnet.plugin.measure.formatting import head_of
from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.table import (
    CENTRE,
    RIGHT,
    Column,
    TableModel,
    TableView,
)

_PADDING = 26


class MeasurementsModel(TableModel):
    """Nuclei as rows, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._cells: dict[str, np.ndarray] = {}
        self._sorted = 0, True

    def show_table(self, table: pd.DataFrame | None, unit: str = PIXEL) -> bool:
        """Show other measurements; tells whether the columns are other ones."""
        self._cells = {}
        if table is not None and len(table.columns):
            self._cells = {"label": table.index.to_numpy()}
            self._cells |= {str(name): table[name].to_numpy() for name in table}
        before = [column.title for column in self.columns]
        columns = [_column(name, unit, cells) for name, cells in self._cells.items()]
        self.show(self._order(), columns)
        return before != [column.title for column in self.columns]

    def label(self, row: int) -> int:
        """Label of the nucleus in a row."""
        return int(self._cells["label"][self.rows[row]])

    def row_of(self, label: int) -> int | None:
        """Row of a nucleus."""
        if not self._cells:
            return None
        rows = np.flatnonzero(self._cells["label"][self.rows] == label)
        return int(rows[0]) if len(rows) else None

    def centre(self, label: int) -> tuple[float, float] | None:
        """Centroid (y, x) of a nucleus, in the unit of the table."""
        row = self.row_of(label)
        if row is None or not {"centroid_y", "centroid_x"} <= set(self._cells):
            return None
        nucleus = self.rows[row]
        y, x = (self._cells[name][nucleus] for name in ("centroid_y", "centroid_x"))
        return float(y), float(x)

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Qt's: sort by a column; missing values come last."""
        self._sorted = column, order == Qt.SortOrder.AscendingOrder
        self.layoutAboutToBeChanged.emit()
        self.rows = self._order()
        self.layoutChanged.emit()

    def _order(self) -> Sequence[int]:
        """Numbers of the nuclei in the order of the column sorted by."""
        section, up = self._sorted
        if not self._cells:
            return []
        cells = list(self._cells.values())
        values = cells[min(section, len(cells) - 1)].astype(float)
        return np.argsort(values if up else -values, kind="stable").tolist()


def _column(name: str, unit: str, cells: np.ndarray) -> Column[int]:
    title, meaning = head_of(name, unit)
    side = CENTRE if cells.dtype == bool else RIGHT
    return Column(title, cells.__getitem__, cell_text, meaning, alignment=side)


class MeasurementsView(TableView):
    """Shows measurements; one nucleus is current."""

    chosen = Signal(int)

    def __init__(self) -> None:
        self.measurements = MeasurementsModel()
        super().__init__(self.measurements)
        self._label: int | None = None
        self.heads.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.heads.sortIndicatorChanged.connect(lambda *_: self.choose(self._label))
        self.row_chosen.connect(self._on_chosen)

    def show_table(self, table: pd.DataFrame | None, unit: str = PIXEL) -> None:
        """Show other measurements; the current nucleus stays if it is still there."""
        if self.measurements.show_table(table, unit):
            self._fit()
        self.choose(self._label)

    def choose(self, label: int | None) -> None:
        """Make a nucleus current without telling."""
        self._label = label
        self.choose_row(None if label is None else self.measurements.row_of(label))

    def _fit(self) -> None:
        """Make columns as wide as their heads."""
        metrics = self.heads.fontMetrics()
        for section, column in enumerate(self.measurements.columns):
            width = metrics.horizontalAdvance(column.title)
            self.setColumnWidth(section, width + _PADDING)

    def _on_chosen(self, row: int) -> None:
        self._label = self.measurements.label(row)
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
