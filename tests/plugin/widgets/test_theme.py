"""Colours that can be read, and a wheel that scrolls the dock."""

import pytest
from legible import contrast
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QSpinBox, QVBoxLayout, QWidget
from wheel import turn_wheel

from napari_pmrnet.plugin.widgets.theme import (
    WheelGuard,
    is_dark,
    style_sheet,
    tones,
)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("tone", ["error", "warning", "good", "hint", "focus"])
def test_every_tone_can_be_read_on_the_background(theme: str, tone: str) -> None:
    colour = tones(theme)[tone].lstrip("#")
    ground = get_theme(theme).background.as_rgb_tuple()
    assert contrast(tuple(bytes.fromhex(colour)), ground) >= 4.5


def test_a_theme_is_dark_or_light_and_its_sheet_has_its_colours(qapp) -> None:
    assert is_dark("dark") and not is_dark("light")
    for theme in ("dark", "light"):
        assert all(colour in style_sheet(theme, 9) for colour in tones(theme).values())
    assert set(tones("dark").values()).isdisjoint(tones("light").values())


def test_the_wheel_changes_only_what_has_the_focus(qtbot) -> None:
    panel = QWidget()
    qtbot.addWidget(panel)
    number, choice, free = QSpinBox(), QComboBox(), QSpinBox()
    choice.addItems(["a", "b"])
    choice.setCurrentIndex(1)
    column = QVBoxLayout(panel)
    column.addWidget(number)
    column.addWidget(choice)
    guard = WheelGuard(panel)
    guard.protect(panel)
    column.addWidget(free)
    for control in (number, choice, free):
        control.hasFocus = lambda: False
    assert not turn_wheel(number) and number.value() == 0
    assert not turn_wheel(choice) and choice.currentIndex() == 1
    assert turn_wheel(free) and free.value() == 1, "came after the guard"
    assert number.focusPolicy() == Qt.FocusPolicy.StrongFocus
    number.hasFocus = lambda: True
    assert turn_wheel(number) and number.value() == 1
