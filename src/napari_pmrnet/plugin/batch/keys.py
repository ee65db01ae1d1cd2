"""Keys that lead through a folder wherever the focus is, and the end of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.keys import Action, Actions, Keys
from napari_pmrnet.plugin.widgets.tabs import enclosing

if TYPE_CHECKING:
    from napari.components import ViewerModel

_HELP = "Save what was corrected and open the image {} in the table, as it is sorted"
PREVIOUS = Action("previous", ",", "Previous image", _HELP.format("before"))
NEXT = Action("next", ".", "Next image", _HELP.format("after"))
FOLDER = Actions("folder", "Segment a folder", (PREVIOUS, NEXT))
"""Their keys are those that napari and the review give to nothing else."""


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
    closing : Signal
        The window is about to close.
    changed : Signal
        The keys are there, or are others.
    """

    pressed = Signal(int)
    closing = Signal()
    changed = Signal()

    def __init__(self, viewer: ViewerModel, dock: QWidget) -> None:
        super().__init__(dock)
        self._viewer = viewer
        self._window: QMainWindow | None = None
        self._keys: Keys | None = None

    def follow(self, dock: QWidget) -> None:
        """Take the keys in the window that a dock is in now."""
        window = enclosing(dock, QMainWindow)
        if window is None or window is self._window:
            return
        self.release()
        self._window = window
        window.installEventFilter(self)
        does = {
            PREVIOUS.name: lambda: self.pressed.emit(-1),
            NEXT.name: lambda: self.pressed.emit(1),
        }
        self._keys = Keys(self._viewer, window, FOLDER, does)
        self._keys.changed.connect(self.changed)
        self.changed.emit()

    def spelled(self, action: Action) -> str:
        """Keys of an action as people write them; empty if there is none."""
        return "" if self._keys is None else self._keys.spelled(action.name)

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
