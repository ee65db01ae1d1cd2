"""Keys that lead through a folder wherever the focus is, and the end of the window."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.tabs import enclosing

PREVIOUS_KEY, NEXT_KEY = ",", "."
"""Keys that napari and the review give to nothing else."""


class WindowKeys(QObject):
    """Keys in all of a window.

    A text that is being typed gets them first.

    Parameters
    ----------
    dock : QWidget
        In the window, once it is shown.

    Attributes
    ----------
    pressed : Signal
        The way to go: 1 to the next image, -1 to the one before.
    closing : Signal
        The window is about to close.
    """

    pressed = Signal(int)
    closing = Signal()

    def __init__(self, dock: QWidget) -> None:
        super().__init__(dock)
        self._window: QMainWindow | None = None
        self._shortcuts: list[QShortcut] = []

    def follow(self, dock: QWidget) -> None:
        """Take the keys in the window that a dock is in now."""
        window = enclosing(dock, QMainWindow)
        if window is None or window is self._window:
            return
        self.release()
        self._window = window
        window.installEventFilter(self)
        for key, way in ((PREVIOUS_KEY, -1), (NEXT_KEY, 1)):
            shortcut = QShortcut(QKeySequence(key), window)
            # As in the review: a key that is held down acts once.
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(lambda way=way: self.pressed.emit(way))
            self._shortcuts.append(shortcut)

    def release(self) -> None:
        """Give the keys back."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts.clear()
        if self._window is not None:
            self._window.removeEventFilter(self)
            self._window = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Tell of the end of the window before it comes."""
        # Python may have taken this object apart before Qt does.
        window = getattr(self, "_window", None)
        if watched is window and event.type() == QEvent.Type.Close:
            self.closing.emit()
        return super().eventFilter(watched, event)
