"""Base of every dock: it takes the theme's colours, fits, and lets go at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import napari.viewer
from napari.settings import get_settings
from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtWidgets import QWidget

from napari_pmrnet.plugin.layers.source_image import folder_on_show
from napari_pmrnet.plugin.qt import single_shot
from napari_pmrnet.plugin.widgets.drawing import turn_to_canvas
from napari_pmrnet.plugin.widgets.layout import Part, Scrolling, column_of, stack
from napari_pmrnet.plugin.widgets.status import StatusLine
from napari_pmrnet.plugin.widgets.tabs import Tab
from napari_pmrnet.plugin.widgets.theme import WheelGuard, style_sheet
from napari_pmrnet.plugin.widgets.worker import Runner

LIST_DELAY = 100


class Dock(QWidget):
    """A widget that napari puts into a dock.

    A dock makes its timers and runners by `_timer` and `_runner`, so that they end with
    it, lays out its parts by `_fill`, so that it fits the window, and calls `_restyle`
    for its first colours once its parts are there.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Viewer it belongs to.

    Attributes
    ----------
    status : StatusLine
        Where it says what it does; given by each dock.
    tab : str
        Text of its tab.
    """

    tab: ClassVar[str]
    least_width: ClassVar[int] = 416
    status: StatusLine

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._released = False
        self._guard, self._tab = WheelGuard(self), Tab(self, self.tab)
        self._timers: list[QTimer] = []
        self._runners: list[Runner] = []
        self._followed: list[tuple[Any, Callable[..., Any]]] = []
        self._follow(viewer.events.theme, self._restyle)
        self._follow(viewer.layers.events.removing, self._on_removing)
        # Once the window has its fonts.
        soon = self._timer(0, self._restyle)
        sizes = get_settings().appearance.events.font_size
        self._follow(sizes, lambda _: soon.start())

    def release(self) -> None:
        """Let go of the viewer and of running work; for a dock that goes away."""
        if self._released:
            return
        self._released = True
        self._tab.release()
        self._let_go()
        for emitter, slot in self._followed:
            emitter.disconnect(slot)
        for timer in self._timers:
            timer.stop()
        for runner in self._runners:
            runner.shut_down()

    def event(self, event: QEvent) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]  # PyQt's stubs: a0
        """Guard and place what is shown; clean up when napari takes the widget away."""
        if event.type() == QEvent.Type.Show:
            self._guard.protect(self)
            if not event.spontaneous():
                self._tab.bring()
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.release()
        return super().event(event)

    def minimumSizeHint(self) -> QSize:
        """At least as wide as reads well, and of any height until it has its place."""
        hint = super().minimumSizeHint().expandedTo(QSize(self.least_width, 0))
        return hint if self._tab.placed else QSize(hint.width(), 0)

    def say(self, text: str, tone: str = "plain") -> None:
        """Show a sentence in one of the tones of the status line."""
        self.status.say(text, tone)

    def _complain(self, message: str) -> None:
        """Say what is wrong, in the dock and as a notification."""
        self.say(message, "error")
        show_error(message)

    def _folder_on_show(self) -> Path:
        """Folder of the image on show, for `FileDialogs`."""
        return folder_on_show(self._viewer)

    def _standing(self) -> tuple[str, str]:
        """Sentence and tone for when there is nothing else to say."""
        return "", "plain"

    def _look_again(self, *_: Any) -> None:
        """Take a complaint back: something has changed that may have been its cause."""
        if self.status.tone in ("error", "warning"):
            self.say(*self._standing())

    def _fill(
        self, *body: Part, head: Sequence[Part] = (), foot: Sequence[Part] = ()
    ) -> None:
        """Lay out the parts of the dock.

        Parameters
        ----------
        *body : QWidget, QLayout or (QWidget, int)
            Scrolls where the window is low.
        head, foot : sequence of the same
            Always in view. What grows and shrinks with what it says belongs into the
            head, or on top of the foot, where it moves no button under the mouse.
        """
        middle = Scrolling(column_of(*body)), 1
        stack(self, *head, middle, *foot, margins=None, spacing=6)

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

    def _look_again_at_layers(self) -> None:
        """Take complaints back at once when layers come or go."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed):
            self._follow(event, self._look_again)

    def _on_layers(self, event: Any = None) -> None:
        self._layers_timer.start()

    def _on_removing(self, event: Any = None) -> None:
        turn_to_canvas(self)

    def _restyle(self, event: Any = None) -> None:
        size = get_settings().appearance.font_size
        self.setStyleSheet(style_sheet(self._viewer.theme, size))
