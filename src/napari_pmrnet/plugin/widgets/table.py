"""One table for every dock: rows of any kind, under columns that describe themselves.

A cell is made when it is painted and not before, which is quick with 10,000 rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

from qtpy.QtCore import (
    QAbstractItemModel,
    QAbstractTableModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QSize,
    Qt,
)
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyleOptionHeader,
    QTableView,
)

from napari_pmrnet.plugin.qt import FollowsFont, Signal, there

Row = TypeVar("Row")
_MIDDLE = Qt.AlignmentFlag.AlignVCenter
LEFT = Qt.AlignmentFlag.AlignLeft | _MIDDLE
RIGHT = Qt.AlignmentFlag.AlignRight | _MIDDLE
CENTRE = Qt.AlignmentFlag.AlignHCenter | _MIDDLE
_ROW_PADDING = 6
SORT_ROLE = Qt.ItemDataRole.UserRole
_ALONE = (
    QItemSelectionModel.SelectionFlag.ClearAndSelect
    | QItemSelectionModel.SelectionFlag.Rows
)


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table.

    Attributes
    ----------
    title : str
        Its head.
    value : callable
        Value of a row; where a table lies in arrays, a row is a number.
    format : callable
        Text of a value.
    meaning : str
        What the head says under the mouse.
    tooltip : callable, optional
        What a cell says under the mouse, of a row.
    alignment : Qt.AlignmentFlag
        Of the cells.
    head_alignment : Qt.AlignmentFlag
        Of the head.
    tone : callable, optional
        Tone of the text of a row, such as ``"error"``; see `TableModel.set_tones`.
    key : callable, optional
        By what rows are sorted where that is not the value.
    """

    title: str
    value: Callable[[Row], Any]
    format: Callable[[Any], str] = str
    meaning: str = ""
    tooltip: Callable[[Row], str] | None = None
    alignment: Qt.AlignmentFlag = LEFT
    head_alignment: Qt.AlignmentFlag = CENTRE
    tone: Callable[[Row], str] | None = None
    key: Callable[[Row], Any] | None = None


class TableModel(QAbstractTableModel):
    """Rows under columns; nothing of it is edited in the table.

    Attributes
    ----------
    columns : tuple of Column
    rows : sequence
        What the columns read, one a row.
    """

    def __init__(
        self, columns: Sequence[Column[Any]] = (), parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.rows: Sequence[Any] = ()
        self._tones: dict[str, QColor] = {}

    def show(
        self, rows: Sequence[Any], columns: Sequence[Column[Any]] | None = None
    ) -> None:
        """Start over with other rows, and with other columns where they are given."""
        self.beginResetModel()
        self.rows = rows
        if columns is not None:
            self.columns = tuple(columns)
        self.endResetModel()

    def entitle(self, section: int, title: str) -> None:
        """Give a column another head."""
        columns = list(self.columns)
        columns[section] = replace(columns[section], title=title)
        self.columns = tuple(columns)
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, section, section)

    def set_tones(self, colours: Mapping[str, str]) -> None:
        """Colours of the tones that columns give to rows."""
        self._tones = {name: QColor(colour) for name, colour in colours.items()}
        self._repaint(0, len(self.rows) - 1)

    def replace(self, number: int, row: Any) -> None:
        """Put another row in the place of one."""
        self.rows = [*self.rows[:number], row, *self.rows[number + 1 :]]
        self._repaint(number, number)

    def _repaint(self, first: int, last: int) -> None:
        if first <= last:
            corner = self.index(last, len(self.columns) - 1)
            self.dataChanged.emit(self.index(first, 0), corner)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Qt's: number of rows."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Qt's: number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = 0
    ) -> Any:
        """Qt's: heads of the columns and what they mean."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.head_alignment
        if role == Qt.ItemDataRole.ToolTipRole and column.meaning:
            return f"<span>{column.meaning}</span>"
        return None

    def data(self, index: QModelIndex, role: int = 0) -> Any:
        """Qt's: what stands in a cell, how, and by what it is sorted."""
        row, column = self.rows[index.row()], self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.format(column.value(row))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.alignment
        if role == Qt.ItemDataRole.ToolTipRole and column.tooltip is not None:
            return column.tooltip(row)
        if role == Qt.ItemDataRole.ForegroundRole and column.tone is not None:
            return self._tones.get(column.tone(row))
        if role == SORT_ROLE:
            # The order of the rows decides between equals.
            return (column.key or column.value)(row), index.row()
        return None


