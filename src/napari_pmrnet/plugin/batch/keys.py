"""Keys that lead through a folder wherever the focus is, and the end of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_pmrnet.plugin.qt import Signal, there
from napari_pmrnet.plugin.widgets.keys import Action, Actions, Keys

if TYPE_CHECKING:
    from napari.components import ViewerModel

_HELP = (
    "Save what was corrected and open another image of the table, as it is sorted. The "
    "key works in all of the window"
)
FOLDER = Actions(
    "folder",
    "Segment a folder",
    (
        Action("previous", ",", "Previous image", _HELP),
        Action("next", ".", "Next image", _HELP),
    ),
)
"""Keys that napari and the review give to nothing else."""


class WindowKeys(QObject):
    """Keys in all of a window.

    A text that is being typed gets them first.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    dock : QWidget
        In the window, once it is shown.

    Attributes
    ----------
    pressed : Signal
        The way to go: 1 to the next image, -1 to the one before.
    named : Signal
        Keys as people write them, by the name of the action.
    closing : Signal
        The window is about to close.
    """

    pressed = Signal(int)
    named = Signal(dict)
    closing = Signal()

    def __init__(self, viewer: ViewerModel, dock: QWidget) -> None:
        super().__init__(dock)
        self._viewer = viewer
        self._window: QMainWindow | None = None
        self._keys: Keys | None = None

    def follow(self, dock: QWidget) -> None:
        """Take the keys in the window that a dock is in now."""
        window = dock.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        if window is None or window is self._window:
            return
        self.release()
        self._window = window
        window.installEventFilter(self)
        slots = {
            "previous": lambda: self.pressed.emit(-1),
            "next": lambda: self.pressed.emit(1),
        }
        self._keys = Keys(self._viewer, window, FOLDER, slots)
        self._keys.changed.connect(self._name)
        self._name()

    def _name(self) -> None:
        keys = there(self._keys)
        self.named.emit({one.name: keys.spelled(one.name) for one in FOLDER.each})

    def release(self) -> None:
        """Give the keys back."""
        if self._keys is not None:
            self._keys.release()
            self._keys = None
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
