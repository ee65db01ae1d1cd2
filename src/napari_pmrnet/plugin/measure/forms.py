"""What is measured beside the usual, and the classes that nuclei fall into."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from napari_pmrnet.io.units import PIXEL
from napari_pmrnet.plugin.measure.formatting import shown_unit
from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.fields import narrow
from napari_pmrnet.plugin.widgets.layout import row_of, stack, text_label
from napari_pmrnet.proofreading.classes import Classes
from napari_pmrnet.proofreading.intensities import LARGEST_RING, Options
from napari_pmrnet.proofreading.texture import Distance

_RING = (
    "<span>Width of a ring around each nucleus, such as its cytoplasm, whose mean "
    "intensity is measured too. Each pixel counts for the nearest nucleus, and none in "
    "a nucleus does</span>"
)
_BACKGROUND = (
    "<span>Subtract from intensities the median of all pixels outside nuclei. Columns "
    "say so</span>"
)
_TEXTURE = (
    "<span>Measure texture too: contrast, homogeneity, correlation and entropy of grey "
    "levels at pixels this far apart. About the size of what is to be told apart, such "
    "as clumps of chromatin</span>"
)
_CLASSES = (
    "<span>Nuclei of at least the threshold are in the first class, the others in the "
    "second; orange and blue in the canvas</span>"
)
_LARGEST = 1e12
_FARTHEST, _DECIMALS = 1e4, 3


class OptionsForm(QWidget):
    """Width of the ring, subtraction of the background, distance of texture."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.ring = QSpinBox()
        self.ring.setRange(0, LARGEST_RING)
        self.ring.setSuffix(" px")
        self.ring.setSpecialValueText("none")
        self.ring.setToolTip(_RING)
        self.background = QCheckBox("Minus background")
        self.background.setToolTip(_BACKGROUND)
        self.texture = QDoubleSpinBox()
        self.texture.setRange(0, _FARTHEST)
        self.texture.setDecimals(_DECIMALS)
        self.texture.setSpecialValueText("none")
        self.texture.setKeyboardTracking(False)
        self.texture.setToolTip(_TEXTURE)
        self._unit = ""
        self.show_unit(PIXEL, 1.0)
        stack(
            self,
            row_of(
                (QLabel("Ring"), 0),
                (self.ring, 1),
                (QLabel("Texture at"), 0),
                (self.texture, 1),
            ),
            self.background,
            spacing=4,
        )
        self.ring.valueChanged.connect(self.changed)
        self.background.toggled.connect(self.changed)
        self.texture.valueChanged.connect(self.changed)

    def options(self) -> Options:
        """The options as they are set."""
        length = round(self.texture.value(), _DECIMALS)
        texture = Distance(length, self._unit) if length else None
        return Options(self.ring.value(), self.background.isChecked(), texture)

    def show_unit(self, unit: str, pixel: float) -> None:
        """Take lengths in another unit; its arrows go by pixels of that size."""
        self.texture.setSingleStep(max(round(pixel, _DECIMALS), 10**-_DECIMALS))
        if unit == self._unit:
            return
        self._unit = unit
        self.texture.setSuffix(f" {shown_unit(unit)}")
        if self.texture.value():
            self.changed.emit()


class ClassForm(QWidget):
    """A column, a threshold, and the names of the classes on either side.

    ``column_chosen`` tells of a column that the user takes, for which a threshold is
    wanted; ``changed`` of anything that the user changes.
    """

    column_chosen = Signal(str)
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        usual = Classes("", 0.0)
        self._columns: list[str] = []
        self.column = narrow(QComboBox())
        self.column.setToolTip(_CLASSES)
        self.threshold = QDoubleSpinBox()
        self.threshold.setRange(-_LARGEST, _LARGEST)
        self.threshold.setDecimals(4)
        self.threshold.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.threshold.setKeyboardTracking(False)
        self.above, self.below = QLineEdit(usual.above), QLineEdit(usual.below)
        for field, which in ((self.above, "of at least"), (self.below, "below")):
            field.setToolTip(f"Class of nuclei {which} the threshold")
            field.setAccessibleName(f"Class of nuclei {which} the threshold")
        self.counts = text_label("hint")
        stack(
            self,
            row_of(
                (QLabel("Classes by"), 0),
                (self.column, 3),
                (QLabel("from"), 0),
                (self.threshold, 3),
            ),
            row_of((self.above, 1), (self.below, 1)),
            self.counts,
            spacing=4,
        )
        self.offer([])
        self.column.activated.connect(self._on_column)
        self.threshold.valueChanged.connect(self.changed)
        for name in (self.above, self.below):
            name.editingFinished.connect(self.changed)

    def offer(self, columns: Sequence[tuple[str, str]]) -> bool:
        """Offer columns under their titles; tells whether they are other ones."""
        names = ["", *(name for name, _ in columns)]
        if names == self._columns:
            return False
        before, self._columns = self._chosen(), names
        self.column.clear()
        self.column.addItems(["none", *(title for _, title in columns)])
        self._choose(before)
        return True

    def classes(self) -> Classes | None:
        """The classes as they are set; None without a column or with equal names."""
        above, below = self.above.text().strip(), self.below.text().strip()
        column = self._chosen()
        if not column or not above or not below or above == below:
            return None
        return Classes(column, round(self.threshold.value(), 4), above, below)

    def show_classes(self, classes: Classes | None) -> None:
        """Show other classes, without telling."""
        blocked = self.blockSignals(True)
        self._choose("" if classes is None else classes.column)
        if classes is not None:
            self.threshold.setValue(classes.threshold)
            self.above.setText(classes.above)
            self.below.setText(classes.below)
        self.blockSignals(blocked)
        self._enable()

    def propose(self, threshold: float) -> None:
        """Show another threshold, without telling."""
        blocked = self.blockSignals(True)
        self.threshold.setValue(threshold)
        self.blockSignals(blocked)

    def _chosen(self) -> str:
        place = self.column.currentIndex()
        return self._columns[place] if 0 <= place < len(self._columns) else ""

    def _choose(self, column: str) -> None:
        place = self._columns.index(column) if column in self._columns else 0
        self.column.setCurrentIndex(place)
        self._enable()

    def _enable(self) -> None:
        for part in (self.threshold, self.above, self.below):
            part.setEnabled(bool(self._chosen()))

    def _on_column(self) -> None:
        self._enable()
        if self._chosen():
            self.column_chosen.emit(self._chosen())
        self.changed.emit()
