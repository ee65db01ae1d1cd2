"""Parts of the dock "Segment a folder": the folders, the settings, the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QGroupBox,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_pmrnet.io.ome_zarr import outer_zarr
from napari_pmrnet.plugin.batch.keys import NEXT, PREVIOUS, WindowKeys
from napari_pmrnet.plugin.batch.table import (
    CERTAINTY,
    COLUMNS,
    FILE,
    LONGEST,
    FilesModel,
    FilesOrder,
    FileState,
)
from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.collapsible import Collapsible
from napari_pmrnet.plugin.widgets.dialogs import FileDialogs
from napari_pmrnet.plugin.widgets.fields import Field
from napari_pmrnet.plugin.widgets.keys import name_key
from napari_pmrnet.plugin.widgets.layout import Form, NarrowButton, row_of, stack
from napari_pmrnet.plugin.widgets.table import TableView
from napari_pmrnet.proofreading.classes import Classes
from napari_pmrnet.settings import AUTOMATIC, LIMITS, PERCENTILES

if TYPE_CHECKING:
    from napari_pmrnet.plugin.widgets.settings_form import SettingsForm

RESULTS = "labels"
UPWARDS = Qt.SortOrder.AscendingOrder
_PADDING = 12
_CLASSES = (
    "<span>Tell nuclei apart by a threshold on a column of objects.csv, and count them "
    "for every image and well in counts.csv: NAME:COLUMN&gt;=NUMBER or "
    "NAME/OTHER:COLUMN&gt;=NUMBER, several with ; between. To count by others, press "
    "Start again: nothing is segmented anew.</span>"
)
CHANNELS = 8
NUCLEI_SETTINGS = (
    "channel",
    "limits",
    "diameter",
    "probability_threshold",
    "seed_threshold",
    "least_certainty",
    "min_area",
    "exclude_border",
)


class PathField(Field):
    """A path to type, drop or choose.

    Parameters
    ----------
    title : str
    hint : str
        Shown while nothing is typed.
    on_show : callable
        Gives the folder of the image on show.
    """

    def __init__(self, title: str, hint: str, on_show: Callable[[], Path]) -> None:
        super().__init__()
        self._title, self._files = title, FileDialogs(self, on_show)
        self.edit = QLineEdit()
        self.edit.setPlaceholderText(hint)
        self.edit.setMinimumWidth(60)
        self.browse_button = NarrowButton("...", f"Choose the {title.lower()}")
        self.browse_button.setToolTip("Choose a folder")
        self.setFocusProxy(self.edit)
        self.row.addWidget(self.edit, 1)
        self.row.addWidget(self.browse_button)
        self.edit.textChanged.connect(self._on_text)
        self.browse_button.clicked.connect(self.browse)

    def value(self) -> str:
        """The path as typed, without blanks around it."""
        return self.edit.text().strip()

    def set_value(self, value: str) -> None:
        """Show another path."""
        self.edit.setText(value)

    def browse(self) -> None:
        """Let the user choose a folder."""
        path = self._files.folder(self._title, self.value())
        if path is not None:
            self.set_value(str(path))

    def _on_text(self, text: str) -> None:
        self.edit.setToolTip(text)
        self.set_reason("")
        self.changed.emit()


class ClassesField(Field):
    """Classes that nuclei are told apart by, as the command takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.edit = QLineEdit()
        self.edit.setPlaceholderText("GFP+/GFP-:intensity GFP>=120; ...")
        self.setFocusProxy(self.edit)
        self.edit.setMinimumWidth(60)
        self.row.addWidget(self.edit, 1)
        self.setToolTip(_CLASSES)
        self.edit.textChanged.connect(self._on_text)

    def value(self) -> tuple[str, ...]:
        """The text of every class."""
        parts = (part.strip() for part in self.edit.text().split(";"))
        return tuple(part for part in parts if part)

    def check(self) -> bool:
        """Tell whether all can be read; the field says what cannot."""
        reason = ""
        try:
            for text in self.value():
                Classes.parse(text)
        except ValueError as error:
            reason = str(error)
        self.set_reason(reason)
        return not reason

    def _on_text(self) -> None:
        self.set_reason("")
        self.changed.emit()


class FoldersPanel(QGroupBox):
    """Folders of the images and of the results, and what becomes of the files there.

    Parameters
    ----------
    on_show : callable
        Gives the folder of the image on show.
    """

    def __init__(self, on_show: Callable[[], Path]) -> None:
        super().__init__("Folders")
        hint = "folder, file or pattern"
        self.images = PathField("Folder of images", hint, on_show)
        self.images.setToolTip(
            "<span>A folder of images (TIFF, PNG, JPEG, OME-Zarr, CZI, ND2, LIF and "
            "others), one such file, or a pattern such as plate/*.tif.</span>"
        )
        self.results = PathField("Folder of results", "folder", on_show)
        self.results.setToolTip(
            "<span>Gets a label TIFF for every image, summary.csv (a row an image), "
            "objects.csv (a row a nucleus) and contact_sheet.html. What an earlier run "
            "finished there with the same "
            "settings is not segmented again.</span>"
        )
        self.recursive = QCheckBox("With subfolders")
        self.overwrite = QCheckBox("Overwrite")
        self.overwrite.setToolTip(
            "<span>Segment finished images again, and replace labels that were "
            "corrected since or made elsewhere.</span>"
        )
        self.keep_maps = QCheckBox("Keep maps")
        self.keep_maps.setToolTip(
            "<span>Keep the maps of the network in the folder of results, 12 MB a "
            "megapixel: later runs with other thresholds, sizes or certainty need no "
            "network then.</span>"
        )
        self.scene = QLineEdit()
        self.scene.setAccessibleName("Scene")
        self.scene.setPlaceholderText("all")
        self.scene.setMinimumWidth(60)
        self.scene.setToolTip(
            "<span>Name or number, from 0, of the one image that is segmented of files "
            "that hold several (scenes, positions, series). Empty: all of them.</span>"
        )
        self.plate_labels = QCheckBox("Plate of labels")
        self.plate_labels.setToolTip(
            "<span>Also write the labels of OME-Zarr plates as a plate in the folder "
            "of results. The plate that is read stays as it is.</span>"
        )
        rows = Form(self)
        rows.addRow("Images", self.images)
        rows.addRow("Results", self.results)
        rows.addRow(
            row_of((self.recursive, 1), (self.overwrite, 1), (self.keep_maps, 1))
        )
        rows.addRow("Scene", row_of((self.scene, 1), (self.plate_labels, 1)))
        self.classes = ClassesField()
        rows.addRow("Classes", self.classes)
        self._proposed = ""
        self.images.changed.connect(self._propose)

    def check(self) -> bool:
        """Tell whether both are given; a field that is wrong says why."""
        named, target = self.images.value(), self.results.value()
        self.images.set_reason("" if named else "Choose a folder of images.")
        self.results.set_reason("" if target else "Choose a folder for the results.")
        return bool(named and target)

    def _propose(self) -> None:
        """Offer a folder for the results, unless the user has chosen one."""
        if self.results.value() not in ("", self._proposed):
            return
        path = Path(self.images.value()).expanduser()
        # A plate and what lies in it are folders too, but not to write into.
        outermost = outer_zarr(path)
        place = path if outermost is None else outermost.parent
        self._proposed = str(place / RESULTS) if path.is_dir() else ""
        self.results.set_value(self._proposed)


class SettingsPanel(Collapsible):
    """The settings of the nuclei, folded away until wanted."""

    def __init__(self, form: SettingsForm) -> None:
        content = QWidget()
        rows = Form(content)
        rows.setContentsMargins(0, 0, 0, 0)
        numbered = [(i, f"Channel {i}") for i in range(CHANNELS)]
        form.choice("channel").set_choices([(None, "Automatic"), *numbered])
        named = [(name, LIMITS[name]) for name in (AUTOMATIC, PERCENTILES)]
        form.choice("limits").set_choices(named)
        form.add_to(rows, NUCLEI_SETTINGS)
        super().__init__("Nuclei settings", content)


class ReviewPanel(QWidget):
    """Ways through the folder, image by image, and what becomes of corrections."""

    def __init__(self) -> None:
        super().__init__()
        self.previous_button = QPushButton(PREVIOUS.text)
        self.next_button = QPushButton(NEXT.text)
        self.done = QCheckBox("Reviewed")
        self.done.setToolTip(
            "<span>Nothing is left to do in the image on show. It is written down, and "
            "the table marks it.</span>"
        )
        self.save_button = QPushButton("Save corrections")
        self.save_button.setToolTip(
            "<span>Write the labels on show into the label file of the run. The labels "
            "as they were found are kept beside it once.</span>"
        )
        stack(
            self,
            row_of((self.previous_button, 1), (self.next_button, 1)),
            row_of((self.done, 1), (self.save_button, 1)),
            spacing=6,
        )
        self.follow(False)

    def show_keys(self, keys: WindowKeys) -> None:
        """Name the keys of the window on the buttons that do the same."""
        for button, action in (
            (self.previous_button, PREVIOUS),
            (self.next_button, NEXT),
        ):
            name_key(button, action, action.text, keys.spelled(action))

    def follow(self, labelled: bool, done: bool = False) -> None:
        """Show what can be done with what is on show."""
        for part in (self.done, self.save_button):
            part.setEnabled(labelled)
        blocked = self.done.blockSignals(True)
        self.done.setChecked(done)
        self.done.blockSignals(blocked)


class ResultsPanel(QWidget):
    """The table of files, and what can be done with a row of it."""

    opened = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.model = FilesModel(self)
        self.order = FilesOrder(self)
        self.order.setSourceModel(self.model)
        self.table = _FilesView(self.order)
        self.worst_first = QCheckBox("Worst first")
        self.worst_first.setToolTip(
            "<span>Files that failed on top, then those without nuclei, then by rising "
            "certainty.</span>"
        )
        self.open_button = QPushButton("Open in viewer")
        self.open_button.setToolTip(
            "<span>Open the image of the selected row with its labels, their certainty "
            "and its review, in the place of the one before.</span>"
        )
        self.review = ReviewPanel()
        self.sheet_button = QPushButton("Contact sheet")
        self.sheet_button.setToolTip("Open the contact sheet in the browser")
        self.copy_button = QPushButton("Copy command")
        self.copy_button.setToolTip(
            "<span>Copy the command that does the same in a terminal.</span>"
        )
        self.describe_button = QPushButton("Describe")
        self.describe_button.setToolTip(
            "<span>Copy how the labels of the folder were made, as a paragraph for the "
            "methods of a paper.</span>"
        )
        stack(
            self,
            (self.table, 1),
            row_of((self.worst_first, 1), (self.open_button, 1)),
            self.review,
            row_of(
                (self.sheet_button, 1),
                (self.copy_button, 1),
                (self.describe_button, 1),
            ),
            spacing=6,
        )
        self.worst_first.toggled.connect(self._on_worst_first)
        self.table.heads.sortIndicatorChanged.connect(self._on_sorted)
        self.table.doubleClicked.connect(lambda index: self._open())
        self.open_button.clicked.connect(self._open)
        self.table.selection.selectionChanged.connect(self._on_selection)
        self.model.modelReset.connect(self._on_selection)
        self._on_selection()

    def chosen(self) -> FileState | None:
        """The file whose row is selected."""
        row = self.table.chosen_row()
        if row is None:
            return None
        return self._file_at(row)

    def beside(self, file: FileState, way: int) -> FileState | None:
        """The next (1) or previous (-1) file that has labels, as the table is sorted.

        Where the file itself is not listed any more, the first or the last one.
        """
        count = self.order.rowCount()
        files = [self._file_at(row) for row in range(count)]
        keys = [one.key for one in files]
        known = file.key is not None and file.key in keys
        start = keys.index(file.key) if known else None
        if start is None:
            start = -1 if way > 0 else count
        rows = range(start + way, count if way > 0 else -1, way)
        return next((files[row] for row in rows if files[row].has_labels), None)

    def choose(self, file: FileState) -> None:
        """Select the row of a file."""
        for row in range(self.order.rowCount()):
            one = self._file_at(row)
            if (one.path, one.name) == (file.path, file.name):
                self.table.choose_row(row)

    def _file_at(self, row: int) -> FileState:
        """The file of a row, as the table is sorted."""
        return self.model.rows[self.order.mapToSource(self.order.index(row, 0)).row()]

    def _open(self) -> None:
        file = self.chosen()
        if file is not None:
            self.opened.emit(file)

    def _on_worst_first(self, worst: bool) -> None:
        """Sort by certainty, with errors on top, or in the order of the batch."""
        self.table.sortByColumn(CERTAINTY if worst else -1, UPWARDS)

    def _on_sorted(self, section: int, order: Any) -> None:
        """Tell whether the worst are first, however they came to be."""
        blocked = self.worst_first.blockSignals(True)
        self.worst_first.setChecked((section, order) == (CERTAINTY, UPWARDS))
        self.worst_first.blockSignals(blocked)

    def _on_selection(self) -> None:
        self.open_button.setEnabled(self.chosen() is not None)


class _FilesView(TableView):
    """The table of files, which fits a narrow dock."""

    def __init__(self, order: FilesOrder) -> None:
        super().__init__(order)
        self.setAccessibleName("Files")
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.heads.setSectionResizeMode(FILE, QHeaderView.ResizeMode.Stretch)
        self.setSortingEnabled(True)
        self.heads.sortIndicatorChanged.connect(self._on_order)
        self.sortByColumn(-1, UPWARDS)

    def fit(self) -> None:
        """Leave every column room for what it holds, and the names for some letters."""
        super().fit()
        self.heads.setMinimumSectionSize(7 * self.fontMetrics().averageCharWidth())
        cell = self.fontMetrics().horizontalAdvance
        head = self.heads.fontMetrics().horizontalAdvance
        for section, (column, longest) in enumerate(zip(COLUMNS, LONGEST, strict=True)):
            width = max(cell(longest), head(column.title)) + _PADDING
            # The arrow is in one head alone: all others leave the room to the names.
            if section == self.heads.sortIndicatorSection():
                width = max(width, self.head_width(column.title))
            self.setColumnWidth(section, width)

    def _on_order(self, section: int, order: Any) -> None:
        """Make room for the arrow; there is none while files are as they came."""
        self.heads.setSortIndicatorShown(section >= 0)
        self.fit()
