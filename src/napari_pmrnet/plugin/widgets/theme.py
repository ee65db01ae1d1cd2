"""Colours of the dock that napari's themes have no name for."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QSlider, QWidget

_DARK = {"error": "#ff8f80", "warning": "#f2c14e", "good": "#7fd18b", "hint": "#a9adb8"}
_LIGHT = {
    "error": "#a8071a",
    "warning": "#7a4b00",
    "good": "#1e6b2b",
    "hint": "#5a5d66",
}


def style_sheet(theme: str) -> str:
    """Style sheet of the dock under a napari theme, readable on its background.

    Parameters
    ----------
    theme : str
        Name of the theme: ``"dark"``, ``"light"`` or one of a plugin.
    """
    tone = tones(theme)
    return f"""
    QLabel#reason, QLabel#status[tone="error"] {{ color: {tone["error"]}; }}
    QLabel#status[tone="warning"], QLabel#advice {{ color: {tone["warning"]}; }}
    QLabel#status[tone="good"] {{ color: {tone["good"]}; }}
    QLabel#hint {{ color: {tone["hint"]}; }}
    QFrame#notice {{ border: 1px solid {tone["warning"]}; border-radius: 4px; }}
    QToolButton#fold {{ border: none; background: transparent; padding: 4px 0; }}
    QPushButton#run {{ font-weight: bold; }}
    """


def tones(theme: str) -> dict[str, str]:
    """Colours of ``error``, ``warning``, ``good`` and ``hint`` under a theme."""
    return _DARK if is_dark(theme) else _LIGHT


def is_dark(theme: str) -> bool:
    """Tell whether a theme has light text on a dark background."""
    from napari.utils.theme import get_theme

    red, green, blue = get_theme(theme).background.as_rgb_tuple()[:3]
    return 0.299 * red + 0.587 * green + 0.114 * blue < 128


class WheelGuard(QObject):
    """Lets the mouse wheel scroll the dock instead of changing what lies under it.

    A control takes the wheel once it was clicked or reached by the Tab key.
    """

    def eventFilter(self, watched: Any, event: Any) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Pass the wheel on to the scroll area unless the control has the focus."""
        if event.type() == QEvent.Type.Wheel and not watched.hasFocus():
            event.ignore()
            return True
        return False

    def protect(self, widget: QWidget) -> None:
        """Guard every number, slider and choice inside a widget."""
        for kind in (QAbstractSpinBox, QComboBox, QSlider):
            for control in widget.findChildren(kind):
                control.installEventFilter(self)
                # The wheel gives the focus too, by default, and only then arrives.
                if control.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                    control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
