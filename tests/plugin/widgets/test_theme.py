"""Colours that can be read, and a wheel that scrolls the dock."""

import numpy as np
import pytest
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


def luminance(rgb: tuple[int, ...]) -> float:
    """Relative luminance as in WCAG 2.1."""
    parts = np.array(rgb) / 255
    linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("tone", ["error", "warning", "good", "hint"])
def test_every_tone_can_be_read_on_the_background(theme: str, tone: str) -> None:
    colour = tones(theme)[tone].lstrip("#")
    text = luminance(tuple(bytes.fromhex(colour)))
    ground = luminance(get_theme(theme).background.as_rgb_tuple()[:3])
    contrast = (max(text, ground) + 0.05) / (min(text, ground) + 0.05)
    assert contrast >= 4.5


def test_a_theme_is_dark_or_light_and_its_sheet_has_its_colours() -> None:
    assert is_dark("dark") and not is_dark("light")
    for theme in ("dark", "light"):
        assert all(colour in style_sheet(theme) for colour in tones(theme).values())
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
