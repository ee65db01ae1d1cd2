"""The docks of the plugin as tabs of each other, so that all of them fit one window."""

from __future__ import annotations

from typing import TypeVar

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_pmrnet.plugin.qt import single_shot

Part = TypeVar("Part", bound=QWidget)


class Tab(QObject):
    """Place of a dock in its window: a tab beside the other docks of the plugin.

    It is found once, when the dock is first shown. Where the user has put the dock
    beside other docks, in another area, or in a window of its own it stays.

    Parameters
    ----------
    dock : QWidget
        What napari puts into a dock widget of the window.
    title : str
        Text of the tab, short because six of them share the width of a dock.

    Attributes
    ----------
    placed : bool
        Whether the dock has its place. Until then it lies under the others, for which
        a low window would grow, and stay so.
    """

    def __init__(self, dock: QWidget, title: str) -> None:
        super().__init__(dock)
        self._dock, self._title = dock, title
        self._holder: QDockWidget | None = None
        self.placed = False
        # The window has placed the dock when the events at hand are done.
        self._soon = single_shot(self, 0, self._bring)
        self._back = single_shot(self, 0, self._show_again)

    def bring(self) -> None:
        """Bring the dock to the front, as soon as it has its place."""
        self._soon.start()

    def release(self) -> None:
        """Leave the dock where it is."""
        self._soon.stop()
        self._back.stop()

    def _bring(self) -> None:
        holder = enclosing(self._dock, QDockWidget)
        if holder is None:
            return
        if holder is not self._holder:
            self._holder = holder
            holder.setWindowTitle(self._title)
            holder.visibilityChanged.connect(self._on_visibility)
            self._join(holder)
            self.placed = True
            self._dock.updateGeometry()
        if not holder.isHidden():
            holder.raise_()

    def _show_again(self) -> None:
        if self._holder is not None:
            self._holder.show()

    def _join(self, holder: QDockWidget) -> None:
        """Put a dock widget on a tab beside one that holds a dock of the plugin."""
        window = holder.parentWidget()
        if not isinstance(window, QMainWindow) or holder.isFloating():
            return
        area = window.dockWidgetArea(holder)
        others = [tab._holder for tab in window.findChildren(Tab) if tab is not self]
        for other in others if not window.tabifiedDockWidgets(holder) else ():
            if other is None or other.isFloating() or other.isHidden():
                continue
            if window.dockWidgetArea(other) == area:
                window.tabifyDockWidget(other, holder)
                return

    def _on_visibility(self, seen: bool) -> None:
        """Come to the front where a menu of napari would hide a tab from behind."""
        holder = self._holder
        # Qt keeps the tabs behind the one in front at negative places.
        if holder is not None and holder.isHidden() and holder.geometry().right() < 0:
            self._back.start()


def enclosing(widget: QWidget, kind: type[Part]) -> Part | None:
    """The nearest widget of a kind that a widget lies in, however deep."""
    part = widget.parentWidget()
    while part is not None and not isinstance(part, kind):
        part = part.parentWidget()
    return part
