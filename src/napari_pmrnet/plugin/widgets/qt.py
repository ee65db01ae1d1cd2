"""What docks and layers need of Qt beyond its widgets.

`Signal` has another name in PyQt's stubs than in PySide's, so that a type checker
takes qtpy's for private; it is let through once, here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from qtpy import QtCore
from qtpy.QtCore import QObject, QTimer

Signal = QtCore.Signal  # pyright: ignore[reportPrivateImportUsage]
Part = TypeVar("Part")


def there(part: Part | None) -> Part:
    """A part that is never missing, though PyQt's stubs say that it may be."""
    if part is None:
        raise TypeError("Qt has no such part")
    return part


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