class TableView(FollowsFont, QTableView):
    """Table of low rows of one height, of which one is chosen.

    ``row_chosen`` tells of rows that the user chooses, not of those that `choose_row`
    is asked for.
    """

    row_chosen = Signal(int)
    whole: ClassVar[bool] = True
    """Whether a dock is at least as wide as all columns; else they scroll sideways."""

    def __init__(self, model: QAbstractItemModel) -> None:
        super().__init__()
        self._silent = False
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setMinimumHeight(140)
        self.heads = _Heads(self)
        self.setHorizontalHeader(self.heads)
        rows = there(self.verticalHeader())
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.heads.setHighlightSections(False)
        self.heads.setSectionsClickable(True)
        self.heads.sectionResized.connect(lambda *_: self.updateGeometry())
        self.selection = there(self.selectionModel())
        self.selection.currentRowChanged.connect(self._on_row)

    def fit(self) -> None:
        """Make rows, and columns of a width of their own, fit the font."""
        height = self.fontMetrics().height() + _ROW_PADDING
        there(self.verticalHeader()).setDefaultSectionSize(height)

    def head_width(self, title: str) -> int:
        """Width of a head, with the arrow that tells of sorting where there is one.

        That of Qt's ``sectionSizeHint``, which knows no column that is hidden and takes
        heads for bold, as those of selected cells are where they are highlighted.
        """
        option = QStyleOptionHeader()
        option.initFrom(self.heads)
        option.text = title
        if self.heads.isSortIndicatorShown():
            option.sortIndicator = QStyleOptionHeader.SortIndicator.SortDown
        kind = QStyle.ContentsType.CT_HeaderSection
        style = there(self.heads.style())
        return style.sizeFromContents(kind, option, QSize(), self.heads).width()

    def minimumSizeHint(self) -> QSize:
        """Room for every column that is shown."""
        hint = super().minimumSizeHint()
        if not self.whole:
            return hint
        heads = self.heads
        shown = [n for n in range(heads.count()) if not heads.isSectionHidden(n)]
        width = sum(map(self._least_width, shown)) + 2 * self.frameWidth()
        bar = there(self.verticalScrollBar()).sizeHint().width()
        return hint.expandedTo(QSize(width + bar, 0))

    def chosen_row(self) -> int | None:
        """Row that is selected."""
        rows = self.selection.selectedRows()
        return rows[0].row() if rows else None

    def choose_row(self, row: int | None, scroll: bool = True) -> None:
        """Make a row current, or none, without telling."""
        self._silent = True
        try:
            if row is None:
                self.clearSelection()
                return
            # selectRow would add to the selection while Ctrl is held down.
            self.selection.setCurrentIndex(there(self.model()).index(row, 0), _ALONE)
            if scroll:
                self.scrollTo(self.currentIndex())
        finally:
            self._silent = False

    def _least_width(self, section: int) -> int:
        """Width of a column; of one that takes what is left over, that of its head."""
        heads = self.heads
        is_last = heads.visualIndex(section) == heads.count() - 1
        mode = heads.sectionResizeMode(section)
        if mode == QHeaderView.ResizeMode.Stretch or (
            is_last and heads.stretchLastSection()
        ):
            orientation = Qt.Orientation.Horizontal
            title = str(there(self.model()).headerData(section, orientation) or "")
            return max(self.head_width(title), heads.minimumSectionSize())
        return heads.sectionSize(section)

    def _on_row(self, now: QModelIndex, before: QModelIndex) -> None:
        if now.isValid() and not self._silent:
            self.row_chosen.emit(now.row())


class _Heads(FollowsFont, QHeaderView):
    """Heads of a table, to whose font, which may come after its own, that fits too."""

    def __init__(self, table: TableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, table)
        self._table = table

    def fit(self) -> None:
        """Fit the columns."""
        self._table.fit()
