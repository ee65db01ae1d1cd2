"""The table of measurements, sorted by any column, over the arrays of a data frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QItemSelectionRange,
    Qt,
)
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView

from napari_pmrnet.io.units import PIXEL
from napari_pmrnet.plugin.measure.formatting import (
    USUALLY_HIDDEN,
    group_of,
    head_of,
)
from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.plugin.widgets.table import (
    CENTRE,
    RIGHT,
    Column,
    TableModel,
    TableView,
)
from napari_pmrnet.proofreading.measure import CENTROID, DIGITS

_PADDING = 26
_PLANE = "Plane of the stack or movie, counted from 0"
COPY = QKeySequence.StandardKey.Copy


class MeasurementsModel(TableModel):
    """Nuclei as rows, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._cells: dict[str, np.ndarray] = {}
        self._sorted = 0, True
        self.axes: dict[str, str] = {}
        self.plane: tuple[int, ...] = ()

    def show_table(
        self,
        table: pd.DataFrame | None,
        unit: str = PIXEL,
        axes: Mapping[str, str] | None = None,
    ) -> bool:
        """Show other measurements; tells whether the columns are other ones.

        Parameters
        ----------
        table : DataFrame or None
        unit : str
        axes : mapping of str, optional
            Columns with the plane that nuclei of a stack are on, and their titles.
        """
        self._cells, self.axes = {}, dict(axes or {})
        if table is not None and len(table.columns):
            self._cells = {"label": table.index.to_numpy()}
            self._cells |= {str(name): table[name].to_numpy() for name in table}
        before = [column.title for column in self.columns]
        columns = [
            _column(name, unit, cells)
            if name not in self.axes
            else Column(
                self.axes[name], cells.__getitem__, cell_text, _PLANE, alignment=RIGHT
            )
            for name, cells in self._cells.items()
        ]
        self.show(self._order(), columns)
        return before != [column.title for column in self.columns]

    @property
    def names(self) -> list[str]:
        """Columns of the measurements, the label first."""
        return list(self._cells)

    def words(self, section: int) -> set[str]:
        """The words in a column that has words."""
        cells = list(self._cells.values())[section]
        return set(map(str, cells)) if cells.dtype == object else set()

    def label(self, row: int) -> int:
        """Label of the nucleus in a row."""
        return int(self._cells["label"][self.rows[row]])

    def plane_of(self, row: int) -> tuple[int, ...]:
        """Plane of the nucleus in a row; empty where there is but one."""
        return tuple(int(self._cells[name][self.rows[row]]) for name in self.axes)

    def row_of(self, label: int) -> int | None:
        """Row of a nucleus, of a stack on the plane that is turned to."""
        if not self._cells:
            return None
        same = self._cells["label"][self.rows] == label
        for name, step in zip(self.axes, self.plane, strict=False):
            same &= self._cells[name][self.rows] == step
        rows = np.flatnonzero(same)
        return int(rows[0]) if len(rows) else None

    def rows_of(self, labels: Iterable[int]) -> np.ndarray:
        """Rows of nuclei, in their order."""
        if not self._cells:
            return np.zeros(0, int)
        wanted = list(labels)
        if len(wanted) == 1:  # of a stack that of the plane that is turned to
            row = self.row_of(wanted[0])
            return np.array([] if row is None else [row], int)
        return np.flatnonzero(np.isin(self._cells["label"][self.rows], wanted))

    def centre(self, label: int) -> tuple[float, float] | None:
        """Centroid (y, x) of a nucleus, in the unit of the table."""
        y, x = (self.value(label, name) for name in CENTROID)
        return None if y is None or x is None else (y, x)

    def value(self, label: int, name: str) -> float | None:
        """A measurement of a nucleus, in the unit of the table; None if not known."""
        row = self.row_of(label)
        if row is None or name not in self._cells:
            return None
        return float(self._cells[name][self.rows[row]])

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
        values = _sortable(cells[min(section, len(cells) - 1)])
        return np.argsort(values if up else -values, kind="stable").tolist()


def _sortable(cells: np.ndarray) -> np.ndarray:
    """Numbers in the order of the cells; NaN where a cell is empty."""
    if cells.dtype != object:
        return cells.astype(float)
    places, _ = pd.factorize(cells, sort=True)
    return np.where((cells == "") | (places < 0), np.nan, places)


def _column(name: str, unit: str, cells: np.ndarray) -> Column[int]:
    title, meaning = head_of(name, unit)
    side = CENTRE if cells.dtype == bool else RIGHT
    return Column(title, cells.__getitem__, cell_text, meaning, alignment=side)


class MeasurementsView(TableView):
    """Shows measurements; one nucleus is current, several may be selected.

    ``chosen`` tells of a nucleus that the user makes current and of its plane,
    ``selected`` of every change of the nuclei whose rows are selected, ``copied`` how
    many rows went to the clipboard.
    """

    chosen = Signal(int, object)
    selected = Signal()
    copied = Signal(int)
    whole = False

    def __init__(self) -> None:
        self.measurements = MeasurementsModel()
        super().__init__(self.measurements)
        self.setAccessibleName("Measurements")
        self._label: int | None = None
        self._labels: frozenset[int] = frozenset()
        self._hidden: set[str] = set(USUALLY_HIDDEN)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.heads.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self.heads.sortIndicatorChanged.connect(self._on_sorted)
        self.row_chosen.connect(self._on_chosen)
        self.selection.selectionChanged.connect(self._on_selection)

    @property
    def labels(self) -> frozenset[int]:
        """Labels of the nuclei whose rows are selected."""
        return self._labels

    @property
    def current(self) -> int | None:
        """Label of the current nucleus, if the table has it."""
        known = self._label is not None
        return self._label if known and self._row() is not None else None

    @property
    def groups(self) -> list[str]:
        """What columns can be chosen by, in their order; the label always stays."""
        return list(dict.fromkeys(map(self._group, self.measurements.names[1:])))

    @property
    def hidden(self) -> set[str]:
        """Groups of columns that are not shown."""
        return self._hidden

    def hide_groups(self, groups: Iterable[str]) -> None:
        """Show all columns but those of some groups."""
        self._hidden = set(groups)
        for section, name in enumerate(self.measurements.names):
            self.setColumnHidden(section, self._group(name) in self._hidden)

    def show_table(
        self,
        table: pd.DataFrame | None,
        unit: str = PIXEL,
        axes: Mapping[str, str] | None = None,
    ) -> None:
        """Show other measurements; the current nucleus stays if it is still there."""
        if self.measurements.show_table(table, unit, axes):
            self.fit()
        self.hide_groups(self._hidden)
        self.select(self._labels)

    def select(self, labels: Iterable[int]) -> None:
        """Select the rows of nuclei without telling; one of them is current then."""
        wanted, model = frozenset(labels), self.measurements
        rows, last = model.rows_of(wanted), len(model.columns) - 1
        if len(rows) and self._label not in wanted:
            self._label = model.label(int(rows[0]))
        blocked = self.blockSignals(True)
        self.choose_row(self._row())
        if len(rows):
            ranges = QItemSelection()
            for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
                ends = model.index(int(run[0]), 0), model.index(int(run[-1]), last)
                ranges.append(QItemSelectionRange(*ends))
            only = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self.selection.select(ranges, only)
        self._on_selection()  # Qt does not tell of rows that are gone
        self.blockSignals(blocked)

    def turn_to(self, plane: tuple[int, ...]) -> None:
        """Make the current nucleus that of the same number on another plane."""
        if plane != self.measurements.plane:
            self.measurements.plane = plane
            self.choose_row(self._row())

    def _group(self, name: str) -> str:
        """What a column is chosen by."""
        return self.measurements.axes.get(name) or group_of(name)

    def choose(self, label: int | None) -> None:
        """Make a nucleus current without telling; other rows are no longer selected."""
        if label != self._label or self.currentIndex().row() != self._row():
            self._label = label
            self.choose_row(self._row())

    def copy(self) -> None:
        """Put the selected rows, or all if there are none, on the clipboard."""
        rows = sorted(index.row() for index in self.selection.selectedRows())
        rows = rows or list(range(self.measurements.rowCount()))
        if rows:
            there(QGuiApplication.clipboard()).setText(self.text_of(rows))
            self.copied.emit(len(rows))

    def text_of(self, rows: Iterable[int]) -> str:
        """Rows under the heads of the columns that are shown, separated by tabs."""
        columns = [
            column
            for section, column in enumerate(self.measurements.columns)
            if not self.isColumnHidden(section)
        ]
        text = io.StringIO(newline="")
        table = csv.writer(text, delimiter="\t", lineterminator="\n")
        table.writerow(column.title for column in columns)
        for row in rows:
            nucleus = self.measurements.rows[row]
            table.writerow(plain_text(column.value(nucleus)) for column in columns)
        return text.getvalue()

    def event(self, event: QEvent) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Qt's: keep Ctrl+C from shortcuts of the window."""
        is_ours = event.type() == QEvent.Type.ShortcutOverride
        if is_ours and isinstance(event, QKeyEvent) and event.matches(COPY):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: e
        """Qt's: copy on Ctrl+C."""
        if event.matches(COPY):
            self.copy()
        else:
            super().keyPressEvent(event)

    def _row(self) -> int | None:
        """Row of the current nucleus."""
        return None if self._label is None else self.measurements.row_of(self._label)

    def _on_sorted(self, *_: Any) -> None:
        self.select(self._labels)

    def _on_selection(self, *_: Any) -> None:
        """Tell of other nuclei, not of other rows of the same."""
        rows = self.selection.selectedRows()
        labels = frozenset(self.measurements.label(row.row()) for row in rows)
        if labels != self._labels:
            self._labels = labels
            self.selected.emit()

    def fit(self) -> None:
        """Make columns as wide as their heads, and as the words in them."""
        super().fit()
        width = self.heads.fontMetrics().horizontalAdvance
        for section, column in enumerate(self.measurements.columns):
            words = max(map(width, self.measurements.words(section)), default=0)
            head = self.head_width(column.title)
            self.setColumnWidth(section, max(head, words + _PADDING))

    def _on_chosen(self, row: int) -> None:
        self._label = self.measurements.label(row)
        plane = self.measurements.plane = self.measurements.plane_of(row)
        self.chosen.emit(self._label, plane)


def plain_text(value: Any) -> str:
    """A measurement as text for other programs, a missing one as nothing."""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.{DIGITS}g}"
    return str(value)


def cell_text(value: Any) -> str:
    """A measurement as text, a missing one as a dash."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    if isinstance(value, (int, np.integer)):
        return str(value)
    if np.isnan(value):
        return "-"
    return f"{value:#.4g}" if abs(value) < 1000 else f"{value:.0f}"
