"""What every dock does: takes the theme's colours, and lets go when it goes away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari.viewer
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QWidget

from napari_pmrnet.plugin.widgets.theme import style_sheet

LIST_DELAY = 100


class Dock(QWidget):
    """A widget that napari puts into a dock.

    Once its parts are there, a dock calls `_restyle` for its first colours. What it
    says goes to its ``status``, or where its own `say` puts it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer it belongs to.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._released = False
        self._layers_timer: QTimer | None = None
        viewer.events.theme.connect(self._restyle)

    def release(self) -> None:
        """Let go of the viewer and of running work; for a dock that goes away."""
        if self._released:
            return
        self._released = True
        self._viewer.events.theme.disconnect(self._restyle)
        if self._layers_timer is not None:
            self._layers_timer.stop()
            for event in self._layer_events():
                event.disconnect(self._on_layers)
        self._let_go()

    def event(self, event: QEvent) -> bool:
        """Clean up when napari takes the widget out of its dock."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.release()
        return super().event(event)

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a sentence in one of the tones of the style sheet."""
        self.status.say(text, tone)

    def _complain(self, message: str) -> None:
        """Say what is wrong, in the dock and as a notification."""
        self.say(message, "error")
        show_error(message)

    def _let_go(self) -> None:
        """Of what a dock has beside the viewer's events."""

    def _timer(self, delay: int, slot: Callable[[], Any]) -> QTimer:
        """Timer that fires once, `delay` ms after it was last started."""
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(delay)
        timer.timeout.connect(slot)
        return timer

    def _follow_layers(self, slot: Callable[[], Any]) -> None:
        """Call a slot a little after layers came or went, when all of them have."""
        self._layers_timer = self._timer(LIST_DELAY, slot)
        for event in self._layer_events():
            event.connect(self._on_layers)

    def _layer_events(self) -> tuple[Any, ...]:
        events = self._viewer.layers.events
        return events.inserted, events.removed, events.reordered

    def _on_layers(self, event: Any = None) -> None:
        self._layers_timer.start()

    def _restyle(self, event: Any = None) -> None:
        self.setStyleSheet(style_sheet(self._viewer.theme))


def scrolling(widget: QWidget) -> QScrollArea:
    """A frame that a widget scrolls in where the window is low."""
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setWidget(widget)
    return scroll
