"""The table of a batch's files, which fills as they end; worst first if asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtGui import QColor

from napari_pmrnet.batch.events import FAILED, KEPT, UNCHANGED
from napari_pmrnet.batch.summary import Row, worst_first

COLUMNS = ("File", "Nuclei", "Certainty", "Time", "Status")
FILE, FOUND, CERTAINTY, TIME, STATUS = range(len(COLUMNS))
SORT_ROLE = Qt.ItemDataRole.UserRole
WAITING, RUNNING = "waiting", "running"
_SHOWN = {UNCHANGED: "earlier"}
_MEANING = {
    UNCHANGED: "Finished by an earlier run with the same settings and weights.",
}
_TONES = {FAILED: "error", KEPT: "warning", UNCHANGED: "hint", WAITING: "hint"}
_LAST = (9, 0.0)
_Role = Qt.ItemDataRole


class FileState(NamedTuple):
    """A file, how far it is, and what came of it."""

    path: Path
    status: str = WAITING
    row: Row | None = None


class FilesModel(QAbstractTableModel):
    """Files of a batch, a row each."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._files: list[FileState] = []
        self._headings = list(COLUMNS)
        self._colours: dict[str, QColor] = {}

    def show_files(self, paths: list[Path]) -> None:
        """Start over with the files of a new batch."""
        self.beginResetModel()
        self._files = [FileState(path) for path in paths]
        self.endResetModel()

    def update_file(self, number: int, status: str, row: Row | None = None) -> None:
        """Tell what is or has become of a file."""
        self._files[number] = FileState(self._files[number].path, status, row)
        last = self.index(number, len(COLUMNS) - 1)
        self.dataChanged.emit(self.index(number, 0), last)

    def name_found(self, many: str) -> None:
        """Head the column of counts by what is found, such as nuclei."""
        self._headings[FOUND] = many.capitalize()
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, FOUND, FOUND)

    def stop_waiting(self) -> None:
        """No file is running any more."""
        for number, file in enumerate(self._files):
            if file.status == RUNNING:
                self.update_file(number, WAITING)

    def set_colours(self, tones: dict[str, str]) -> None:
        """Colours of the status, by tone."""
        self._colours = {name: QColor(colour) for name, colour in tones.items()}
        if self._files:
            last = self.index(len(self._files) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def file(self, number: int) -> FileState:
        """The file of a row."""
        return self._files[number]

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Number of files."""
        return 0 if parent is not None and parent.isValid() else len(self._files)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Any, role: int = _Role.DisplayRole
    ) -> Any:
        """Headings of the columns."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == _Role.TextAlignmentRole:
            return _alignment(section)
        return self._headings[section] if role == _Role.DisplayRole else None

    def data(self, index: QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """Text, colour, explanation and sorting key of a cell."""
        file = self._files[index.row()]
        if role == _Role.DisplayRole:
            return cell_text(file, index.column())
        if role == SORT_ROLE:
            return sort_key(file, index.column(), index.row())
        if role == _Role.ToolTipRole:
            return explanation(file)
        if role == _Role.TextAlignmentRole:
            return _alignment(index.column())
        if role == _Role.ForegroundRole and index.column() == STATUS:
            return self._colours.get(_TONES.get(file.status, "good"))
        return None


class FilesOrder(QSortFilterProxyModel):
    """The files sorted by a column, or the worst first."""

    worst = False

    def set_worst_first(self, worst: bool) -> None:
        """Sort by certainty, with errors on top, or in the order of the batch."""
        self.worst = worst
        self.invalidate()
        self.sort(CERTAINTY if worst else -1)

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Compare by sorting keys."""
        model = self.sourceModel()
        return model.data(left, SORT_ROLE) < model.data(right, SORT_ROLE)


def cell_text(file: FileState, column: int) -> str:
    """What stands in a cell."""
    row = file.row
    if column == FILE:
        return file.path.name
    if column == STATUS:
        return _SHOWN.get(file.status, file.status)
    if row is None or row.error:
        return ""
    if column == FOUND:
        return "" if row.nuclei is None else f"{row.nuclei}"
    if column == CERTAINTY:
        return "" if row.certainty is None else f"{row.certainty:.2f}"
    if row.seconds is None:
        return ""
    return f"{row.seconds:.{0 if row.seconds >= 100 else 1}f} s"


def sort_key(file: FileState, column: int, number: int) -> tuple:
    """By what a column is sorted; the order of the batch decides between equals."""
    row = file.row
    if column == CERTAINTY:
        return (*(worst_first(row) if row is not None else _LAST), number)
    if column == FILE:
        return (file.path.name.casefold(), number)
    if column == STATUS:
        return (file.status, number)
    value = row and (row.nuclei if column == FOUND else row.seconds)
    return (value is None, value or 0, number)


def explanation(file: FileState) -> str:
    """The whole path, and what there is to say."""
    row = file.row
    said = "" if row is None else row.error or row.note
    parts = (str(file.path), said, _MEANING.get(file.status, ""))
    return "\n".join(part for part in parts if part)


def _alignment(column: int) -> Any:
    """Numbers stand on the right."""
    side = Qt.AlignmentFlag.AlignRight if column in (FOUND, CERTAINTY, TIME) else None
    return (side or Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter
