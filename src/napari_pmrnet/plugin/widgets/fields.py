"""One form field a kind of setting, each able to say what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QStyle,
    QStyleOptionSpinBox,
    QWidget,
)

from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.plugin.widgets.layout import stack, text_label

BEYOND = 1_000_000
OPEN = -1
DECIMALS = 2
"""Of a number that is shown in another unit than pixels."""
_CURSOR = 8
"""Pixels of a line edit that its text leaves free, the cursor among them."""


class Field(QWidget):
    """A control with room for the reason why its value will not do.

    The control that a label names is the focus proxy. Numbers outside their bounds can
    be typed, so that they can be explained; the arrows and the slider stay within.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reason = text_label("reason")
        self.reason.hide()
        self.row = QHBoxLayout()
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(6)
        stack(self, self.row, self.reason, spacing=2)

    def value(self) -> Any:
        """Give the current value."""
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        """Change the value, as the user would."""
        raise NotImplementedError

    def set_reason(self, text: str) -> None:
        """Show why the value is wrong; an empty text takes the reason away."""
        self.reason.setText(text)
        self.reason.setVisible(bool(text))


class _DecimalSpin(QDoubleSpinBox):
    """Spin box whose arrows stay within bounds that typing may pass."""

    bounds: tuple[float, float] = (0.0, 1.0)

    def sizeHint(self) -> QSize:
        """Room for the numbers within bounds, in the font of the theme."""
        texts = [self.textFromValue(bound) + self.suffix() for bound in self.bounds]
        texts.append(self.specialValueText())
        width = max(map(self.fontMetrics().horizontalAdvance, texts)) + _CURSOR
        option = QStyleOptionSpinBox()
        self.initStyleOption(option)
        size = QSize(width, super().sizeHint().height())
        kind = QStyle.ContentsType.CT_SpinBox
        wide = there(self.style()).sizeFromContents(kind, option, size, self).width()
        return QSize(wide, size.height())

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def stepBy(self, steps: int) -> None:
        low, high = self.bounds
        self.setValue(min(max(self.value() + steps * self.singleStep(), low), high))


class DecimalField(Field):
    """A number between bounds: a slider to feel the effect, a box to be exact."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        super().__init__()
        self._step = spec.get("step", 0.05)
        low, high = spec.get("min", 0.0), spec.get("max", 1.0)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(low / self._step), round(high / self._step))
        self.spin = _DecimalSpin()
        self.spin.setRange(-BEYOND, BEYOND)
        self.spin.bounds = (low, high)
        self.spin.setSingleStep(self._step)
        self.spin.setDecimals(2)
        fixed = QSizePolicy.Policy.Fixed
        self.spin.setSizePolicy(fixed, fixed)
        self.setFocusProxy(self.spin)
        self.row.addWidget(self.slider, 1)
        self.row.addWidget(self.spin)
        self.spin.valueChanged.connect(self._follow)
        self.slider.valueChanged.connect(self._slide)

    def value(self) -> float:
        return round(self.spin.value(), 6)

    def set_value(self, value: float) -> None:
        self.spin.setValue(value)

    def _slide(self, position: int) -> None:
        self.spin.setValue(position * self._step)

    def _follow(self, value: float) -> None:
        blocked = self.slider.blockSignals(True)
        self.slider.setValue(round(value / self._step))
        self.slider.blockSignals(blocked)
        self.changed.emit()


class _OptionalSpin(_DecimalSpin):
    """Spin box with "Automatic" below its lowest number."""

    start: float = 1.0

    def stepBy(self, steps: int) -> None:
        if self.value() == OPEN:
            self.setValue(self.start if steps > 0 else OPEN)
        elif self.value() + steps * self.singleStep() < self.bounds[0]:
            self.setValue(OPEN)
        else:
            super().stepBy(steps)


class OptionalField(Field):
    """A number of pixels that may be left to the program, shown in any unit."""

    decimals = 1

    def __init__(self, spec: Mapping[str, Any]) -> None:
        super().__init__()
        self._spec = spec
        self._pixels: float | None = None
        self.spin = _OptionalSpin()
        self.spin.setRange(OPEN, BEYOND)
        self.spin.setSpecialValueText("Automatic")
        self.show_in("px", 1.0)
        self.setFocusProxy(self.spin)
        self.row.addWidget(self.spin)
        self.spin.valueChanged.connect(self._on_spin)

    def value(self) -> float | None:
        """The number of pixels; None if it is left to the program."""
        return self._pixels

    def set_value(self, value: float | None) -> None:
        pixels = None if value is None else round(float(value), self.decimals)
        if pixels != self._pixels:
            self._pixels = pixels
            self._show()
            self.changed.emit()

    def show_in(self, unit: str, pixel: float) -> None:
        """Show the same number of pixels in a unit.

        Parameters
        ----------
        unit : str
            As it is shown.
        pixel : float
            Size of a pixel in that unit.
        """
        spec, spin = self._spec, self.spin
        self._pixel = pixel
        blocked = spin.blockSignals(True)
        spin.setSuffix(f" {unit}")
        spin.setDecimals(self.decimals if pixel == 1 else DECIMALS)
        spin.setSingleStep(spec.get("step", 1) * pixel)
        spin.bounds = (spec["min"] * pixel, spec["max"] * pixel)
        spin.start = spec.get("start", spec["min"]) * pixel
        spin.blockSignals(blocked)
        self._show()

    def _show(self) -> None:
        blocked = self.spin.blockSignals(True)
        pixels = self._pixels
        self.spin.setValue(OPEN if pixels is None else pixels * self._pixel)
        self.spin.blockSignals(blocked)

    def _on_spin(self, value: float) -> None:
        pixels = None if value == OPEN else round(value / self._pixel, self.decimals)
        self._pixels = pixels
        self.changed.emit()


class OptionalWholeField(OptionalField):
    """A whole number that may be left to the program."""

    decimals = 0

    def value(self) -> int | None:
        value = super().value()
        return None if value is None else int(value)


class TickField(Field):
    """Yes or no; the label stands beside the box."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        super().__init__()
        self.box = QCheckBox(spec["label"])
        self.setFocusProxy(self.box)
        self.row.addWidget(self.box)
        self.box.toggled.connect(self.changed)

    def value(self) -> bool:
        return self.box.isChecked()

    def set_value(self, value: bool) -> None:
        self.box.setChecked(value)


class ChoiceField(Field):
    """One of several values, each under a label of its own.

    The values stay on the Python side: Qt would turn a layer or None into something
    of its own.
    """

    def __init__(self, choices: Sequence[tuple[Any, str]] = ()) -> None:
        super().__init__()
        self._values: list[Any] = []
        self.combo = narrow(QComboBox())
        self.setFocusProxy(self.combo)
        self.row.addWidget(self.combo, 1)
        self.set_choices(choices)
        self.combo.currentIndexChanged.connect(self.changed)

    def value(self) -> Any:
        place = self.combo.currentIndex()
        return self._values[place] if 0 <= place < len(self._values) else None

    def set_value(self, value: Any) -> None:
        """Choose a value; one that is not on offer is added under its file name."""
        if value not in self._values:
            self._values.append(value)
            self.combo.addItem(Path(str(value)).name)
        self.combo.setCurrentIndex(self._values.index(value))

    def set_choices(self, choices: Sequence[tuple[Any, str]]) -> None:
        """Offer other values; the current one stays chosen if it is among them."""
        before = self.value()
        blocked = self.combo.blockSignals(True)
        self.combo.clear()
        self._values = [value for value, _ in choices]
        self.combo.addItems([label for _, label in choices])
        if before in self._values:
            self.combo.setCurrentIndex(self._values.index(before))
        self.combo.blockSignals(blocked)
        if self.value() != before:
            self.changed.emit()


def narrow(combo: QComboBox) -> QComboBox:
    """Keep a combo box from widening the dock for a long name."""
    combo.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    combo.setMinimumContentsLength(6)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo
