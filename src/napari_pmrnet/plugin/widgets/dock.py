"""Base of every dock: it takes the theme's colours, and lets go when it goes away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import napari.viewer
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QWidget

from napari_pmrnet.plugin.qt import single_shot
from napari_pmrnet.plugin.widgets.status import StatusLine
from napari_pmrnet.plugin.widgets.theme import WheelGuard, style_sheet
from napari_pmrnet.plugin.widgets.worker import Runner

LIST_DELAY = 100


class Dock(QWidget):
    """A widget that napari puts into a dock.

    A dock makes its timers and runners by `_timer` and `_runner`, so that they end with
    it, and calls `_restyle` for its first colours once its parts are there.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer it belongs to.

    Attributes
    ----------
    status : StatusLine
        Where it says what it does; given by each dock.
    """

    least_width: ClassVar[int] = 410
    status: StatusLine

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._released = False
        self._guard = WheelGuard(self)
        self._timers: list[QTimer] = []
        self._runners: list[Runner] = []
        self._followed: list[tuple[Any, Callable[..., Any]]] = []
        self._follow(viewer.events.theme, self._restyle)
        self.setMinimumWidth(self.least_width)

    def release(self) -> None:
        """Let go of the viewer and of running work; for a dock that goes away."""
        if self._released:
            return
        self._released = True
        self._let_go()
        for emitter, slot in self._followed:
            emitter.disconnect(slot)
        for timer in self._timers:
            timer.stop()
        for runner in self._runners:
            runner.shut_down()

    def event(self, event: QEvent) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Guard what is shown; clean up when napari takes the widget away."""
        if event.type() == QEvent.Type.Show:
            self._guard.protect(self)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.release()
        return super().event(event)

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a sentence in one of the tones of the status line."""
        self.status.say(text, tone)

    def _complain(self, message: str) -> None:
        """Say what is wrong, in the dock and as a notification."""
        self.say(message, "error")
        show_error(message)

    def _let_go(self) -> None:
        """Let go of what a dock has beside timers, runners and followed events."""

    def _timer(self, delay: int, slot: Callable[[], Any]) -> QTimer:
        """Timer that fires once, `delay` ms after it was last started."""
        self._timers.append(single_shot(self, delay, slot))
        return self._timers[-1]

    def _runner(self, gate: Runner | None = None) -> Runner:
        """Runner of jobs in another thread; see `Runner` for the gate."""
        self._runners.append(Runner(self, gate))
        return self._runners[-1]

    def _follow(self, emitter: Any, slot: Callable[..., Any]) -> None:
        """Call a slot at an event or signal until the dock goes away."""
        emitter.connect(slot)
        self._followed.append((emitter, slot))

    def _follow_layers(self, slot: Callable[[], Any]) -> None:
        """Call a slot a little after layers came or went, when all of them have."""
        self._layers_timer = self._timer(LIST_DELAY, slot)
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            self._follow(event, self._on_layers)

    def _on_layers(self, event: Any = None) -> None:
        self._layers_timer.start()

    def _restyle(self, event: Any = None) -> None:
        self.setStyleSheet(style_sheet(self._viewer.theme))
