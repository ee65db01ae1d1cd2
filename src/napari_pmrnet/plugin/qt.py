"""Parts of Qt that docks and layers need beyond its widgets.

`Signal` has another name in PyQt's stubs than in PySide's, so that a type checker
takes qtpy's for private; it is let through once, here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from qtpy import QtCore
from qtpy.QtCore import QEvent, QObject, QTimer

Signal = QtCore.Signal  # pyright: ignore[reportPrivateImportUsage]
Part = TypeVar("Part")


def there(part: Part | None) -> Part:
    """A part that cannot be missing where it is asked for, though its type allows it.

    PyQt's stubs say so of all that Qt gives as a pointer; so do fields that are None
    only as long as nothing can use them.
    """
    if part is None:
        raise TypeError("nothing is there")
    return part


class FollowsFont:
    """Base of widgets, before Qt's own, that fit what they show to their font.

    A theme gives the font once the widget is shown, and again when it changes.
    """

    def fit(self) -> None:
        """Fit what is shown to the font."""
        raise NotImplementedError

    def event(self, event: QEvent) -> bool:
        """Qt's: fit once the font is there, or is another."""
        done = super().event(event)  # pyright: ignore[reportAttributeAccessIssue]  # Qt's, after this
        if event.type() in (QEvent.Type.Polish, QEvent.Type.FontChange):
            self.fit()
        return done


def single_shot(parent: QObject | None, delay: int, slot: Callable[[], Any]) -> QTimer:
    """Timer that fires once, `delay` ms after it was last started.

    Parameters
    ----------
    parent : QObject or None
        Owner.
    delay : int
        Milliseconds; 0 waits for the events at hand only.
    slot : callable
    """
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(delay)
    timer.timeout.connect(slot)
    return timer
