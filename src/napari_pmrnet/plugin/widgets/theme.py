"""Colours of the dock that napari's themes have no name for."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QSlider,
    QWidget,
)

_DARK = {
    "error": "#ff8f80",
    "warning": "#f2c14e",
    "good": "#7fd18b",
    "hint": "#a9adb8",
    "focus": "#d8dae0",
}
_LIGHT = {
    "error": "#a8071a",
    "warning": "#7a4b00",
    "good": "#1e6b2b",
    "hint": "#5a5d66",
    "focus": "#3a3d45",
}
_PADDINGS = {
    "QAbstractItemView": "0",
    "QAbstractSpinBox": "0 9px",
    "QCheckBox": "0",
    "QComboBox": "2px 9px 2px 7px",
    "QLabel": "0",
    "QLineEdit": "1px",
    "QPushButton": "3px",
    "QScrollArea#said": "0",
    "QSlider": "0",
    "QTextBrowser": "3px 1px 3px 3px",
    "QToolButton#fold": "3px 0",
}
"""Padding of what has the focus: a pixel less than napari's, for the border."""
_SPIN = 8.6
"""Least width of a number in pixels a point of type; napari's own is 70 pixels."""
_LINES = {"QAbstractSpinBox": 18, "QLineEdit": 20}
"""Least heights of napari's, in pixels, to which Qt shrinks what needs more."""


def style_sheet(theme: str, font_size: int) -> str:
    """Style sheet of the dock under a napari theme, readable on its background.

    Parameters
    ----------
    theme : str
        Name of the theme: ``"dark"``, ``"light"`` or one of a plugin.
    font_size : int
        Of napari's settings, in points, which napari leaves out of some widgets.
    """
    tone, line = tones(theme), _line_height(font_size)
    high = "\n".join(
        f"{kind} {{ min-height: {max(least, line)}px; }}"
        for kind, least in _LINES.items()
    )
    focus = "\n".join(
        f"{kind}:focus {{ border: 1px solid {tone['focus']}; padding: {padding}; }}"
        for kind, padding in _PADDINGS.items()
    )
    return f"""
    QLabel#reason, QLabel#status[tone="error"] {{ color: {tone["error"]}; }}
    QLabel#status[tone="warning"], QLabel#advice {{ color: {tone["warning"]}; }}
    QLabel#status[tone="good"] {{ color: {tone["good"]}; }}
    QLabel#hint {{ color: {tone["hint"]}; }}
    QFrame#notice {{ border: 1px solid {tone["warning"]}; border-radius: 4px; }}
    QToolButton#fold {{ border: none; background: transparent; padding: 4px 0; }}
    QPushButton#run {{ font-weight: bold; }}
    QAbstractSpinBox {{ min-width: {_SPIN * font_size:.0f}px; }}
    QTableView, QHeaderView, QGraphicsView, QLineEdit, QProgressBar,
    QToolButton#fold, QWidget#curve {{ font-size: {font_size}pt; }}
    {high}
    {focus}
    QAbstractSpinBox > QLineEdit:focus {{ border: none; padding: 2px; }}
    """


def _line_height(font_size: int) -> int:
    """Height in pixels of a line of type of a size in points."""
    font = QApplication.font()
    font.setPointSize(font_size)
    return QFontMetrics(font).height()


def tones(theme: str) -> dict[str, str]:
    """Colours of each tone, and of the frame of what has the focus, under a theme."""
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
